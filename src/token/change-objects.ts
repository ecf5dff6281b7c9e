/** OBJECT_SET, OBJECT_DESTROY and SESSION_CLOSE. */

import { CKA, CKR } from '#src/cryptoki/constants.ts';
import { changesOf } from '#src/cryptoki/template.ts';
import { type Attribute, isTrue } from '#src/cryptoki/values.ts';
import { Limits } from '#src/wire/enumerations.ts';
import { CkrError } from '#src/wire/status.ts';
import { type Application } from './application.ts';
import { attributeReader, readableAttributes, requireDescription, requireEntry, requireLoginFor } from './objects.ts';
import { refuseProfile } from './profiles.ts';
import { type TokenFleet } from './token-fleet.ts';

/** Changes attributes, all or none, and gives all readable attributes after the change. */
export async function setAttributes(
  fleet: TokenFleet,
  application: Application,
  object: Uint8Array,
  template: readonly Attribute[],
): Promise<Attribute[]> {
  refuseProfile(object);
  const entry = requireEntry(fleet, application, object);
  const description = requireDescription(entry);
  const isTrust = application.role === 'so' && template.every(({ type }) => type === CKA.TRUSTED);
  if (!isTrust) requireLoginFor(application, entry.flags);
  const changes = changesOf(template, description.rules, attributeReader(entry, description), application.role);
  if (changes.length === 0) return readableAttributes(entry, description);
  const changed = await fleet.setAttributes(entry.owner ?? application.connection, entry, changes);
  return readableAttributes(changed, description);
}

export async function destroyObject(fleet: TokenFleet, application: Application, object: Uint8Array): Promise<void> {
  refuseProfile(object);
  const entry = requireEntry(fleet, application, object);
  requireDescription(entry);
  requireLoginFor(application, entry.flags);
  const destroyable = entry.attributes.get(CKA.DESTROYABLE);
  if (destroyable && !isTrue(destroyable)) throw new CkrError(CKR.ACTION_PROHIBITED, 'CKA_DESTROYABLE is false');
  await fleet.deleteKeys(entry.owner ?? application.connection, [entry]);
}

/** Destroys the session objects of one session, or of all (0). */
export async function closeSession(fleet: TokenFleet, application: Application, session: number): Promise<void> {
  for (const connection of application.connections) {
    const owned = fleet.keys.ownedBy(connection).filter((entry) => session === 0 || entry.session === session);
    for (let at = 0; at < owned.length; at += Limits.page) {
      // oxlint-disable-next-line no-await-in-loop -- few requests, and a device takes one page at a time
      await fleet.deleteKeys(connection, owned.slice(at, at + Limits.page));
    }
  }
}
