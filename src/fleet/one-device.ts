/** What internal callers ask of one device by the UUIDs that the keys have there. */

import { type ArgsOf, type ResultsOf } from '#src/wire/message.ts';
import { HalError } from '#src/wire/status.ts';
import { type Connection } from './connection.ts';
import { type Device } from './device.ts';
import { entryFromFacts, keyId } from './key-entry.ts';
import { type KeyEntry } from './key-table.ts';
import { LONG, SHORT } from './time-limits.ts';

/**
 * A stored key, whether it is in the key table or not: the device's list has all facts about it.
 * @throws HalError KEY_NOT_FOUND, FORBIDDEN without login
 */
export async function tokenEntry(device: Device, connection: Connection, uuid: Uint8Array): Promise<KeyEntry> {
  const { keys } = await device.call(
    'KEY_LIST',
    { connection: connection.number, after: predecessor(uuid), limit: 1 },
    { limit: SHORT, repeat: true },
  );
  const [facts] = keys;
  if (!facts || keyId(facts.key) !== keyId(uuid)) throw new HalError('KEY_NOT_FOUND', 'not a key of this device');
  return entryFromFacts(device.index, facts);
}

/** PKEY_MATCH with the device's own UUIDs. */
export async function matchOnDevice(
  device: Device,
  connection: Connection,
  args: ArgsOf<'PKEY_MATCH'>,
): Promise<ResultsOf<'PKEY_MATCH'>> {
  return device.call('PKEY_MATCH', args, { connection: connection.number, limit: LONG, repeat: true });
}

/** The UUID right below. */
function predecessor(uuid: Uint8Array): Uint8Array {
  const before = uuid.slice();
  for (let i = before.length - 1; i >= 0; i--) {
    before[i] = (before[i] as number) - 1;
    if (before[i] !== 0xff) break;
  }
  return before;
}
