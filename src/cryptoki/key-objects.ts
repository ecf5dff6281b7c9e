/** Which kind of PKCS#11 object a key of the protocol is, and what its public half tells. */

import { KeyType } from '#src/wire/enumerations.ts';
import { Bug } from '#src/wire/status.ts';
import { type ObjectDescription, objectDescription } from './attributes.ts';
import { CKA, CKK, CKM, CKO } from './constants.ts';
import { curveDescription } from './curves.ts';
import { parameterSet } from './parameter-sets.ts';
import { bitLength, ecPointOf, rsaNumbers, subjectPublicKey } from './public-key-info.ts';
import { ulongOf, ulongValue } from './values.ts';

function description(objectClass: number, keyType: number | undefined): ObjectDescription {
  const found = objectDescription(objectClass, keyType);
  if (!found) throw new Bug(`no object of class ${objectClass} and key type ${keyType}`);
  return found;
}

/** Private type, public type, key type of the objects, and the mechanism that makes such pairs. */
const pairs = [
  [KeyType.RSA_PRIVATE, KeyType.RSA_PUBLIC, CKK.RSA, CKM.RSA_PKCS_KEY_PAIR_GEN],
  [KeyType.EC_PRIVATE, KeyType.EC_PUBLIC, CKK.EC, CKM.EC_KEY_PAIR_GEN],
  [KeyType.ED_PRIVATE, KeyType.ED_PUBLIC, CKK.EC_EDWARDS, CKM.EC_EDWARDS_KEY_PAIR_GEN],
  [KeyType.X_PRIVATE, KeyType.X_PUBLIC, CKK.EC_MONTGOMERY, CKM.EC_MONTGOMERY_KEY_PAIR_GEN],
  [KeyType.ML_DSA_PRIVATE, KeyType.ML_DSA_PUBLIC, CKK.ML_DSA, CKM.ML_DSA_KEY_PAIR_GEN],
  [KeyType.SLH_DSA_PRIVATE, KeyType.SLH_DSA_PUBLIC, CKK.SLH_DSA, CKM.SLH_DSA_KEY_PAIR_GEN],
  [KeyType.ML_KEM_PRIVATE, KeyType.ML_KEM_PUBLIC, CKK.ML_KEM, CKM.ML_KEM_KEY_PAIR_GEN],
] as const;

const objects = new Map<number, ObjectDescription>([
  ...pairs.map(([privateType, , keyType]) => [privateType, description(CKO.PRIVATE_KEY, keyType)] as const),
  ...pairs.map(([, publicType, keyType]) => [publicType, description(CKO.PUBLIC_KEY, keyType)] as const),
  [KeyType.SECRET, description(CKO.SECRET_KEY, CKK.GENERIC_SECRET)],
  [KeyType.CERTIFICATE, description(CKO.CERTIFICATE, undefined)],
  [KeyType.DATA, description(CKO.DATA, undefined)],
]);

/**
 * The object that a key is; `undefined` for keys that PKCS#11 programs do not see (hash-based signatures). What a secret key is for
 * only its attributes tell, see {@link objectOfKey}.
 */
export function objectOfKeyType(type: number): ObjectDescription | undefined {
  return objects.get(type);
}

/** The object that a key with these attributes is. */
export function objectOfKey(type: number, attributes: ReadonlyMap<number, Uint8Array>): ObjectDescription | undefined {
  if (type !== KeyType.SECRET) return objects.get(type);
  const keyType = ulongOf(attributes.get(CKA.KEY_TYPE));
  return keyType === undefined ? objects.get(KeyType.SECRET) : objectDescription(CKO.SECRET_KEY, Number(keyType));
}

/** The type of the private key objects of a CKK_, `undefined` if it has none. */
export function privateTypeOf(keyType: number): KeyType | undefined {
  return pairs.find(([, , other]) => other === keyType)?.[0];
}

/** The type of the public half of a private key, `undefined` if it has none that is kept as a key. */
export function publicTypeOf(privateType: number): KeyType | undefined {
  return pairs.find(([type]) => type === privateType)?.[1];
}

/** The mechanism that makes pairs with this type of private key. */
export function pairMechanismOf(privateType: number): number | undefined {
  return pairs.find(([type]) => type === privateType)?.[3];
}

/** What a key itself tells of an attribute; `undefined` for all other attributes. */
export function derivedAttribute(
  type: number,
  key: { readonly type: number; readonly curve: number; readonly bits: number; readonly spki: Uint8Array },
): Uint8Array | undefined {
  const isPair = key.spki.length > 0;
  switch (type) {
    case CKA.MODULUS:
      return isPair ? rsaNumbers(key.spki).modulus : undefined;
    case CKA.PUBLIC_EXPONENT:
      return isPair ? rsaNumbers(key.spki).exponent : undefined;
    case CKA.MODULUS_BITS:
      return isPair ? ulongValue(bitLength(rsaNumbers(key.spki).modulus)) : undefined;
    case CKA.EC_PARAMS:
      return curveDescription(key.curve)?.oid;
    case CKA.EC_POINT:
      return isPair ? ecPointOf(key.spki) : undefined;
    case CKA.PUBLIC_KEY_INFO:
      return isPair ? key.spki : undefined;
    case CKA.PARAMETER_SET: {
      const set = parameterSet(key.curve);
      return set && ulongValue(set.number);
    }
    // Of public keys of post-quantum algorithms; elsewhere CKA_VALUE is secret or stored.
    case CKA.VALUE:
      return parameterSet(key.curve)?.publicType === key.type ? subjectPublicKey(key.spki) : undefined;
    case CKA.VALUE_LEN:
      return key.type === KeyType.SECRET ? ulongValue(key.bits >>> 3) : undefined;
    default:
      return undefined;
  }
}
