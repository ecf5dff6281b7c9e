/** What all functions that make objects have in common. */

import { type FleetConnection } from '#src/fleet/connection.ts';
import { type KeyEntry } from '#src/fleet/key-table.ts';
import { type AttributeMap } from '#src/cryptoki/template.ts';
import { type Attribute } from '#src/cryptoki/values.ts';
import { KeyFlags } from '#src/wire/enumerations.ts';
import { type ResultsOf } from '#src/wire/message.ts';
import { type Application } from './application.ts';
import { readableAttributes, requireDescription, requireEntry } from './objects.ts';
import { type TokenFleet } from './token-fleet.ts';
import { idOf } from './uuid.ts';

/** The reply for a new object. A repeated request of another application must not show that one's session object. */
export function factsOf(
  fleet: TokenFleet,
  application: Application,
  entry: KeyEntry,
): ResultsOf<'OBJECT_CREATE'>['created'] {
  const own = requireEntry(fleet, application, entry.name);
  return { object: own.name, attributes: readableAttributes(own, requireDescription(own)) };
}

/** The connection for a request: that of a predecessor if it had made the object already when it was lost. */
export function makerOf(fleet: TokenFleet, application: Application, name: Uint8Array): FleetConnection {
  const existing = fleet.keys.get(idOf(name));
  return existing?.owner && application.reaches(existing) ? existing.owner : application.connection;
}

export function attributeList(attributes: AttributeMap): Attribute[] {
  return [...attributes].map(([type, value]) => ({ type, value }));
}

export function sessionObjectCount(...objects: { readonly flags: number }[]): number {
  return objects.filter(({ flags }) => (flags & KeyFlags.TOKEN) === 0).length;
}
