/**
 * Messages: `function, client, arguments` and `function, client, status, results` (libhal `rpc_server.c`).
 * Results follow only a status of 0; an error reply is exactly 12 bytes.
 */

import { Limits } from './enumerations.ts';
import { type Args, type Operation, type Results } from './operation.ts';
import { type OperationName, type Operations, operations } from './operations.ts';
import { type Schema } from './schema.ts';
import { Bug, CkrError, CKR_STATUS_BASE, HalError, HalStatus, WireError } from './status.ts';
import { word, XdrReader, XdrWriter } from './xdr.ts';

/** Function code and client word, the first 8 bytes of every message. */
export interface Header {
  readonly code: number;
  readonly client: number;
}

export const HEADER_SIZE = 8;

/** Where the results of a reply begin; the length of an error reply. */
const STATUS_END = 12;

/** Arguments of the function called `N`. */
export type ArgsOf<N extends OperationName> = Args<Operations[N]>;

/** Results of the function called `N`, without its size query. */
export type ResultsOf<N extends OperationName> = Results<Operations[N]>;

const writer = new XdrWriter();

/** The header of a message, `undefined` if it is shorter than 8 bytes (such messages are ignored). */
export function readHeader(message: Uint8Array): Header | undefined {
  if (message.length < HEADER_SIZE) return undefined;
  return { code: word(message, 0), client: word(message, 4) };
}

/** Encodes a request into a buffer of its own. */
export function encodeRequest<N extends OperationName>(name: N, client: number, args: ArgsOf<N>): Uint8Array {
  const operation: Operation = operations[name];
  start(operation.code, client);
  operation.argsSchema.write(writer, args, '');
  return finish();
}

/** Decodes the arguments of a request. Bytes behind the last argument are ignored, as libhal does. */
export function decodeArgs<N extends OperationName>(name: N, message: Uint8Array): ArgsOf<N> {
  return (operations[name] as Operation).argsSchema.read(new XdrReader(message, HEADER_SIZE), '') as ArgsOf<N>;
}

/** Encodes a success reply into a buffer of its own. */
export function encodeReply<N extends OperationName>(name: N, client: number, results: ResultsOf<N>): Uint8Array {
  const operation: Operation = operations[name];
  start(operation.code, client);
  writer.u32(HalStatus.OK);
  operation.resultsSchema.write(writer, results, '');
  return finish();
}

/** Encodes the reply to a size query (HASH_GET_DIGEST_ALGORITHM_ID, PKEY_GET_ATTRIBUTES). */
export function encodeSizeReply<N extends OperationName>(
  name: N,
  client: number,
  results: SizeResultsOf<N>,
): Uint8Array {
  const operation: Operation = operations[name];
  start(operation.code, client);
  writer.u32(HalStatus.OK);
  sizeSchema(name).write(writer, results, '');
  return finish();
}

/** Decodes the reply to a size query; throws as {@link decodeResults}. */
export function decodeSizeResults<N extends OperationName>(name: N, reply: Uint8Array): SizeResultsOf<N> {
  checkStatus(operations[name], reply);
  return sizeSchema(name).read(new XdrReader(reply, STATUS_END), '') as SizeResultsOf<N>;
}

/** Results of a size query of the function called `N`. */
export type SizeResultsOf<N extends OperationName> = N extends 'HASH_GET_DIGEST_ALGORITHM_ID'
  ? { length: number }
  : N extends 'PKEY_GET_ATTRIBUTES'
    ? { attributes: { type: number; length: number }[] }
    : never;

/** Encodes an error reply: 12 bytes. */
export function encodeError(code: number, client: number, status: number): Uint8Array {
  start(code, client);
  writer.u32(status);
  return writer.message();
}

/** The status word of a reply; RPC_PROTOCOL_ERROR if it is missing. */
export function readStatus(reply: Uint8Array): number {
  return reply.length < STATUS_END ? HalStatus.RPC_PROTOCOL_ERROR : word(reply, HEADER_SIZE);
}

/**
 * Decodes a reply. Bytes behind the last result are ignored.
 * @throws HalError for a status of the table, CkrError for a PKCS#11 result, WireError for malformed results
 */
export function decodeResults<N extends OperationName>(name: N, reply: Uint8Array): ResultsOf<N> {
  const operation: Operation = operations[name];
  checkStatus(operation, reply);
  return operation.resultsSchema.read(new XdrReader(reply, STATUS_END), '') as ResultsOf<N>;
}

/** Replaces the client word of a message in place. */
export function setClient(message: Uint8Array, client: number): void {
  message[4] = client >>> 24;
  message[5] = client >>> 16;
  message[6] = client >>> 8;
  message[7] = client;
}

function start(code: number, client: number): void {
  writer.reset();
  writer.u32(code);
  writer.u32(client);
}

/** A message that the peer's decoder would drop as too long would never be answered: refuse it here. */
function finish(): Uint8Array {
  if (writer.length > Limits.ownMessage) {
    throw new WireError(
      'message',
      `${writer.length} bytes, at most ${Limits.ownMessage} allowed`,
      'RPC_PACKET_OVERFLOW',
    );
  }
  return writer.message();
}

function checkStatus(operation: Operation, reply: Uint8Array): void {
  const status = readStatus(reply);
  if (status === HalStatus.OK) return;
  if (status >= CKR_STATUS_BASE && operation.leg !== 'vendor') throw new CkrError(status - CKR_STATUS_BASE);
  throw HalError.fromStatus(status);
}

function sizeSchema(name: OperationName): Schema<unknown> {
  const schema = (operations[name] as Operation).sizeSchema;
  if (schema === undefined) throw new Bug(`${name} has no size query`);
  return schema;
}
