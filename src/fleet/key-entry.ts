/** Makes key table entries from what a device says about its keys. */

import { type Curve, KeyFlags, type KeyType } from '#src/wire/enumerations.ts';
import { type ResultsOf } from '#src/wire/message.ts';
import { type FleetConnection } from './connection.ts';
import { OneEntry } from './few-entries.ts';
import { KeyAttributes, ownSize } from './key-attributes.ts';
import { type KeyEntry } from './key-table.ts';

export type KeyFacts = ResultsOf<'KEY_LIST'>['keys'][number];

/** @param owner the connection that made the key; kept for session keys only */
export function entryFromFacts(device: number, facts: KeyFacts, owner?: FleetConnection): KeyEntry {
  return entryIn(new Uint8Array(sizeOf(facts)), 0, device, facts, owner);
}

/** The keys of a page of KEY_LIST. Their bytes share one buffer, which exists until the last of them is gone. */
export function entriesFromPage(device: number, page: readonly KeyFacts[]): KeyEntry[] {
  const room = new Uint8Array(page.reduce((size, facts) => size + sizeOf(facts), 0));
  let start = 0;
  return page.map((facts) => {
    const entry = entryIn(room, start, device, facts);
    start += sizeOf(facts);
    return entry;
  });
}

/** Copies what is kept of a message, which is a view of a received chunk, to `start` of a buffer. */
function entryIn(room: Uint8Array, start: number, device: number, facts: KeyFacts, owner?: FleetConnection): KeyEntry {
  let end = start;
  const kept = (bytes: Uint8Array): Uint8Array => {
    room.set(bytes, end);
    end += bytes.length;
    return room.subarray(end - bytes.length, end);
  };
  const session = (facts.flags & KeyFlags.TOKEN) === 0;
  const name = kept(facts.name);
  return {
    name,
    id: keyId(name),
    copies: new OneEntry(device, kept(facts.key)),
    type: facts.type as KeyType,
    curve: facts.curve as Curve,
    bits: facts.bits,
    flags: facts.flags,
    spki: kept(facts.spki),
    attributes: new KeyAttributes(facts.attributes, room, end),
    owner: session ? owner : undefined,
    session: session ? facts.session : 0,
  };
}

function sizeOf({ name, key, spki, attributes }: KeyFacts): number {
  return name.length + key.length + spki.length + ownSize(attributes);
}

/** The id of a key name: 32 hexadecimal digits. */
export function keyId(name: Uint8Array): string {
  return name.toHex();
}

export function attributeMap(
  attributes: readonly { type: number; value: Uint8Array }[],
): ReadonlyMap<number, Uint8Array> {
  return new KeyAttributes(attributes);
}

/** CKA_PRIVATE (PKCS#11 3.1, 4.4), invisible without login; by the key flags if another tool made the key without attributes. */
export function isPrivate({ attributes, flags }: Pick<KeyEntry, 'attributes' | 'flags'>): boolean {
  const value = attributes.get(0x002);
  return value ? value.length === 1 && value[0] !== 0 : (flags & KeyFlags.PUBLIC) === 0;
}

/** A UUID as text, `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx` (RFC 9562, 4). */
export function uuidText(uuid: Uint8Array): string {
  return idText(uuid.toHex());
}

/** The same of an id. */
export function idText(id: string): string {
  return `${id.slice(0, 8)}-${id.slice(8, 12)}-${id.slice(12, 16)}-${id.slice(16, 20)}-${id.slice(20)}`;
}
