/** OBJECT_FIND: one page of the objects that match a template, in ascending order of their names. */

import { type KeyEntry } from '#src/fleet/key-table.ts';
import { type AttributeRule } from '#src/cryptoki/attribute-rules.ts';
import { type ObjectDescription } from '#src/cryptoki/attributes.ts';
import { CKA } from '#src/cryptoki/constants.ts';
import { objectOfKey } from '#src/cryptoki/key-objects.ts';
import { type Attribute, boolValue, equalBytes, ulongOf } from '#src/cryptoki/values.ts';
import { type KeyType, Limits } from '#src/wire/enumerations.ts';
import { type ResultsOf } from '#src/wire/message.ts';
import { type Application } from './application.ts';
import { isVisible, objectOf, readableAttributes, readAttribute } from './objects.ts';
import { findProfiles } from './profiles.ts';
import { type TokenFleet } from './token-fleet.ts';
import { idOf, idOfText } from './uuid.ts';

/** Most objects of a page: while one is put together, nobody else is served. */
const PAGE = 256;

/** A page ends when its objects take this many bytes, so that it fits a message with the largest object on top. */
const PAGE_BYTES = Limits.ownMessage / 2;

type Page = ResultsOf<'OBJECT_FIND'>;

/**
 * @param after the last object of the page before, zeros for the first page
 * @param limit the most objects of a page, 0 for as many as the token likes
 */
export function findObjects(
  fleet: TokenFleet,
  application: Application,
  template: readonly Attribute[],
  after: Uint8Array,
  limit: number,
): Page {
  const most = limit === 0 ? PAGE : Math.min(limit, PAGE);
  const objects: Page['objects'] = findProfiles(template, idOf(after));
  if (objects.length > most) return { more: 1, objects: objects.slice(0, most) };
  let bytes = 0;
  for (const entry of candidates(fleet, application, template, idOf(after))) {
    const description = objectOf(entry);
    if (!description || !isVisible(entry, application) || !matches(entry, description, template)) continue;
    if (objects.length >= most || bytes > PAGE_BYTES) return { more: 1, objects };
    const attributes = readableAttributes(entry, description);
    bytes += attributes.reduce((sum, { value }) => sum + value.length + 12, 24);
    objects.push({ object: entry.name, attributes });
  }
  return { more: 0, objects };
}

/** The keys behind `after` that may match, in ascending order: of 100,000 keys only those few that the index gives, if it can help. */
function candidates(
  fleet: TokenFleet,
  application: Application,
  template: readonly Attribute[],
  after: string,
): Iterable<KeyEntry> {
  const unique = valueOf(template, CKA.UNIQUE_ID);
  if (unique) {
    const entry = fleet.keys.get(idOfText(unique) ?? '');
    return entry && entry.id > after ? [entry] : [];
  }
  const token = valueOf(template, CKA.TOKEN);
  const query = {
    owners: application.connections,
    values: template,
    accepts: (isPrivate: boolean, isToken: boolean) =>
      (application.isLoggedIn || !isPrivate) && (!token || equalBytes(token, boolValue(isToken))),
    mayHave: (type: KeyType, common: ReadonlyMap<number, Uint8Array>) => mayMatch(type, common, template),
  };
  return fleet.keys.search(query, after);
}

/** Whether objects may match that have the attributes of `common` and others, which are not known. */
function mayMatch(type: KeyType, common: ReadonlyMap<number, Uint8Array>, template: readonly Attribute[]): boolean {
  const description = objectOfKey(type, common);
  return (
    description !== undefined &&
    template.every((wanted) => {
      const rule = description.rules.get(wanted.type);
      if (!rule || rule.sensitive) return false;
      // Whatever is stored under it, see readAttribute.
      if (wanted.type === CKA.CLASS) return ulongOf(wanted.value) === BigInt(description.class);
      if (wanted.type === CKA.KEY_TYPE) return ulongOf(wanted.value) === BigInt(description.keyType ?? -1);
      const own = OBJECT_FACTS.has(wanted.type) ? undefined : common.get(wanted.type);
      return !own || isEqual(rule, own, wanted.value);
    })
  );
}

/** What readAttribute takes from the object itself. */
const OBJECT_FACTS = new Set<number>([CKA.TOKEN, CKA.UNIQUE_ID, CKA.PUBLIC_KEY_INFO]);

/**
 * Every attribute of the template exists with the same value; CK_ULONG values compare as numbers. Attributes that are unknown or
 * sensitive match nothing.
 */
function matches(entry: KeyEntry, description: ObjectDescription, template: readonly Attribute[]): boolean {
  for (const { type, value } of template) {
    const rule = description.rules.get(type);
    const own = rule && readAttribute(entry, description, rule);
    if (!own || !isEqual(rule, own, value)) return false;
  }
  return true;
}

function isEqual({ kind }: AttributeRule, own: Uint8Array, value: Uint8Array): boolean {
  return kind === 'ulong' ? ulongOf(own) === ulongOf(value) : equalBytes(own, value);
}

function valueOf(template: readonly Attribute[], type: number): Uint8Array | undefined {
  return template.find((attribute) => attribute.type === type)?.value;
}
