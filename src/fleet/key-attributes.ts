/**
 * The attributes of a key, kept small: what most keys have alike (class, usage, flags) exists once for all of them, and what is a
 * key's own (CKA_ID, CKA_LABEL, its public value) is one run of bytes.
 */

import { Limits } from '#src/wire/enumerations.ts';
import { word } from '#src/wire/xdr.ts';
import { FewEntries } from './few-entries.ts';

interface Attribute {
  readonly type: number;
  readonly value: Uint8Array;
}

export type CommonAttributes = ReadonlyMap<number, Uint8Array>;

/** Longer values are a key's own: up to here are numbers, flags and the names of curves. */
const COMMON_MAX = 16;

/**
 * Short, but different for every key (PKCS#11 3.1, 4.4 to 4.9): CKA_LABEL, CKA_APPLICATION, CKA_VALUE, CKA_OBJECT_ID,
 * CKA_SERIAL_NUMBER, CKA_CHECK_VALUE, CKA_SUBJECT, CKA_ID, CKA_START_DATE, CKA_END_DATE.
 */
const OWN = new Set([0x003, 0x010, 0x011, 0x012, 0x082, 0x090, 0x101, 0x102, 0x110, 0x111]);

/** From here on attributes are a vendor's (CKA_VENDOR_DEFINED), such as a count of uses. */
const VENDOR_DEFINED = 0x8000_0000;

/** Type and length of a value. */
const HEADER = 8;

/** Sets of common attributes that are remembered for the next key. An owner of keys could make any number of them. */
const MAX_SETS = 1024;
const sets = new Map<string, CommonAttributes>();

export class KeyAttributes extends FewEntries<Uint8Array> {
  /** The same object for all keys that are alike. */
  readonly common: CommonAttributes;
  readonly #bytes: Uint8Array;
  readonly #start: number;
  readonly #end: number;

  /**
   * Copies the attributes.
   * @param room where their {@link ownSize} bytes go, from `start` on
   */
  constructor(attributes: readonly Attribute[], room: Uint8Array = new Uint8Array(ownSize(attributes)), start = 0) {
    super();
    this.common = commonOf(attributes);
    this.#bytes = room;
    this.#start = start;
    let at = start;
    for (const { type, value } of attributes) {
      if (isCommon(type, value)) continue;
      putWord(room, at, type);
      putWord(room, at + 4, value.length);
      room.set(value, at + HEADER);
      at += HEADER + value.length;
    }
    this.#end = at;
  }

  get size(): number {
    let size = this.common.size;
    for (let at = this.#start; at < this.#end; at = this.#next(at)) size++;
    return size;
  }

  get(type: number): Uint8Array | undefined {
    const common = this.common.get(type);
    if (common) return common;
    for (let at = this.#start; at < this.#end; at = this.#next(at)) {
      if (word(this.#bytes, at) === type) return this.#value(at);
    }
    return undefined;
  }

  *entries(): MapIterator<[number, Uint8Array]> {
    yield* this.common;
    for (let at = this.#start; at < this.#end; at = this.#next(at)) yield [word(this.#bytes, at), this.#value(at)];
  }

  #next(at: number): number {
    return at + HEADER + word(this.#bytes, at + 4);
  }

  #value(at: number): Uint8Array {
    return this.#bytes.subarray(at + HEADER, this.#next(at));
  }
}

/** Bytes that a key's own attributes take. */
export function ownSize(attributes: readonly Attribute[]): number {
  let size = 0;
  for (const { type, value } of attributes) if (!isCommon(type, value)) size += HEADER + value.length;
  return size;
}

function isCommon(type: number, { length }: Uint8Array): boolean {
  return length === 0 || (length <= COMMON_MAX && type < VENDOR_DEFINED && !OWN.has(type));
}

/** The name of a set is put together here; that of a set with more than a device ever stores does not fit and is not shared. */
const scratch = Buffer.alloc(Limits.attributes * (HEADER + COMMON_MAX));

function commonOf(attributes: readonly Attribute[]): CommonAttributes {
  let end = 0;
  for (const { type, value } of attributes) {
    if (!isCommon(type, value)) continue;
    if (end + HEADER + value.length > scratch.length) return copied(attributes);
    putWord(scratch, end, type);
    putWord(scratch, end + 4, value.length);
    scratch.set(value, end + HEADER);
    end += HEADER + value.length;
  }
  const name = scratch.toString('latin1', 0, end);
  const known = sets.get(name);
  if (known) return known;
  const made = copied(attributes);
  if (sets.size >= MAX_SETS) sets.clear();
  sets.set(name, made);
  return made;
}

function copied(attributes: readonly Attribute[]): CommonAttributes {
  const common = attributes.filter(({ type, value }) => isCommon(type, value));
  return new Map(common.map(({ type, value }) => [type, Uint8Array.from(value)]));
}

function putWord(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}
