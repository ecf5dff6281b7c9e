/** OBJECT_FIND: one page of the objects that match a template, in ascending order of their names. */

import { type KeyEntry } from '#src/fleet/key-table.ts';
import { type ObjectDescription, OBJECTS } from '#src/cryptoki/attributes.ts';
import { CKA } from '#src/cryptoki/constants.ts';
import { objectOfKeyType } from '#src/cryptoki/key-objects.ts';
import { type Attribute, equalBytes, ulongOf } from '#src/cryptoki/values.ts';
import { Limits } from '#src/wire/enumerations.ts';
import { type ResultsOf } from '#src/wire/message.ts';
import { type Application } from './application.ts';
import { isVisible, readableAttributes, readAttribute } from './objects.ts';
import { type TokenFleet } from './token-fleet.ts';
import { idOf, idOfText } from './uuid.ts';

/** A page ends when its objects take this many bytes, so that it fits a message with the largest object on top. */
const PAGE_BYTES = Limits.ownMessage / 2;

const CLASSES = new Set(OBJECTS.map((description) => BigInt(description.class)));

type Page = ResultsOf<'OBJECT_FIND'>;

/**
 * @param after the last object of the page before, zeros for the first page
 * @param limit the most objects of a page, 0 for as many as fit
 */
export function findObjects(
  fleet: TokenFleet,
  application: Application,
  template: readonly Attribute[],
  after: Uint8Array,
  limit: number,
): Page {
  const most = limit === 0 ? Limits.page : Math.min(limit, Limits.page);
  const objects: Page['objects'] = [];
  let bytes = 0;
  for (const entry of candidates(fleet, template, idOf(after))) {
    const description = objectOfKeyType(entry.type);
    if (!description || !isVisible(entry, application) || !matches(entry, description, template)) continue;
    if (objects.length >= most || bytes > PAGE_BYTES) return { more: 1, objects };
    const attributes = readableAttributes(entry, description);
    bytes += attributes.reduce((sum, { value }) => sum + value.length + 12, 24);
    objects.push({ object: entry.name, attributes });
  }
  return { more: 0, objects };
}

/** The keys behind `after` that may match, in ascending order; a search by CKA_ID or CKA_LABEL must not depend on the number of keys. */
function candidates(fleet: TokenFleet, template: readonly Attribute[], after: string): Iterable<KeyEntry> {
  const { keys } = fleet;
  const wanted = valueOf(template, CKA.CLASS);
  // NSS asks for classes of its own in every start: that must not cost a walk over all keys.
  if (wanted && !CLASSES.has(ulongOf(wanted) ?? -1n)) return [];
  const unique = valueOf(template, CKA.UNIQUE_ID);
  if (unique) {
    const entry = keys.get(idOfText(unique) ?? '');
    return entry && entry.id > after ? [entry] : [];
  }
  for (const type of [CKA.ID, CKA.LABEL]) {
    const value = valueOf(template, type);
    // Keys without the attribute have an empty value but are not in the index.
    if (!value || value.length === 0) continue;
    const found = [...keys.byAttribute(type, value)].filter((entry) => entry.id > after);
    return found.sort((a, b) => (a.id < b.id ? -1 : 1));
  }
  return keys.after(after);
}

/**
 * Every attribute of the template exists with the same value; CK_ULONG values compare as numbers. Attributes that are unknown or
 * sensitive match nothing.
 */
function matches(entry: KeyEntry, description: ObjectDescription, template: readonly Attribute[]): boolean {
  for (const { type, value } of template) {
    const rule = description.rules.get(type);
    const own = rule && readAttribute(entry, description, rule);
    if (!own) return false;
    if (rule.kind === 'ulong' ? ulongOf(own) !== ulongOf(value) : !equalBytes(own, value)) return false;
  }
  return true;
}

function valueOf(template: readonly Attribute[], type: number): Uint8Array | undefined {
  return template.find((attribute) => attribute.type === type)?.value;
}
