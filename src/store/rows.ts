/** Rows of a key store as they come out of SQLite. */

import { type Curve, type KeyType } from '#src/wire/enumerations.ts';
import { decodeAttributes } from './attributes-v1.ts';
import { type StoredKey } from './stored-key.ts';

export interface KeyRow {
  readonly uuid: Uint8Array;
  readonly name: Uint8Array;
  readonly type: number;
  readonly curve: number;
  readonly bits: number;
  readonly flags: number;
  readonly check_value: Uint8Array;
  readonly spki: Uint8Array;
  readonly wrapped: Uint8Array | null;
  readonly attributes: Uint8Array;
  readonly seal: Uint8Array | null;
}

export interface OneTimeRow {
  readonly leaf: number;
  readonly below: number;
  readonly end: number;
  readonly above: Uint8Array | null;
}

export interface PinRow {
  readonly record: Uint8Array | null;
  readonly kept: Uint8Array | null;
  readonly failures: number;
}

/** @throws HalError BAD_ATTRIBUTE_LENGTH if the attributes are damaged */
export function toKey(row: unknown): StoredKey | undefined {
  if (row === undefined) return undefined;
  const { uuid, name, type, curve, bits, flags, check_value: checkValue, spki } = row as KeyRow;
  const { wrapped, attributes, seal } = row as KeyRow;
  return {
    uuid,
    name,
    type: type as KeyType,
    curve: curve as Curve,
    bits,
    flags,
    checkValue,
    spki,
    wrapped: wrapped ?? undefined,
    attributes: decodeAttributes(attributes),
    ...(seal && { seal }),
  };
}
