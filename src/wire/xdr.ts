/** XDR (RFC 4506) as libhal uses it (`xdr.c`): 32-bit big-endian words and variable-length opaques padded to four bytes. */

import { WireError } from './status.ts';

/** Rounds a length up to a multiple of four. */
export function padded(length: number): number {
  return (length + 3) & ~3;
}

/** Reads fields from a message. Every failure is a {@link WireError} naming the field. */
export class XdrReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #offset: number;

  constructor(bytes: Uint8Array, offset = 0) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#offset = offset;
  }

  /** Bytes not read yet. */
  get remaining(): number {
    return this.#bytes.length - this.#offset;
  }

  u32(field: string): number {
    if (this.remaining < 4) throw new WireError(field, 'the message ends here');
    const value = this.#view.getUint32(this.#offset);
    this.#offset += 4;
    return value;
  }

  /**
   * A view of the next `length` bytes; skips the padding, which may be missing at the end of the message
   * (libhal `hal_xdr_decode_variable_opaque` does not look at it).
   */
  bytes(field: string, length: number): Uint8Array {
    if (length > this.remaining) {
      throw new WireError(field, `announces ${length} bytes, ${this.remaining} follow`);
    }
    const value = this.#bytes.subarray(this.#offset, this.#offset + length);
    this.#offset = Math.min(this.#offset + padded(length), this.#bytes.length);
    return value;
  }
}

/** Writes fields into a buffer that grows; one instance serves many messages. */
export class XdrWriter {
  #bytes = new Uint8Array(1024);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  /** Forgets the message written before. */
  reset(): void {
    this.#length = 0;
    if (this.#bytes.length > 65_536) {
      this.#bytes = new Uint8Array(1024);
      this.#view = new DataView(this.#bytes.buffer);
    }
  }

  /** The message so far: a view that the next {@link reset} invalidates. */
  message(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  u32(value: number): void {
    this.#reserve(4);
    this.#view.setUint32(this.#length, value);
    this.#length += 4;
  }

  /** Bytes followed by zero padding, without a length word. */
  bytes(value: Uint8Array): void {
    const size = padded(value.length);
    this.#reserve(size);
    this.#bytes.set(value, this.#length);
    this.#bytes.fill(0, this.#length + value.length, this.#length + size);
    this.#length += size;
  }

  opaque(value: Uint8Array): void {
    this.u32(value.length);
    this.bytes(value);
  }

  #reserve(extra: number): void {
    const size = this.#length + extra;
    if (this.#bytes.length >= size) return;
    const grown = new Uint8Array(Math.max(size, 2 * this.#bytes.length));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
  }
}
