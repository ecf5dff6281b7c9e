/** Values of attributes as bytes: kinds, encodings, checks. */

import { CkrError } from '#src/wire/status.ts';
import { CKR } from './constants.ts';

/** CKA_ type and value. */
export interface Attribute {
  readonly type: number;
  readonly value: Uint8Array;
}

/**
 * What the value of an attribute is: CK_BBOOL; CK_ULONG; bytes; RFC 2279 text; a big-endian number; CK_DATE;
 * an array of CK_MECHANISM_TYPE; an array of CK_ATTRIBUTE as `attribute-templates.ts` has it.
 */
export type ValueKind = 'bool' | 'ulong' | 'bytes' | 'text' | 'bigInteger' | 'date' | 'mechanisms' | 'attributes';

export const TRUE: Uint8Array = Uint8Array.of(1);
export const FALSE: Uint8Array = Uint8Array.of(0);
export const EMPTY: Uint8Array = new Uint8Array(0);

export function boolValue(value: boolean): Uint8Array {
  return value ? TRUE : FALSE;
}

export function isTrue(value: Uint8Array | undefined): boolean {
  return value?.length === 1 && value[0] !== 0;
}

/** A CK_ULONG as 64-bit Linux has it in memory: 8 bytes, little-endian. So the vendor's library stores and expects it. */
export function ulongValue(value: number | bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value), true);
  return bytes;
}

/** The number in a CK_ULONG of 8 bytes, or of 4 (32-bit and Windows clients); `undefined` for other lengths. */
export function ulongOf(value: Uint8Array | undefined): bigint | undefined {
  if (value?.length === 8) return new DataView(value.buffer, value.byteOffset, 8).getBigUint64(0, true);
  if (value?.length === 4) {
    const number = new DataView(value.buffer, value.byteOffset, 4).getUint32(0, true);
    return number === 0xffff_ffff ? 0xffff_ffff_ffff_ffffn : BigInt(number);
  }
  return undefined;
}

/** The numbers of a CKA_ALLOWED_MECHANISMS. */
export function mechanismsOf(value: Uint8Array): number[] {
  const view = new DataView(value.buffer, value.byteOffset, value.length);
  return Array.from({ length: value.length >>> 3 }, (_, index) => Number(view.getBigUint64(8 * index, true)));
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/**
 * Checks a value and brings it to the one form that is stored: CK_ULONG of 8 bytes, numbers without leading zeros
 * (PowerDNS sends the exponent as 00 01 00 01). The result never shares memory with `value`.
 * @throws CkrError CKR_ATTRIBUTE_VALUE_INVALID
 */
export function normalise(kind: ValueKind, value: Uint8Array): Uint8Array {
  switch (kind) {
    case 'bool':
      if (value.length !== 1 || (value[0] as number) > 1) throw invalid('a CK_BBOOL is one byte, 0 or 1');
      return boolValue(value[0] === 1);
    case 'ulong': {
      const number = ulongOf(value);
      if (number === undefined) throw invalid('a CK_ULONG has 8 or 4 bytes');
      return ulongValue(number);
    }
    case 'bigInteger': {
      const start = value.findIndex((byte) => byte !== 0);
      if (start < 0) throw invalid('a number is missing or zero');
      return value.slice(start);
    }
    case 'date':
      if (value.length > 0 && !isDate(value)) throw invalid('a CK_DATE is YYYYMMDD or empty');
      return value.slice();
    case 'mechanisms':
      if (value.length % 8 !== 0) throw invalid('a list of CK_MECHANISM_TYPE has 8 bytes for each');
      return value.slice();
    case 'bytes':
    case 'text':
    case 'attributes':
      return value.slice();
  }
}

/** CK_DATE: eight decimal digits, PKCS#11 3.1 section 3.3. */
function isDate(value: Uint8Array): boolean {
  if (value.length !== 8) return false;
  const text = String.fromCharCode(...value);
  return /^\d{4}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])$/.test(text);
}

function invalid(why: string): CkrError {
  return new CkrError(CKR.ATTRIBUTE_VALUE_INVALID, why);
}
