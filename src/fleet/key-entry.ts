/** Makes key table entries from what a device says about its keys. */

import { type Curve, KeyFlags, type KeyType } from '#src/wire/enumerations.ts';
import { type ResultsOf } from '#src/wire/message.ts';
import { type FleetConnection } from './connection.ts';
import { type KeyEntry } from './key-table.ts';

export type KeyFacts = ResultsOf<'KEY_LIST'>['keys'][number];

/** @param owner the connection that made the key; kept for session keys only */
export function entryFromFacts(device: number, facts: KeyFacts, owner?: FleetConnection): KeyEntry {
  const name = facts.name.slice();
  const session = (facts.flags & KeyFlags.TOKEN) === 0;
  return {
    name,
    id: keyId(name),
    copies: new Map([[device, facts.key.slice()]]),
    type: facts.type as KeyType,
    curve: facts.curve as Curve,
    bits: facts.bits,
    flags: facts.flags,
    spki: facts.spki.slice(),
    attributes: attributeMap(facts.attributes),
    owner: session ? owner : undefined,
    session: session ? facts.session : 0,
  };
}

/** The id of a key name: 32 hexadecimal digits. */
export function keyId(name: Uint8Array): string {
  return name.toHex();
}

export function attributeMap(attributes: readonly { type: number; value: Uint8Array }[]): Map<number, Uint8Array> {
  return new Map(attributes.map(({ type, value }) => [type, value.slice()]));
}

/** A UUID as text, `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx` (RFC 9562, 4). */
export function uuidText(uuid: Uint8Array): string {
  const hex = uuid.toHex();
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
