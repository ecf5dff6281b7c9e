/** From the bytes of a request to the bytes of its reply. */

import { wipe } from '#src/crypto/process-hardening.ts';
import { CryptoRefusal } from '#src/crypto/refusal.ts';
import { SigningKey } from '#src/crypto/signing-key.ts';
import { type Operation } from '#src/wire/operation.ts';
import { operationOf, operations } from '#src/wire/operations.ts';
import {
  decodeArgs,
  encodeError,
  encodeReply,
  encodeSizeReply,
  type Header,
  readHeader,
  type ResultsOf,
} from '#src/wire/message.ts';
import { CkrError, CKR_STATUS_BASE, HalError, HalStatus, WireError } from '#src/wire/status.ts';
import { ckrOfRefusal } from './crypto-refusals.ts';
import { type Device } from './device.ts';
import { type Answer, type DeviceFunction, SignatureToMake, SizeReply } from './handler.ts';
import { handlers } from './handlers.ts';

/** Any function: which one is known only when a message arrives. */
type AnyFunction = DeviceFunction & 'KEY_SIGN';

type Reply = Uint8Array | Promise<Uint8Array>;

/** A reply that waits for its signature, and where it belongs. */
interface Unsigned {
  readonly place: number;
  readonly header: Header;
  readonly task: SignatureToMake;
}

/**
 * Answers requests that arrived together; requests shorter than a header get no reply. Never throws and never rejects: every
 * request has exactly one reply. Fast signatures are made together at the end.
 */
export function answerAll(device: Device, requests: readonly Uint8Array[]): Reply[] {
  const replies: Reply[] = [];
  const unsigned: Unsigned[] = [];
  for (const request of requests) {
    const header = readHeader(request);
    if (header === undefined) continue;
    const reply = answer(device, header, request);
    if (reply instanceof SignatureToMake) unsigned.push({ place: replies.length, header, task: reply });
    replies.push(reply instanceof SignatureToMake ? NOTHING : reply);
  }
  if (unsigned.length > 0) sign(device, unsigned, replies);
  return replies;
}

const NOTHING = new Uint8Array(0);

function sign(device: Device, unsigned: readonly Unsigned[], replies: Reply[]): void {
  let signatures: Uint8Array[] | undefined;
  if (unsigned.length > 1) {
    try {
      signatures = SigningKey.signTogether(unsigned.map(({ task }) => task));
    } catch {
      // One by one, so that one bad input does not fail its neighbours.
    }
  }
  unsigned.forEach(({ place, header, task }, i) => {
    const signature = signatures?.[i];
    replies[place] = guarded(device, header, 'KEY_SIGN', () =>
      encodeReply('KEY_SIGN', header.client, { signature: signature ?? make(task) }),
    );
  });
}

function make({ key, scheme, input }: SignatureToMake): Uint8Array {
  return key.sign(scheme, input) as Uint8Array;
}

function answer(device: Device, header: Header, request: Uint8Array): Reply | SignatureToMake {
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
    else if (caller === 'so') device.access.checkSo(connection);
    const results = handlers[name](device, connection, args);
    if (results instanceof SignatureToMake) return results;
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
  if (results instanceof SignatureToMake) return encodeReply(name, client, { signature: make(results) });
  if (results instanceof SizeReply) return encodeSizeReply(name, client, results.results);
  const reply = encodeReply(name, client, results);
  for (const secret of secretsIn(name, results)) wipe(secret);
  return reply;
}

/** What of the results must not outlive the reply. */
function secretsIn(name: DeviceFunction, results: object): readonly Uint8Array[] {
  switch (name) {
    case 'KEY_DECRYPT':
      return [(results as ResultsOf<'KEY_DECRYPT'>).result];
    case 'KEY_VALUE':
      return (results as ResultsOf<'KEY_VALUE'>).attributes.map(({ value }) => value);
    default:
      return [];
  }
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
  const isVendor = operations[name as AnyFunction].leg === 'vendor';
  if (error instanceof CkrError || (error instanceof CryptoRefusal && !isVendor)) {
    device.log.debug(`${name}: ${error.message}`);
    const ckr = error instanceof CkrError ? error.ckr : ckrOfRefusal(error.reason);
    // A vendor client knows libhal's numbers only: what the rules refuse is forbidden.
    return encodeError(code, client, isVendor ? HalStatus.FORBIDDEN : CKR_STATUS_BASE + ckr);
  }
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
const SERIOUS = new Set([
  HalStatus.KEYSTORE_ACCESS,
  HalStatus.NO_KEY_INDEX_SLOTS,
  HalStatus.KEYSTORE_LOST_DATA,
  HalStatus.BAD_ATTRIBUTE_LENGTH,
]);
