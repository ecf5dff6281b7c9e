/**
 * Vendor functions that the appliance passes on as they are: export and import of keys work with handles. Each connection
 * uses the handles that it got, and no others.
 */

import { KeyFlags } from '#src/wire/enumerations.ts';
import { decodeArgs, encodeReply, type Header } from '#src/wire/message.ts';
import { type OperationName } from '#src/wire/operations.ts';
import { HalError } from '#src/wire/status.ts';
import { type Board } from './board.ts';
import { type VendorFunction } from './board-link.ts';
import { type BoardConnection } from './connections.ts';
import { SHORT, SIGNATURE } from './time-limits.ts';

/** What each function does with handles. */
type HandleUse = 'anyone' | 'uses' | 'opens' | 'creates' | 'ends';

export const forwardedFunctions: Readonly<Partial<Record<OperationName, HandleUse>>> = {
  GET_VERSION: 'anyone',
  GET_RANDOM: 'anyone',
  CHECK_TAMPER: 'anyone',
  PKEY_OPEN: 'opens',
  PKEY_LOAD: 'creates',
  PKEY_IMPORT: 'creates',
  PKEY_CLOSE: 'ends',
  PKEY_DELETE: 'ends',
  PKEY_GET_KEY_TYPE: 'uses',
  PKEY_GET_KEY_CURVE: 'uses',
  PKEY_GET_KEY_FLAGS: 'uses',
  PKEY_GET_PUBLIC_KEY_LEN: 'uses',
  PKEY_GET_PUBLIC_KEY: 'uses',
  PKEY_EXPORT: 'uses',
};

export async function forwarded(
  board: Board,
  name: OperationName,
  { client }: Header,
  request: Uint8Array,
): Promise<Uint8Array> {
  const vendorName = name as VendorFunction;
  const use = forwardedFunctions[name];
  const args = decodeArgs(vendorName, request);
  if (use === 'anyone') {
    return encodeReply(vendorName, client, await board.link.call(vendorName, board.anyone, args, SHORT));
  }
  const connection = board.connections.get(client);
  const role = board.logins.keyUser(connection);
  checkHandles(connection, args);
  if ('uuid' in args) board.connections.checkSees(connection, args.uuid);
  const results = await role.inTurn(() => role.call(vendorName, args, SIGNATURE));
  if ('pkey' in results) connection.handles.add(results.pkey);
  if (use === 'ends' && 'pkey' in args) connection.handles.delete(args.pkey);
  if (use === 'creates' && 'uuid' in results && 'flags' in args && (args.flags & KeyFlags.TOKEN) === 0) {
    board.connections.own(connection, results.uuid);
  }
  return encodeReply(vendorName, client, results);
}

function checkHandles(connection: BoardConnection, args: object): void {
  for (const field of ['pkey', 'kekek'] as const) {
    const handle = (args as Partial<Record<typeof field, number>>)[field];
    if (handle !== undefined && !connection.handles.has(handle)) throw new HalError('KEY_NOT_FOUND');
  }
}
