/** Keys as PKCS#11 objects: which are visible, and what their attributes are. */

import { isPrivate } from '#src/fleet/key-entry.ts';
import { type KeyEntry } from '#src/fleet/key-table.ts';
import { type AttributeRule } from '#src/cryptoki/attribute-rules.ts';
import { type ObjectDescription } from '#src/cryptoki/attributes.ts';
import { CKA, CKR } from '#src/cryptoki/constants.ts';
import { derivedAttribute, objectOfKey } from '#src/cryptoki/key-objects.ts';
import { type Attribute, boolValue, FALSE, isTrue, TRUE, ulongOf, ulongValue } from '#src/cryptoki/values.ts';
import { KeyFlags, KeyType } from '#src/wire/enumerations.ts';
import { CkrError } from '#src/wire/status.ts';
import { type Application } from './application.ts';
import { idOf, uuidText } from './uuid.ts';
import { type TokenFleet } from './token-fleet.ts';

export function isVisible(entry: KeyEntry, application: Application): boolean {
  return application.reaches(entry) && (application.isLoggedIn || !isPrivate(entry));
}

/**
 * The key behind a name.
 * @param invalid the CK_RV if there is none for this application
 * @throws CkrError `invalid`; CKR_USER_NOT_LOGGED_IN if a login would show it, so that a library that lost its connection
 * knows what to do
 */
export function requireEntry(
  fleet: TokenFleet,
  application: Application,
  name: Uint8Array,
  invalid: number = CKR.OBJECT_HANDLE_INVALID,
): KeyEntry {
  const entry = fleet.keys.get(idOf(name));
  if (!entry || !application.reaches(entry)) throw new CkrError(invalid);
  if (!application.isLoggedIn && isPrivate(entry)) throw new CkrError(CKR.USER_NOT_LOGGED_IN);
  return entry;
}

/** The kind of object that a key is; `undefined` for those that PKCS#11 programs do not see (hash-based signatures). */
export function objectOf({ type, attributes }: KeyEntry): ObjectDescription | undefined {
  return objectOfKey(type, attributes);
}

/** The same. @throws CkrError CKR_OBJECT_HANDLE_INVALID if PKCS#11 programs do not see it */
export function requireDescription(entry: KeyEntry): ObjectDescription {
  const description = objectOf(entry);
  if (!description) throw new CkrError(CKR.OBJECT_HANDLE_INVALID);
  return description;
}

/** Everything about an object that is not secret. */
export function readableAttributes(entry: KeyEntry, description: ObjectDescription): Attribute[] {
  const attributes: Attribute[] = [];
  for (const [type, rule] of description.rules) {
    const value = readAttribute(entry, description, rule);
    if (value) attributes.push({ type, value });
  }
  return attributes;
}

/** Everything about an object that is not secret, with the count of uses as its devices have it now. */
export async function freshAttributes(
  fleet: TokenFleet,
  application: Application,
  entry: KeyEntry,
): Promise<Attribute[]> {
  const description = requireDescription(entry);
  if (!description.rules.has(CKA.DKS_USE_COUNT)) return readableAttributes(entry, description);
  try {
    const attributes = await fleet.uses.countedAttributes(entry.owner ?? application.connection, entry);
    return readableAttributes({ ...entry, attributes }, description);
  } catch {
    // The device is away, or tells nobody who is not logged in: everything else is known here.
    return readableAttributes(entry, description);
  }
}

/** For the template rules: an attribute of an object by its type. */
export function attributeReader(
  entry: KeyEntry,
  description: ObjectDescription,
): (type: number) => Uint8Array | undefined {
  return (type) => {
    const rule = description.rules.get(type);
    return rule && readAttribute(entry, description, rule);
  };
}

/**
 * The value of an attribute: what the key itself tells, else what is stored, else what can be told of a key that another tool made
 * without attributes. `undefined` if the object lacks it or it is sensitive.
 */
export function readAttribute(
  entry: KeyEntry,
  description: ObjectDescription,
  rule: AttributeRule,
): Uint8Array | undefined {
  if (rule.sensitive) return undefined;
  // A vendor client can store anything under these, but the key is what it is.
  switch (rule.type) {
    case CKA.CLASS:
      return ulongValue(description.class);
    case CKA.KEY_TYPE:
      return description.keyType === undefined ? undefined : ulongValue(description.keyType);
    case CKA.TOKEN:
      return boolValue((entry.flags & KeyFlags.TOKEN) !== 0);
    case CKA.UNIQUE_ID:
      return Buffer.from(uuidText(entry.id), 'latin1');
    case CKA.PUBLIC_KEY_INFO:
      if (entry.spki.length > 0) return entry.spki;
      break;
    default:
  }
  const stored = entry.attributes.get(rule.type);
  // What a private data object holds is with its device, see OBJECT_VALUE.
  if (!stored && rule.type === CKA.VALUE && entry.type === KeyType.DATA) return undefined;
  if (!stored) return synthesise(entry, rule);
  // 32-bit clients store 4 bytes; everybody reads 8.
  return rule.kind === 'ulong' && stored.length === 4 ? ulongValue(ulongOf(stored) ?? 0) : stored;
}

function synthesise(entry: KeyEntry, rule: AttributeRule): Uint8Array | undefined {
  const derived = derivedAttribute(rule.type, entry);
  if (derived) return derived;
  switch (rule.type) {
    // The vendor's library does not store these two. It knows no C_SetAttributeValue, so its keys are as they were made.
    case CKA.ALWAYS_SENSITIVE:
      return boolValue(isLocal(entry) && isTrue(entry.attributes.get(CKA.SENSITIVE)));
    case CKA.NEVER_EXTRACTABLE:
      return boolValue(
        isLocal(entry) && (entry.flags & KeyFlags.EXPORTABLE) === 0 && !isTrue(entry.attributes.get(CKA.EXTRACTABLE)),
      );
    default:
  }
  if (rule.flagIfTrue !== 0) return (entry.flags & rule.flagIfTrue) === 0 ? FALSE : TRUE;
  if (rule.flagIfFalse !== 0) return (entry.flags & rule.flagIfFalse) === 0 ? TRUE : FALSE;
  return rule.default;
}

function isLocal(entry: KeyEntry): boolean {
  return isTrue(entry.attributes.get(CKA.LOCAL));
}

/**
 * The key behind a name, for an operation that its attributes must allow.
 * @param usage CKA_SIGN and so on
 * @throws CkrError `invalid`, CKR_USER_NOT_LOGGED_IN, CKR_KEY_FUNCTION_NOT_PERMITTED
 */
export function requireKey(
  fleet: TokenFleet,
  application: Application,
  name: Uint8Array,
  usage: number,
  invalid: number = CKR.KEY_HANDLE_INVALID,
): KeyEntry {
  const entry = requireEntry(fleet, application, name, invalid);
  const description = objectOf(entry);
  if (description?.keyType === undefined) throw new CkrError(invalid);
  if (!allows(entry, description, usage)) throw new CkrError(CKR.KEY_FUNCTION_NOT_PERMITTED);
  return entry;
}

/** Whether a key allows an operation; see {@link synthesise} for keys without attributes. */
function allows(entry: KeyEntry, { rules }: ObjectDescription, usage: number): boolean {
  const rule = rules.get(usage);
  if (!rule || (entry.flags & rule.flagIfTrue) !== rule.flagIfTrue) return false;
  const value = entry.attributes.get(usage);
  return value ? isTrue(value) : rule.flagIfTrue !== 0;
}

/** CKK_ of a key, -1 of other objects. */
export function keyTypeOf(entry: KeyEntry): number {
  return objectOf(entry)?.keyType ?? -1;
}

/**
 * Changing and destroying token objects and private objects takes a login; for public objects that of the security officer is one
 * too, as far as the device agrees.
 * @throws CkrError CKR_USER_NOT_LOGGED_IN
 */
export function requireLoginFor(application: Application, flags: number): void {
  if (application.isLoggedIn) return;
  const isPublicObject = (flags & KeyFlags.PUBLIC) !== 0;
  if (isPublicObject && ((flags & KeyFlags.TOKEN) === 0 || application.role === 'so')) return;
  throw new CkrError(CKR.USER_NOT_LOGGED_IN);
}
