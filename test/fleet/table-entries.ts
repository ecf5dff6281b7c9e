/** Entries of a key table for its tests. */

import { KeyAttributes } from '#src/fleet/key-attributes.ts';
import { type KeyEntry } from '#src/fleet/key-table.ts';
import { Curve, KeyFlags, KeyType } from '#src/wire/enumerations.ts';

export function entry(id: string, facts: Partial<KeyEntry> = {}): KeyEntry {
  const name = Uint8Array.fromHex(id);
  return {
    name,
    id,
    copies: new Map([[0, name]]),
    type: KeyType.EC_PRIVATE,
    curve: Curve.P256,
    bits: 256,
    flags: KeyFlags.TOKEN,
    spki: new Uint8Array(0),
    attributes: new Map(),
    owner: undefined,
    session: 0,
    ...facts,
  };
}

/** The id of a small number. */
export const idOf = (number: number): string => number.toString(16).padStart(32, '0');
export const ids = (entries: Iterable<KeyEntry>): string[] => [...entries].map(({ id }) => id);

/** Attributes as an entry made from a device's answer has them. */
export function packed(values: Record<number, Uint8Array>): KeyAttributes {
  return new KeyAttributes(Object.entries(values).map(([type, value]) => ({ type: Number(type), value })));
}
