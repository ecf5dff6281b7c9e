/** SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7) to PKCS#11 attributes and back. Whether a key is good is for the device to say. */

import { CkrError } from '#src/wire/status.ts';
import { CKK, CKR } from './constants.ts';
import { type CurveDescription } from './curves.ts';
import {
  bitString,
  children,
  concat,
  contentOf,
  element,
  integer,
  octetString,
  sequence,
  TAG,
  unsigned,
} from './der.ts';
import { type ParameterSet } from './parameter-sets.ts';

/** AlgorithmIdentifier of rsaEncryption (RFC 8017 appendix A.1). */
export const RSA_ENCRYPTION: Uint8Array = sequence(
  element(TAG.OID, Uint8Array.of(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01)),
  element(TAG.NULL, new Uint8Array(0)),
);
/** The object identifier id-ecPublicKey (RFC 5480 section 2.1.1). */
const EC_PUBLIC_KEY = element(TAG.OID, Uint8Array.of(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01));

/** The content of the BIT STRING subjectPublicKey: RSAPublicKey in DER, or the encoded point or key. */
export function subjectPublicKey(spki: Uint8Array): Uint8Array {
  const [, bits] = children(contentOf(spki, TAG.SEQUENCE));
  return contentOf(bits, TAG.BIT_STRING).subarray(1);
}

/** Modulus and exponent of an RSA public key, without leading zeros. */
export function rsaNumbers(spki: Uint8Array): { modulus: Uint8Array; exponent: Uint8Array } {
  const [modulus, exponent] = children(contentOf(subjectPublicKey(spki), TAG.SEQUENCE));
  return { modulus: unsigned(modulus), exponent: unsigned(exponent) };
}

/** CKA_EC_POINT of a public key on a curve: the point in a DER OCTET STRING (PKCS#11 3.2 sections 6.3.3, 6.3.5 and 6.3.7). */
export function ecPointOf(spki: Uint8Array): Uint8Array {
  return octetString(subjectPublicKey(spki));
}

/** An RSA public key; the numbers have no leading zeros. */
export function rsaPublicKeyInfo(modulus: Uint8Array, exponent: Uint8Array): Uint8Array {
  return sequence(RSA_ENCRYPTION, bitString(sequence(integer(modulus), integer(exponent))));
}

/**
 * A public key on a curve from its CKA_EC_POINT: in a DER OCTET STRING, or bare as older programs send it. Compressed points are refused.
 * @throws CkrError CKR_ATTRIBUTE_VALUE_INVALID
 */
export function ecPublicKeyInfo(curve: CurveDescription, ecPoint: Uint8Array): Uint8Array {
  const point = ecPoint.length === curve.pointSize ? ecPoint : contentOf(ecPoint, TAG.OCTET_STRING);
  if (point.length !== curve.pointSize) {
    throw new CkrError(CKR.ATTRIBUTE_VALUE_INVALID, 'CKA_EC_POINT does not fit the curve');
  }
  return sequence(curveAlgorithm(curve), bitString(point));
}

/** RFC 8410: the identifier of the curve is the algorithm itself. RFC 5480: it is the parameter of id-ecPublicKey. */
export function curveAlgorithm(curve: CurveDescription): Uint8Array {
  return sequence(curve.keyType === CKK.EC ? concat(EC_PUBLIC_KEY, curve.oid) : curve.oid);
}

/** A public key of a post-quantum algorithm (RFC 9881, RFC 9909, RFC 9935). @throws CkrError CKR_ATTRIBUTE_VALUE_INVALID */
export function postQuantumPublicKeyInfo(set: ParameterSet, value: Uint8Array): Uint8Array {
  if (value.length !== set.publicKeySize) {
    throw new CkrError(CKR.ATTRIBUTE_VALUE_INVALID, 'CKA_VALUE does not fit the parameter set');
  }
  return sequence(sequence(set.oid), bitString(value));
}

/** Bits of a number without leading zeros. */
export function bitLength(number: Uint8Array): number {
  return number.length === 0 ? 0 : 8 * number.length - (Math.clz32(number[0] as number) - 24);
}
