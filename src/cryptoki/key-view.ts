/** A key as the rules of separation see it. */

import { KeyType } from '#src/wire/enumerations.ts';
import { type AttributeRules } from './attributes.ts';
import { CKA, CKK, CKO } from './constants.ts';
import { objectOfKey } from './key-objects.ts';
import { parameterSet } from './parameter-sets.ts';
import { boolValue, isTrue } from './values.ts';

export interface KeyView {
  readonly objectClass: number;
  /** -1 for what is no key, and for keys that PKCS#11 programs do not see. */
  readonly keyType: number;
  readonly bits: number;
  readonly curve: number;
  readonly flags: number;
  readonly attributes: ReadonlyMap<number, Uint8Array>;
  readonly rules: AttributeRules;
}

const NO_RULES: AttributeRules = new Map();

export function keyViewOf(
  key: Pick<KeyView, 'curve' | 'bits' | 'flags' | 'attributes'> & { readonly type: number },
): KeyView {
  const { type, curve, bits, flags, attributes } = key;
  const description = objectOfKey(type, attributes);
  const isPrivate = type === KeyType.HASHSIG_PRIVATE;
  return {
    objectClass: description?.class ?? (isPrivate ? CKO.PRIVATE_KEY : CKO.PUBLIC_KEY),
    keyType: description?.keyType ?? -1,
    curve,
    bits,
    flags,
    attributes,
    rules: description?.rules ?? NO_RULES,
  };
}

/** The value of an attribute; of keys that were made without a template what their flags tell. */
export function valueOf(key: KeyView, type: number): Uint8Array | undefined {
  const stored = key.attributes.get(type);
  if (stored) return stored;
  const rule = key.rules.get(type);
  if (!rule) return undefined;
  if (rule.flagIfTrue !== 0) return boolValue((key.flags & rule.flagIfTrue) !== 0);
  if (rule.flagIfFalse !== 0) return boolValue((key.flags & rule.flagIfFalse) === 0);
  return rule.default;
}

/** Whether a CK_BBOOL is TRUE. */
export function has(key: KeyView, type: number): boolean {
  return isTrue(valueOf(key, type));
}

/** Whether an operation is allowed by attribute and flag. */
export function hasUsage(key: KeyView, type: number): boolean {
  const rule = key.rules.get(type);
  if (!rule) return false;
  return has(key, type) && (key.flags & rule.flagIfTrue) === rule.flagIfTrue;
}

/** Whether the value of a private or secret key must never come out (PKCS#11 3.2 section 4.9). */
export function isProtected(key: KeyView): boolean {
  if (key.objectClass !== CKO.PRIVATE_KEY && key.objectClass !== CKO.SECRET_KEY) return false;
  return has(key, CKA.SENSITIVE) || !has(key, CKA.EXTRACTABLE);
}

/** Bits of security of RSA keys (SP 800-57 part 1, table 2). */
const RSA_STRENGTHS = [
  [15_360, 256],
  [7680, 192],
  [3072, 128],
  [2048, 112],
  [0, 80],
] as const;

/** Bits of security of a key. */
export function strengthOf({ keyType, curve, bits }: KeyView): number {
  const set = parameterSet(curve);
  if (set) return set.strength;
  switch (keyType) {
    case CKK.RSA:
      return RSA_STRENGTHS.find(([size]) => bits >= size)?.[1] ?? 0;
    case CKK.EC:
    case CKK.EC_EDWARDS:
    case CKK.EC_MONTGOMERY:
      return Math.min(256, Math.ceil(bits / 2));
    default:
      return Math.min(256, bits);
  }
}
