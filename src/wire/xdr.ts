/** XDR (RFC 4506) as libhal uses it (`xdr.c`): 32-bit big-endian words and variable-length opaques padded to four bytes. */

import { WireError } from './status.ts';

/** Rounds a length up to a multiple of four. */
export function padded(length: number): number {
  return (length + 3) & ~3;
}

/** The big-endian word at an offset that lies inside the message. */
export function word(message: Uint8Array, offset: number): number {
  return (
    (((message[offset] as number) << 24) |
      ((message[offset + 1] as number) << 16) |
      ((message[offset + 2] as number) << 8) |
      (message[offset + 3] as number)) >>>
    0
  );
}

/** Reads fields from a message. Every failure is a {@link WireError} naming the field. */
export class XdrReader {
  readonly #bytes: Uint8Array;
  #offset: number;

  constructor(bytes: Uint8Array, offset = 0) {
    this.#bytes = bytes;
    this.#offset = offset;
  }

  /** Bytes not read yet. */
  get remaining(): number {
    return this.#bytes.length - this.#offset;
  }

  u32(field: string): number {
    if (this.remaining < 4) throw new WireError(field, 'the message ends here');
    const value = word(this.#bytes, this.#offset);
    this.#offset += 4;
    return value;
  }

  /**
   * A view of the next `length` bytes; skips the padding, which may be missing at the end of the message
   * (libhal `hal_xdr_decode_variable_opaque` does not look at it).
   * The view is a plain Uint8Array even if the message is a Buffer, whose `slice` would not copy.
   */
  bytes(field: string, length: number): Uint8Array {
    if (length > this.remaining) {
      throw new WireError(field, `announces ${length} bytes, ${this.remaining} follow`);
    }
    const value = new Uint8Array(this.#bytes.buffer, this.#bytes.byteOffset + this.#offset, length);
    this.#offset = Math.min(this.#offset + padded(length), this.#bytes.length);
    return value;
  }
}

/** Size of the buffers that short messages share; memory stays in use until all messages in it are forgotten. */
const SLAB = 16_384;

/**
 * Writes one message after the other into shared buffers: a buffer of its own for each (above 64 bytes, V8 allocates
 * them outside its heap) would cost more than writing the fields.
 */
export class XdrWriter {
  #bytes = new Uint8Array(SLAB);
  #view = new DataView(this.#bytes.buffer);
  /** Where the message begins and where the next field goes. */
  #start = 0;
  #end = 0;

  /** Starts a message, forgetting one that was not finished. */
  reset(): void {
    this.#end = this.#start;
  }

  /** Bytes of the message so far. */
  get length(): number {
    return this.#end - this.#start;
  }

  /** Finishes the message. Nothing will be written to its bytes any more. */
  message(): Uint8Array {
    const message = new Uint8Array(this.#bytes.buffer, this.#start, this.length);
    this.#start = this.#end;
    // Short messages must not keep the buffer of a long one in use.
    if (this.#bytes.length > SLAB) this.#replace(SLAB);
    return message;
  }

  u32(value: number): void {
    this.#reserve(4);
    this.#view.setUint32(this.#end, value);
    this.#end += 4;
  }

  /** Bytes followed by zero padding, without a length word. */
  bytes(value: Uint8Array): void {
    this.#reserve(value.length + 3);
    this.#bytes.set(value, this.#end);
    this.#end += value.length;
    while (this.length % 4 !== 0) this.#bytes[this.#end++] = 0;
  }

  opaque(value: Uint8Array): void {
    this.u32(value.length);
    this.bytes(value);
  }

  #reserve(extra: number): void {
    if (this.#bytes.length - this.#end >= extra) return;
    this.#replace(Math.max(SLAB, 2 * (this.length + extra)));
  }

  /** Goes on in a new buffer, with the message so far. */
  #replace(size: number): void {
    const bytes = new Uint8Array(size);
    bytes.set(this.#bytes.subarray(this.#start, this.#end));
    this.#end = this.length;
    this.#start = 0;
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer);
  }
}
