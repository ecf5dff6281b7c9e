/** What C_CopyObject is asked for (PKCS#11 3.2 section 5.7.2). */

import { CkrError } from '#src/wire/status.ts';
import { type AttributeRule } from './attribute-rules.ts';
import { type ObjectDescription } from './attributes.ts';
import { CKA, CKO, CKR } from './constants.ts';
import { type Role } from './roles.ts';
import { type AttributeMap, isAllowed, keyFlags, parseTemplate } from './template.ts';
import { type Attribute, equalBytes, FALSE, isTrue } from './values.ts';

export interface CopyRequest {
  readonly flags: number;
  /** All attributes of the copy but those that the device sets. */
  readonly attributes: AttributeMap;
}

/** What a copy does not take over. */
const NOT_COPIED: ReadonlySet<number> = new Set([CKA.UNIQUE_ID, CKA.DKS_USE_COUNT]);

/**
 * The attributes of a copy: those of the original with the changes of the template, which may only make it stricter.
 * @param current the object's value of an attribute
 * @throws CkrError CKR_ACTION_PROHIBITED (CKA_COPYABLE is false, or the key has a limit of uses, which a copy would double),
 * CKR_ATTRIBUTE_READ_ONLY, CKR_TEMPLATE_INCONSISTENT, and those of {@link parseTemplate}
 */
export function copyRequest(
  description: ObjectDescription,
  current: (type: number) => Uint8Array | undefined,
  template: readonly Attribute[],
  role: Role,
): CopyRequest {
  if (current(CKA.COPYABLE)?.[0] === 0) throw new CkrError(CKR.ACTION_PROHIBITED, 'CKA_COPYABLE is false');
  if (current(CKA.DKS_USE_LIMIT)) throw new CkrError(CKR.ACTION_PROHIBITED, 'a key with a limit of uses is not copied');
  const given = parseTemplate(template, description.rules);
  for (const [type, value] of given) {
    const rule = description.rules.get(type) as AttributeRule;
    const old = current(type);
    if (old && equalBytes(old, value)) continue;
    if (rule.trueBySo && isTrue(value) && role !== 'so') throw new CkrError(CKR.ATTRIBUTE_READ_ONLY, rule.name);
    if (!isAllowed(rule.copy, old, value)) throw new CkrError(CKR.ATTRIBUTE_READ_ONLY, rule.name);
  }
  const attributes: AttributeMap = new Map();
  for (const [type, rule] of description.rules) {
    const value = given.get(type) ?? current(type);
    const copied = value && !rule.sensitive && !NOT_COPIED.has(type);
    // Of a certificate it is part of what was stored; a key tells it by itself.
    const isInfo = type === CKA.PUBLIC_KEY_INFO && description.class !== CKO.CERTIFICATE;
    if (copied && !isInfo && (given.has(type) || rule.stored || isWorthStoring(rule, value)))
      attributes.set(type, value);
  }
  attributes.set(CKA.TOKEN, given.get(CKA.TOKEN) ?? current(CKA.TOKEN) ?? FALSE);
  return { flags: keyFlags(attributes, description), attributes };
}

/** Attributes that are not stored by default are, where they differ from the default. */
function isWorthStoring(rule: AttributeRule, value: Uint8Array): boolean {
  return !(rule.default && equalBytes(rule.default, value)) && !COMPUTED.has(rule.type);
}

/** What a key tells by itself. */
const COMPUTED: ReadonlySet<number> = new Set([CKA.EC_POINT, CKA.VALUE_LEN]);
