/** From the bytes of a request to the bytes of its reply. */

import { type Operation } from '#src/wire/operation.ts';
import { operationOf, operations } from '#src/wire/operations.ts';
import { decodeArgs, encodeError, encodeReply, encodeSizeReply, type Header } from '#src/wire/message.ts';
import { HalError, HalStatus, WireError } from '#src/wire/status.ts';
import { type Device } from './device.ts';
import { type Answer, type DeviceFunction, SizeReply } from './handler.ts';
import { handlers } from './handlers.ts';

/** Any function: which one is known only when a message arrives. */
type AnyFunction = DeviceFunction & 'KEY_SIGN';

/** Answers a request. Never throws and never rejects: every request has exactly one reply. */
export function answer(device: Device, header: Header, request: Uint8Array): Uint8Array | Promise<Uint8Array> {
  const name = operationOf(header.code) as AnyFunction | undefined;
  if (name === undefined || !Object.hasOwn(handlers, name)) {
    return encodeError(header.code, header.client, HalStatus.RPC_BAD_FUNCTION);
  }
  try {
    const args = decodeArgs(name, request);
    // Vendor functions have the connection in the client word, ours in their first argument.
    const { leg, caller } = operations[name] as Operation;
    const connection = leg === 'vendor' ? header.client : (args.connection ?? 0);
    if (caller === 'userOrWheel') device.access.checkUserOrWheel(connection);
    else if (caller === 'wheel') device.access.checkWheel(connection);
    const results = handlers[name](device, connection, args);
    if (!(results instanceof Promise)) return encode(name, header.client, results);
    return results.then(
      (settled) => guarded(device, header, name, () => encode(name, header.client, settled)),
      (error: unknown) => failure(device, header, name, error),
    );
  } catch (error) {
    return failure(device, header, name, error);
  }
}

function encode(name: AnyFunction, client: number, results: Answer<AnyFunction>): Uint8Array {
  if (results instanceof SizeReply) return encodeSizeReply(name, client, results.results);
  return encodeReply(name, client, results);
}

function guarded(device: Device, header: Header, name: string, work: () => Uint8Array): Uint8Array {
  try {
    return work();
  } catch (error) {
    return failure(device, header, name, error);
  }
}

/** The one place where errors become statuses. */
function failure(device: Device, { code, client }: Header, name: string, error: unknown): Uint8Array {
  if (error instanceof HalError) {
    if (SERIOUS.has(error.status)) device.log.error(`${name}: ${error.message}`);
    else device.log.debug(`${name}: ${error.message}`);
    return encodeError(code, client, error.status);
  }
  if (error instanceof WireError) {
    device.log.debug(`${name}: ${error.message}`);
    return encodeError(code, client, error.status);
  }
  device.log.error(`${name}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  return encodeError(code, client, HalStatus.ASSERTION_FAILED);
}

/** Failures of the device itself, which the operator has to hear of. */
const SERIOUS = new Set([HalStatus.KEYSTORE_ACCESS, HalStatus.KEYSTORE_LOST_DATA, HalStatus.BAD_ATTRIBUTE_LENGTH]);
