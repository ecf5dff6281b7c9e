/** The curves that the token offers, and how CKA_EC_PARAMS names them. */

import { Curve, KeyType } from '#src/wire/enumerations.ts';
import { CkrError } from '#src/wire/status.ts';
import { CKK, CKR } from './constants.ts';

export interface CurveDescription {
  readonly curve: Curve;
  readonly keyType: typeof CKK.EC | typeof CKK.EC_EDWARDS | typeof CKK.EC_MONTGOMERY;
  readonly privateType: KeyType;
  readonly publicType: KeyType;
  readonly bits: number;
  /** Bytes of an encoded public point: 04||x||y (SEC 1 section 2.3.3), or RFC 8032 sections 5.1.2 and 5.2.2, or RFC 7748. */
  readonly pointSize: number;
  /** Bytes of a private key: the number (RFC 5915), or RFC 8032 and RFC 7748. */
  readonly privateSize: number;
  /** Bytes of a signature: r||s, or RFC 8032; 0 on curves for key exchange only. */
  readonly signatureSize: number;
  /** The object identifier in DER, as CKA_EC_PARAMS has it (PKCS#11 3.1 section 6.3.3). */
  readonly oid: Uint8Array;
  /** Names in the PrintableString form of CKA_EC_PARAMS (`curveName`, same section). */
  readonly names: readonly string[];
}

const weierstrass = { keyType: CKK.EC, privateType: KeyType.EC_PRIVATE, publicType: KeyType.EC_PUBLIC } as const;
const montgomery = {
  keyType: CKK.EC_MONTGOMERY,
  privateType: KeyType.X_PRIVATE,
  publicType: KeyType.X_PUBLIC,
} as const;
const edwards = { keyType: CKK.EC_EDWARDS, privateType: KeyType.ED_PRIVATE, publicType: KeyType.ED_PUBLIC } as const;

export const CURVES: readonly CurveDescription[] = [
  // RFC 5480 section 2.1.1.1; the vendor's devices have these three.
  {
    ...weierstrass,
    curve: Curve.P256,
    bits: 256,
    privateSize: 32,
    pointSize: 65,
    signatureSize: 64,
    oid: Uint8Array.of(0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07),
    names: ['prime256v1', 'secp256r1'],
  },
  {
    ...weierstrass,
    curve: Curve.P384,
    bits: 384,
    privateSize: 48,
    pointSize: 97,
    signatureSize: 96,
    oid: Uint8Array.of(0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22),
    names: ['secp384r1'],
  },
  {
    ...weierstrass,
    curve: Curve.P521,
    bits: 521,
    privateSize: 66,
    pointSize: 133,
    signatureSize: 132,
    oid: Uint8Array.of(0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23),
    names: ['secp521r1'],
  },
  // RFC 8410 section 3. Sizes are those of the field, as PKCS#11 3.1 section 6.3.14 counts.
  {
    ...edwards,
    curve: Curve.ED25519,
    bits: 255,
    privateSize: 32,
    pointSize: 32,
    signatureSize: 64,
    oid: Uint8Array.of(0x06, 0x03, 0x2b, 0x65, 0x70),
    names: ['edwards25519'],
  },
  {
    ...edwards,
    curve: Curve.ED448,
    bits: 448,
    privateSize: 57,
    pointSize: 57,
    signatureSize: 114,
    oid: Uint8Array.of(0x06, 0x03, 0x2b, 0x65, 0x71),
    names: ['edwards448'],
  },
  // SEC 2 section 2.4.1.
  {
    ...weierstrass,
    curve: Curve.SECP256K1,
    bits: 256,
    privateSize: 32,
    pointSize: 65,
    signatureSize: 64,
    oid: Uint8Array.of(0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x0a),
    names: ['secp256k1'],
  },
  // RFC 5639 section 3.
  {
    ...weierstrass,
    curve: Curve.BRAINPOOL_P256R1,
    bits: 256,
    privateSize: 32,
    pointSize: 65,
    signatureSize: 64,
    oid: Uint8Array.of(0x06, 0x09, 0x2b, 0x24, 0x03, 0x03, 0x02, 0x08, 0x01, 0x01, 0x07),
    names: ['brainpoolP256r1'],
  },
  {
    ...weierstrass,
    curve: Curve.BRAINPOOL_P320R1,
    bits: 320,
    privateSize: 40,
    pointSize: 81,
    signatureSize: 80,
    oid: Uint8Array.of(0x06, 0x09, 0x2b, 0x24, 0x03, 0x03, 0x02, 0x08, 0x01, 0x01, 0x09),
    names: ['brainpoolP320r1'],
  },
  {
    ...weierstrass,
    curve: Curve.BRAINPOOL_P384R1,
    bits: 384,
    privateSize: 48,
    pointSize: 97,
    signatureSize: 96,
    oid: Uint8Array.of(0x06, 0x09, 0x2b, 0x24, 0x03, 0x03, 0x02, 0x08, 0x01, 0x01, 0x0b),
    names: ['brainpoolP384r1'],
  },
  {
    ...weierstrass,
    curve: Curve.BRAINPOOL_P512R1,
    bits: 512,
    privateSize: 64,
    pointSize: 129,
    signatureSize: 128,
    oid: Uint8Array.of(0x06, 0x09, 0x2b, 0x24, 0x03, 0x03, 0x02, 0x08, 0x01, 0x01, 0x0d),
    names: ['brainpoolP512r1'],
  },
  // RFC 8410 section 3; the names are those of RFC 7748.
  {
    ...montgomery,
    curve: Curve.X25519,
    bits: 255,
    privateSize: 32,
    pointSize: 32,
    signatureSize: 0,
    oid: Uint8Array.of(0x06, 0x03, 0x2b, 0x65, 0x6e),
    names: ['curve25519'],
  },
  {
    ...montgomery,
    curve: Curve.X448,
    bits: 448,
    privateSize: 56,
    pointSize: 56,
    signatureSize: 0,
    oid: Uint8Array.of(0x06, 0x03, 0x2b, 0x65, 0x6f),
    names: ['curve448'],
  },
];

const byNumber = new Map<number, CurveDescription>(CURVES.map((description) => [description.curve, description]));

/** The curve of a protocol number, `undefined` for NONE and unknown numbers. */
export function curveDescription(curve: number): CurveDescription | undefined {
  return byNumber.get(curve);
}

const byParams = new Map<string, CurveDescription>();
for (const description of CURVES) {
  byParams.set(key(description.oid), description);
  for (const name of description.names) byParams.set(key(printableString(name)), description);
}

const TAG = { OBJECT_IDENTIFIER: 0x06, PRINTABLE_STRING: 0x13, SEQUENCE: 0x30 } as const;

/**
 * The curve that a CKA_EC_PARAMS names: object identifier, or PrintableString as pkcs11-tool and pkcs11-provider send for Edwards curves.
 * @throws CkrError CKR_CURVE_NOT_SUPPORTED for other curves (explicit parameters too), CKR_ATTRIBUTE_VALUE_INVALID if it is no curve at all
 */
export function curveOfParams(params: Uint8Array): CurveDescription {
  const found = byParams.get(key(params));
  if (found) return found;
  const [tag, length] = params;
  const named = tag === TAG.OBJECT_IDENTIFIER || tag === TAG.PRINTABLE_STRING;
  if (tag === TAG.SEQUENCE || (named && params.length > 2 && length === params.length - 2)) {
    throw new CkrError(CKR.CURVE_NOT_SUPPORTED);
  }
  throw new CkrError(CKR.ATTRIBUTE_VALUE_INVALID, 'CKA_EC_PARAMS is neither a name nor an object identifier');
}

/** A name as CKA_EC_PARAMS may have it. */
export function printableString(text: string): Uint8Array {
  return Uint8Array.of(0x13, text.length, ...Array.from(text, (character) => character.charCodeAt(0)));
}

function key(bytes: Uint8Array): string {
  return bytes.join();
}
