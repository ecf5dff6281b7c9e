/** Keys as PKCS#11 objects: which are visible, and what their attributes are. */

import { type KeyEntry } from '#src/fleet/key-table.ts';
import { type AttributeRule, type ObjectDescription } from '#src/cryptoki/attributes.ts';
import { CKA, CKO, CKR } from '#src/cryptoki/constants.ts';
import { curveDescription } from '#src/cryptoki/curves.ts';
import { objectOfKeyType } from '#src/cryptoki/key-objects.ts';
import { ecPointOf, rsaNumbers } from '#src/cryptoki/public-key-info.ts';
import { type Attribute, boolValue, FALSE, isTrue, TRUE, ulongOf, ulongValue } from '#src/cryptoki/values.ts';
import { KeyFlags } from '#src/wire/enumerations.ts';
import { CkrError } from '#src/wire/status.ts';
import { type Application } from './application.ts';
import { idOf, uuidText } from './uuid.ts';
import { type TokenFleet } from './token-fleet.ts';

/** CKA_PRIVATE is true: invisible without login. */
function isPrivate(entry: KeyEntry): boolean {
  const value = entry.attributes.get(CKA.PRIVATE);
  return value ? isTrue(value) : (entry.flags & KeyFlags.PUBLIC) === 0;
}

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

/** The kind of object that a key is. @throws CkrError CKR_OBJECT_HANDLE_INVALID if PKCS#11 programs do not see it */
export function requireDescription(entry: KeyEntry): ObjectDescription {
  const description = objectOfKeyType(entry.type);
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
      return ulongValue(description.keyType);
    case CKA.TOKEN:
      return boolValue((entry.flags & KeyFlags.TOKEN) !== 0);
    case CKA.UNIQUE_ID:
      return Buffer.from(uuidText(entry.id), 'latin1');
    case CKA.PUBLIC_KEY_INFO:
      return entry.spki;
    default:
  }
  const stored = entry.attributes.get(rule.type);
  if (!stored) return synthesise(entry, rule);
  // 32-bit clients store 4 bytes; everybody reads 8.
  return rule.kind === 'ulong' && stored.length === 4 ? ulongValue(ulongOf(stored) ?? 0) : stored;
}

function synthesise(entry: KeyEntry, rule: AttributeRule): Uint8Array | undefined {
  switch (rule.type) {
    case CKA.MODULUS:
      return rsaNumbers(entry.spki).modulus;
    case CKA.PUBLIC_EXPONENT:
      return rsaNumbers(entry.spki).exponent;
    case CKA.MODULUS_BITS:
      return ulongValue(entry.bits);
    case CKA.EC_PARAMS:
      return curveDescription(entry.curve)?.oid;
    case CKA.EC_POINT:
      return ecPointOf(entry.spki);
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

/** Whether a key allows signing or verifying; see {@link synthesise} for keys without attributes. */
export function allows(entry: KeyEntry, usage: typeof CKA.SIGN | typeof CKA.VERIFY): boolean {
  if ((entry.flags & KeyFlags.DIGITALSIGNATURE) === 0) return false;
  const value = entry.attributes.get(usage);
  if (value) return value[0] === 1;
  const description = objectOfKeyType(entry.type);
  return description?.class === (usage === CKA.SIGN ? CKO.PRIVATE_KEY : CKO.PUBLIC_KEY);
}

/**
 * Changing and destroying token objects and private objects takes a login.
 * @throws CkrError CKR_USER_NOT_LOGGED_IN
 */
export function requireLoginFor(application: Application, flags: number): void {
  const publicSession = (flags & KeyFlags.TOKEN) === 0 && (flags & KeyFlags.PUBLIC) !== 0;
  if (!publicSession && !application.isLoggedIn) throw new CkrError(CKR.USER_NOT_LOGGED_IN);
}
