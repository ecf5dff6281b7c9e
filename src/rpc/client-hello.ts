/**
 * Looks into a TLS ClientHello (RFC 8446, 4.1.2) before TLS starts: the version has to be chosen by the ALPN names in it,
 * and the TLS stack chooses the version before it looks at ALPN.
 */

/** A ClientHello longer than this is refused; real ones have some hundred bytes, with post-quantum key shares some thousand. */
export const MAX_CLIENT_HELLO = 16_384;

const RECORD_HANDSHAKE = 22;
const RECORD_HEADER = 5;
/** Longest plaintext record (RFC 8446, 5.1). */
const RECORD_MAX = 16_384;
const CLIENT_HELLO = 1;
/** application_layer_protocol_negotiation (RFC 7301). */
const ALPN = 16;

/** `more`: the message is not complete yet; `garbage`: this is not TLS. */
export type ClientHello = { kind: 'more' } | { kind: 'garbage' } | { kind: 'hello'; alpn: string[] };

const MORE: ClientHello = { kind: 'more' };
const GARBAGE: ClientHello = { kind: 'garbage' };

/** @param bytes everything the client has sent so far */
export function parseClientHello(bytes: Uint8Array): ClientHello {
  const message = joinRecords(bytes);
  if (message === undefined) return GARBAGE;
  if (message.length > 0 && message[0] !== CLIENT_HELLO) return GARBAGE;
  if (message.length < 4) return bytes.length > MAX_CLIENT_HELLO ? GARBAGE : MORE;
  const length = (byte(message, 1) << 16) | (byte(message, 2) << 8) | byte(message, 3);
  if (length > MAX_CLIENT_HELLO) return GARBAGE;
  if (message.length < 4 + length) return bytes.length > 2 * MAX_CLIENT_HELLO ? GARBAGE : MORE;
  const alpn = alpnOf(message.subarray(4, 4 + length));
  return alpn ? { kind: 'hello', alpn } : GARBAGE;
}

/** The handshake bytes of the records so far, a handshake message may be spread over several; `undefined` for anything but TLS. */
function joinRecords(bytes: Uint8Array): Uint8Array | undefined {
  const parts: Uint8Array[] = [];
  let at = 0;
  while (at < bytes.length) {
    if (bytes[at] !== RECORD_HANDSHAKE) return undefined;
    if (at + 1 < bytes.length && bytes[at + 1] !== 3) return undefined;
    if (at + RECORD_HEADER > bytes.length) break;
    const length = (byte(bytes, at + 3) << 8) | byte(bytes, at + 4);
    if (length === 0 || length > RECORD_MAX) return undefined;
    parts.push(bytes.subarray(at + RECORD_HEADER, at + RECORD_HEADER + length));
    at += RECORD_HEADER + length;
  }
  return parts.length === 1 ? parts[0] : Buffer.concat(parts);
}

/** The ALPN names of a ClientHello, `undefined` if its lengths do not fit together. */
function alpnOf(hello: Uint8Array): string[] | undefined {
  const reader = new Reader(hello);
  // legacy_version, random
  reader.skip(34);
  // legacy_session_id, cipher_suites, legacy_compression_methods
  reader.vector(1);
  reader.vector(2);
  reader.vector(1);
  const extensions = new Reader(reader.remaining > 0 ? reader.vector(2) : new Uint8Array(0));
  let names: string[] = [];
  while (extensions.remaining > 0 && !extensions.failed) {
    const type = extensions.number(2);
    const content = extensions.vector(2);
    if (type === ALPN) names = nameList(content);
  }
  return reader.failed || extensions.failed ? undefined : names;
}

function nameList(content: Uint8Array): string[] {
  const list = new Reader(new Reader(content).vector(2));
  const names: string[] = [];
  while (list.remaining > 0 && !list.failed) names.push(Buffer.from(list.vector(1)).toString('latin1'));
  return list.failed ? [] : names;
}

/** Reads TLS presentation language (RFC 8446, 3); after a length that leads out of the data everything is empty. */
class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;
  failed = false;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get remaining(): number {
    return this.#bytes.length - this.#at;
  }

  skip(count: number): void {
    this.#take(count);
  }

  number(size: number): number {
    return this.#take(size).reduce((value, digit) => value * 256 + digit, 0);
  }

  /** Content of a vector with a length of `size` bytes. */
  vector(size: number): Uint8Array {
    return this.#take(this.number(size));
  }

  #take(count: number): Uint8Array {
    if (this.failed || count > this.remaining) {
      this.failed = true;
      return new Uint8Array(0);
    }
    const taken = this.#bytes.subarray(this.#at, this.#at + count);
    this.#at += count;
    return taken;
  }
}

function byte(bytes: Uint8Array, offset: number): number {
  return bytes[offset] as number;
}
