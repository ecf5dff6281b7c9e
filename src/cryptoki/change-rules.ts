/** Separation of keys: which changes and copies are allowed. The attribute table says it; here devices hold to it. */

import { CkrError } from '#src/wire/status.ts';
import { type AttributeRule } from './attribute-rules.ts';
import { CKA, CKO, CKR } from './constants.ts';
import { curveOfParams } from './curves.ts';
import { has, type KeyView, valueOf } from './key-view.ts';
import { checkTrust } from './new-key-rules.ts';
import { type Role } from './roles.ts';
import { type Policy } from './separation.ts';
import { isAllowed } from './template.ts';
import { equalBytes, isTrue } from './values.ts';

export interface AttributeChange {
  readonly type: number;
  /** `null` deletes the attribute. */
  readonly value: Uint8Array | null;
}

/**
 * Whether attributes of an object may change so.
 * @throws CkrError CKR_ACTION_PROHIBITED (CKA_MODIFIABLE is false), CKR_ATTRIBUTE_READ_ONLY, CKR_ATTRIBUTE_TYPE_INVALID
 */
export function checkChange(key: KeyView, changes: readonly AttributeChange[], role: Role, policy: Policy): void {
  if (valueOf(key, CKA.MODIFIABLE)?.[0] === 0) throw new CkrError(CKR.ACTION_PROHIBITED, 'CKA_MODIFIABLE is false');
  const attributes = new Map(key.attributes);
  for (const { type, value } of changes) {
    const rule = key.rules.get(type);
    if (!rule) throw new CkrError(CKR.ATTRIBUTE_TYPE_INVALID, `attribute 0x${type.toString(16)}`);
    const old = valueOf(key, type);
    const same = old !== undefined && value !== null && equalBytes(old, value);
    if (same || isNameOfCurve(key, type, value)) continue;
    if (value === null ? rule.set !== 'likes' : !isAllowed(rule.set, old, value)) throw readOnly(rule);
    if (rule.trueBySo && isTrue(value ?? undefined) && role !== 'so') throw readOnly(rule);
    if (value === null) attributes.delete(type);
    else attributes.set(type, value);
  }
  checkTrust({ ...key, attributes }, policy);
}

/** The name of the curve in another form, which a device has put in its own. */
function isNameOfCurve(key: KeyView, type: number, value: Uint8Array | null): boolean {
  return type === CKA.EC_PARAMS && value !== null && curveOfParams(value).curve === key.curve;
}

/** Restrictions that never change once they are there. */
const RESTRICTIONS: ReadonlySet<number> = new Set([
  CKA.ALLOWED_MECHANISMS,
  CKA.ALWAYS_AUTHENTICATE,
  CKA.WRAP_TEMPLATE,
  CKA.UNWRAP_TEMPLATE,
  CKA.DERIVE_TEMPLATE,
]);

/**
 * Whether the vendor's function for attributes may set these. Its library stores the attributes of a new key with it, and any others
 * that a program likes; what restricts the key already must not be weakened.
 * @throws CkrError CKR_ATTRIBUTE_READ_ONLY
 */
export function checkVendorChange(key: KeyView, changes: readonly AttributeChange[]): void {
  for (const { type, value } of changes) {
    const rule = key.rules.get(type);
    const old = key.attributes.get(type);
    if (!rule || old === undefined || (value !== null && equalBytes(old, value))) continue;
    const onlyStricter = rule.set === 'toTrue' || rule.set === 'toFalse' || rule.set === 'lower';
    const isWeaker = value === null || !isAllowed(rule.set, old, value);
    if (RESTRICTIONS.has(type) || (onlyStricter && isWeaker)) throw readOnly(rule);
  }
}

/** What a copy has of its own. */
const OWN: ReadonlySet<number> = new Set([CKA.UNIQUE_ID, CKA.DKS_USE_COUNT]);

/**
 * Whether an object may have this copy: one that is at least as strict.
 * @throws CkrError CKR_ACTION_PROHIBITED (CKA_COPYABLE is false, a limit of uses), CKR_ATTRIBUTE_READ_ONLY
 */
export function checkCopy(source: KeyView, copy: KeyView, role: Role, policy: Policy): void {
  if (valueOf(source, CKA.COPYABLE)?.[0] === 0) throw new CkrError(CKR.ACTION_PROHIBITED, 'CKA_COPYABLE is false');
  if (source.attributes.has(CKA.DKS_USE_LIMIT)) {
    throw new CkrError(CKR.ACTION_PROHIBITED, 'a copy would double the limit of uses');
  }
  for (const [type, rule] of source.rules) {
    const old = valueOf(source, type);
    const now = valueOf(copy, type);
    const same = old === undefined ? now === undefined : now !== undefined && equalBytes(old, now);
    if (same || OWN.has(type)) continue;
    // A private data object keeps its value elsewhere.
    if (now === undefined ? rule.copy !== 'likes' && !isPrivateData(source, type) : !isAllowed(rule.copy, old, now)) {
      throw readOnly(rule);
    }
    if (rule.trueBySo && isTrue(now) && role !== 'so') throw readOnly(rule);
  }
  checkTrust(copy, policy);
}

function isPrivateData(key: KeyView, type: number): boolean {
  return key.objectClass === CKO.DATA && type === CKA.VALUE && has(key, CKA.PRIVATE);
}

function readOnly(rule: AttributeRule): CkrError {
  return new CkrError(CKR.ATTRIBUTE_READ_ONLY, `CKA_${rule.name}`);
}
