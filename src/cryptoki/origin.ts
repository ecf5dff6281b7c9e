/** What a device notes of how a key came to be (PKCS#11 3.2 sections 4.7 to 4.10). It never believes this from anybody else. */

import { CK_UNAVAILABLE_INFORMATION, CKA, CKK, CKM, CKO } from './constants.ts';
import { has, hasUsage, type KeyView } from './key-view.ts';
import { mechanismOf } from './mechanisms.ts';
import { type AttributeMap } from './template.ts';
import { boolValue, FALSE, TRUE, ulongValue } from './values.ts';

export type Origin = 'create' | 'generate' | 'unwrap' | 'derive' | 'encapsulate' | 'decapsulate';

/** What only a device sets. */
export const ORIGIN_ATTRIBUTES: ReadonlySet<number> = new Set([
  CKA.LOCAL,
  CKA.KEY_GEN_MECHANISM,
  CKA.ALWAYS_SENSITIVE,
  CKA.NEVER_EXTRACTABLE,
  CKA.UNIQUE_ID,
  CKA.VALUE_LEN,
  CKA.DKS_USE_COUNT,
  CKA.DKS_CLOSED_PAIR,
]);

/** @param sources the keys that the new one is made with */
export function originAttributes(
  origin: Origin,
  key: KeyView,
  { mechanism, sources }: { readonly mechanism: number; readonly sources: readonly KeyView[] },
): AttributeMap {
  // Who knows the password knows the key.
  const isLocal = origin === 'generate' && mechanism !== CKM.PKCS5_PBKD2;
  const generates =
    origin === 'generate' ? (mechanismOf(mechanism)?.generates ?? mechanism) : CK_UNAVAILABLE_INFORMATION;
  const attributes: AttributeMap = new Map([
    [CKA.LOCAL, boolValue(isLocal)],
    [CKA.KEY_GEN_MECHANISM, ulongValue(generates)],
  ]);
  if (key.objectClass === CKO.PUBLIC_KEY) return attributes;
  const isDerived = origin === 'derive' || origin === 'decapsulate';
  const always = (attribute: number, now: boolean): boolean =>
    now && (isLocal || (isDerived && sources.length > 0 && sources.every((source) => has(source, attribute))));
  attributes.set(CKA.ALWAYS_SENSITIVE, boolValue(always(CKA.ALWAYS_SENSITIVE, has(key, CKA.SENSITIVE))));
  attributes.set(CKA.NEVER_EXTRACTABLE, boolValue(always(CKA.NEVER_EXTRACTABLE, !has(key, CKA.EXTRACTABLE))));
  return attributes;
}

/** Both halves of a pair that was generated here. */
export function pairOriginAttributes(
  privateKey: KeyView,
  publicKey: KeyView,
  mechanism: number,
): { privateKey: AttributeMap; publicKey: AttributeMap } {
  const context = { mechanism, sources: [] };
  const publicAttributes = originAttributes('generate', publicKey, context);
  if (publicKey.keyType === CKK.RSA) {
    publicAttributes.set(CKA.DKS_CLOSED_PAIR, isClosed(privateKey) ? TRUE : FALSE);
  }
  return { privateKey: originAttributes('generate', privateKey, context), publicKey: publicAttributes };
}

/**
 * Whether what is encrypted for a private key can only be unwrapped. A signature by CKM_RSA_X_509 is a decryption, too, and a key that
 * leaves the device could come back for another use.
 */
function isClosed(privateKey: KeyView): boolean {
  const usable = [CKA.DECRYPT, CKA.SIGN, CKA.SIGN_RECOVER].some((usage) => has(privateKey, usage));
  return (
    !usable && hasUsage(privateKey, CKA.UNWRAP) && has(privateKey, CKA.SENSITIVE) && !has(privateKey, CKA.EXTRACTABLE)
  );
}

/** A copy comes from where its original comes from. */
export function copyOriginAttributes(source: KeyView): AttributeMap {
  const kept = [CKA.LOCAL, CKA.KEY_GEN_MECHANISM, CKA.ALWAYS_SENSITIVE, CKA.NEVER_EXTRACTABLE, CKA.DKS_CLOSED_PAIR];
  return new Map(
    kept.flatMap((type) => {
      const value = source.attributes.get(type);
      return value ? [[type, value]] : [];
    }),
  );
}
