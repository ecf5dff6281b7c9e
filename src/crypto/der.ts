/** The part of DER (ITU-T X.690) that keys and certificates need: definite minimal lengths, one-byte tags. */

import { HalError } from '#src/wire/status.ts';

/** Tags, X.690 section 8 and X.680 section 8.6. */
export const Tag = {
  BOOLEAN: 0x01,
  INTEGER: 0x02,
  BIT_STRING: 0x03,
  OCTET_STRING: 0x04,
  NULL: 0x05,
  OID: 0x06,
  UTF8_STRING: 0x0c,
  UTC_TIME: 0x17,
  GENERALIZED_TIME: 0x18,
  SEQUENCE: 0x30,
  SET: 0x31,
} as const;

/** Context-specific tag `[number]`, constructed or primitive. */
export function contextTag(number: number, constructed: boolean): number {
  return (constructed ? 0xa0 : 0x80) | number;
}

/** Reads one level of a structure; nested levels are readers of their own. Every failure is ASN1_PARSE_FAILED. */
export class DerReader {
  readonly #bytes: Uint8Array;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Tag of the next element, `undefined` at the end. */
  get next(): number | undefined {
    return this.#bytes[this.#offset];
  }

  /** Where the next element begins. */
  get offset(): number {
    return this.#offset;
  }

  /** Content of the next element, which must have this tag; a view. */
  element(tag: number): Uint8Array {
    if (this.next !== tag) throw parseError(`tag 0x${tag.toString(16)} expected`);
    this.#offset += 1;
    const length = this.#length();
    if (length > this.#bytes.length - this.#offset) throw parseError('an element is longer than what surrounds it');
    const content = this.#bytes.subarray(this.#offset, this.#offset + length);
    this.#offset += length;
    return content;
  }

  sequence(): DerReader {
    return new DerReader(this.element(Tag.SEQUENCE));
  }

  /** Value of an INTEGER that is not negative: big-endian without leading zeros, zero is one byte. */
  unsigned(): Uint8Array {
    const content = this.element(Tag.INTEGER);
    const [first, second] = content;
    if (first === undefined) throw parseError('empty INTEGER');
    if (first >= 0x80) throw parseError('negative INTEGER');
    if (first === 0 && second !== undefined) {
      if (second < 0x80) throw parseError('INTEGER is not minimal');
      return content.subarray(1);
    }
    return content;
  }

  /** An INTEGER of one byte, for versions. */
  smallInteger(): number {
    const value = this.unsigned();
    if (value.length > 1) throw parseError('INTEGER out of range');
    return value[0] as number;
  }

  octetString(): Uint8Array {
    return this.element(Tag.OCTET_STRING);
  }

  /** A BIT STRING of whole bytes, also with another tag (IMPLICIT). */
  bitString(tag: number = Tag.BIT_STRING): Uint8Array {
    const content = this.element(tag);
    if (content[0] !== 0) throw parseError('BIT STRING of incomplete bytes');
    return content.subarray(1);
  }

  /** An OBJECT IDENTIFIER as lower-case hex of its content. */
  oid(): string {
    return Buffer.from(this.element(Tag.OID)).toString('hex');
  }

  /** Requires that nothing follows. */
  end(): void {
    if (this.next !== undefined) throw parseError('bytes follow the last element');
  }

  #byte(): number {
    const value = this.#bytes[this.#offset];
    if (value === undefined) throw parseError('the encoding ends inside a length');
    this.#offset += 1;
    return value;
  }

  #length(): number {
    const first = this.#byte();
    if (first < 0x80) return first;
    const count = first & 0x7f;
    if (count === 0 || count > 3) throw parseError('length form not supported');
    let length = 0;
    for (let index = 0; index < count; index++) length = length * 256 + this.#byte();
    if (length < 0x80 || length < 256 ** (count - 1)) throw parseError('length is not minimal');
    return length;
  }
}

function parseError(detail: string): HalError {
  return new HalError('ASN1_PARSE_FAILED', detail);
}

/** Encodes elements; each method returns a complete one. */
export const DerWriter = {
  element(tag: number, ...contents: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
    let length = 0;
    for (const content of contents) length += content.length;
    const header =
      length < 0x80
        ? [tag, length]
        : length < 0x100
          ? [tag, 0x81, length]
          : length < 0x1_0000
            ? [tag, 0x82, length >> 8, length & 0xff]
            : [tag, 0x83, length >> 16, (length >> 8) & 0xff, length & 0xff];
    const bytes = new Uint8Array(header.length + length);
    bytes.set(header);
    let offset = header.length;
    for (const content of contents) {
      bytes.set(content, offset);
      offset += content.length;
    }
    return bytes;
  },

  sequence(...contents: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
    return DerWriter.element(Tag.SEQUENCE, ...contents);
  },

  /** An INTEGER from big-endian bytes; leading zeros are dropped, a sign byte added if needed. */
  unsigned(value: Uint8Array): Uint8Array<ArrayBuffer> {
    let start = 0;
    while (start < value.length - 1 && value[start] === 0) start += 1;
    const digits = value.subarray(start);
    const [first] = digits;
    if (first === undefined) return Uint8Array.of(Tag.INTEGER, 1, 0);
    return first >= 0x80
      ? DerWriter.element(Tag.INTEGER, Uint8Array.of(0), digits)
      : DerWriter.element(Tag.INTEGER, digits);
  },

  /** An OBJECT IDENTIFIER from the hex of its content. */
  oid(hex: string): Uint8Array<ArrayBuffer> {
    return DerWriter.element(Tag.OID, Buffer.from(hex, 'hex'));
  },

  octetString(value: Uint8Array): Uint8Array<ArrayBuffer> {
    return DerWriter.element(Tag.OCTET_STRING, value);
  },

  /** A BIT STRING of whole bytes. */
  bitString(value: Uint8Array): Uint8Array<ArrayBuffer> {
    return DerWriter.element(Tag.BIT_STRING, Uint8Array.of(0), value);
  },

  null(): Uint8Array<ArrayBuffer> {
    return Uint8Array.of(Tag.NULL, 0);
  },
} as const;
