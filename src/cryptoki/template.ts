/** Template rules: from what an application gives to the attributes of an object (PKCS#11 3.1 sections 4.1 and 5.1.6). */

import { CkrError } from '#src/wire/status.ts';
import { type AttributeRule, type Change, type Making } from './attribute-rules.ts';
import { readAttributeTemplate } from './attribute-templates.ts';
import { type AttributeRules, type ObjectDescription } from './attributes.ts';
import { CKA, CKO, CKR } from './constants.ts';
import { type Role } from './roles.ts';
import { type Attribute, equalBytes, isTrue, normalise, TRUE, ulongOf } from './values.ts';

/** Attributes of one object in bytes. More than any known program needs, and a page of OBJECT_FIND fits a message. */
const MAX_SIZE = 131_072;

export type AttributeMap = Map<number, Uint8Array>;

/**
 * The values of a template in their stored form. Attributes may come in any order, and twice with the same value.
 * @throws CkrError CKR_ATTRIBUTE_TYPE_INVALID, CKR_ATTRIBUTE_VALUE_INVALID, CKR_TEMPLATE_INCONSISTENT (two values for one attribute)
 */
export function parseTemplate(template: readonly Attribute[], rules: AttributeRules): AttributeMap {
  const values: AttributeMap = new Map();
  let size = 0;
  for (const { type, value } of template) {
    const rule = rules.get(type);
    if (!rule) throw new CkrError(CKR.ATTRIBUTE_TYPE_INVALID, `attribute 0x${type.toString(16)}`);
    const normal = normalise(rule.kind, value);
    if (normal.length > rule.maxLength) throw new CkrError(CKR.ATTRIBUTE_VALUE_INVALID, `${rule.name} is too long`);
    if (rule.kind === 'attributes') readAttributeTemplate(normal);
    const other = values.get(type);
    if (other && !equalBytes(other, normal)) throw inconsistent(rule, 'is given twice');
    values.set(type, normal);
    size += normal.length;
  }
  if (size > MAX_SIZE) throw new CkrError(CKR.ATTRIBUTE_VALUE_INVALID, 'the template is too large');
  return values;
}

/**
 * The complete stored attributes of a new object.
 * @param fixed what the token sets: a template may repeat these values but not change them
 * @throws CkrError as {@link parseTemplate}, CKR_TEMPLATE_INCOMPLETE, CKR_ATTRIBUTE_READ_ONLY
 */
export function completeTemplate(
  template: readonly Attribute[],
  description: ObjectDescription,
  making: Making,
  fixed: ReadonlyMap<number, Uint8Array>,
  role: Role = 'user',
): AttributeMap {
  const given = parseTemplate(template, description.rules);
  for (const [type, value] of given) {
    const rule = description.rules.get(type) as AttributeRule;
    const fixedValue = fixed.get(type);
    const same = fixedValue !== undefined && equalBytes(fixedValue, value);
    if (rule[making] === 'no' && !same) throw new CkrError(CKR.ATTRIBUTE_READ_ONLY, rule.name);
    if (fixedValue && !same) throw inconsistent(rule, 'contradicts the rest');
    if (rule.trueBySo && isTrue(value) && role !== 'so') throw new CkrError(CKR.ATTRIBUTE_READ_ONLY, rule.name);
  }
  if (!grantsUsage(given, description)) {
    for (const usage of description.defaultUsage) if (!given.has(usage)) given.set(usage, TRUE);
  }
  const complete: AttributeMap = new Map();
  for (const [type, rule] of description.rules) {
    const like = rule.defaultLike === undefined ? undefined : given.get(rule.defaultLike);
    const value = fixed.get(type) ?? given.get(type) ?? (rule.stored ? (like ?? rule.default) : undefined);
    if (value && !rule.sensitive) complete.set(type, value);
    else if (value) continue;
    else if (rule[making] === 'must') throw new CkrError(CKR.TEMPLATE_INCOMPLETE, rule.name);
  }
  return complete;
}

/**
 * The changes that a template of C_SetAttributeValue makes to an object; attributes that have the value already are left out.
 * @param current the object's value of an attribute
 * @throws CkrError as {@link parseTemplate}, CKR_ATTRIBUTE_READ_ONLY, CKR_ACTION_PROHIBITED (CKA_MODIFIABLE is false)
 */
export function changesOf(
  template: readonly Attribute[],
  rules: AttributeRules,
  current: (type: number) => Uint8Array | undefined,
  role: Role = 'user',
): Attribute[] {
  if (!isTrue(current(CKA.MODIFIABLE))) throw new CkrError(CKR.ACTION_PROHIBITED, 'CKA_MODIFIABLE is false');
  const changes: Attribute[] = [];
  for (const [type, value] of parseTemplate(template, rules)) {
    const rule = rules.get(type) as AttributeRule;
    const old = current(type);
    const same = old !== undefined && equalBytes(old, value);
    if (!isAllowed(rule.set, old, value) || (rule.trueBySo && !same && isTrue(value) && role !== 'so')) {
      throw new CkrError(CKR.ATTRIBUTE_READ_ONLY, rule.name);
    }
    if (!same) changes.push({ type, value });
  }
  return changes;
}

/** Whether an attribute may change from its old value to a new one, by C_SetAttributeValue or in a copy. */
export function isAllowed(change: Change, old: Uint8Array | undefined, value: Uint8Array): boolean {
  const same = old !== undefined && equalBytes(old, value);
  switch (change) {
    case 'likes':
      return true;
    case 'toTrue':
      return same || isTrue(value);
    case 'toFalse':
      return same || !isTrue(value);
    case 'lower':
      return old === undefined || (ulongOf(value) ?? 0n) <= (ulongOf(old) ?? 0n);
    case 'no':
      // Programs set what is so already, which does no harm, but a secret value must not be found by guessing.
      return false;
  }
}

/** The key flags of the protocol that belong to the attributes of a new object; they never change afterwards. */
export function keyFlags(attributes: ReadonlyMap<number, Uint8Array>, description: ObjectDescription): number {
  let flags = description.flags;
  for (const [type, rule] of description.rules) {
    const value = attributes.get(type) ?? rule.default;
    if (value) flags |= isTrue(value) ? rule.flagIfTrue : rule.flagIfFalse;
  }
  return flags;
}

/** No cipher takes a secret that is for MACs, but pkcs11-tool 0.26 has encryption in all its templates. */
function grantsUsage(given: AttributeMap, description: ObjectDescription): boolean {
  const isMacKey = description.class === CKO.SECRET_KEY && description.defaultUsage.includes(CKA.SIGN);
  for (const [type, value] of given) {
    if (!description.rules.get(type)?.usage || !isTrue(value)) continue;
    if (!isMacKey || (type !== CKA.ENCRYPT && type !== CKA.DECRYPT)) return true;
  }
  return false;
}

function inconsistent(rule: AttributeRule, why: string): CkrError {
  return new CkrError(CKR.TEMPLATE_INCONSISTENT, `CKA_${rule.name} ${why}`);
}
