/** The curves: names, sizes, domain parameters, and the test whether an encoded public point lies on its curve. */

import { Curve } from '#src/wire/enumerations.ts';

export interface CurveParameters {
  readonly curve: Curve;
  /** Object identifier as hex of its DER content. */
  readonly oid: string;
  /** `namedCurve` or key type of node:crypto. */
  readonly nodeName: string;
  /** Edwards and Montgomery curves are named by this PrintableString too in CKA_EC_PARAMS (PKCS#11 3.1 section 6.3.10). */
  readonly pkcs11Name: string | undefined;
  /** What it is for: ECDSA and ECDH; EdDSA (RFC 8032); X25519 and X448 (RFC 7748). */
  readonly form: 'weierstrass' | 'edwards' | 'montgomery';
  readonly bits: number;
  /** Bytes of a private key, and of half a signature. */
  readonly size: number;
  /** Bytes of an encoded public point. */
  readonly pointSize: number;
  /** Field prime. */
  readonly prime: bigint;
  /** `a` of y^2 = x^3 + ax + b (SEC 1), of ax^2 + y^2 = 1 + dx^2y^2 (RFC 8032), or of v^2 = u^3 + au^2 + u (RFC 7748). */
  readonly a: bigint;
  /** `b`, `d`, or the factor of `u` in these. */
  readonly coefficient: bigint;
  /** Order of the base point of a Weierstrass curve. */
  readonly order: bigint | undefined;
}

const P25519 = 2n ** 255n - 19n;
const P448 = 2n ** 448n - 2n ** 224n - 1n;

export const CURVES: readonly CurveParameters[] = [
  // NIST SP 800-186 section 3.2.1
  {
    curve: Curve.P256,
    oid: '2a8648ce3d030107',
    nodeName: 'P-256',
    pkcs11Name: undefined,
    form: 'weierstrass',
    bits: 256,
    size: 32,
    pointSize: 65,
    prime: 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n,
    a: -3n,
    coefficient: 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn,
    order: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
  },
  {
    curve: Curve.P384,
    oid: '2b81040022',
    nodeName: 'P-384',
    pkcs11Name: undefined,
    form: 'weierstrass',
    bits: 384,
    size: 48,
    pointSize: 97,
    prime: 2n ** 384n - 2n ** 128n - 2n ** 96n + 2n ** 32n - 1n,
    a: -3n,
    coefficient: 0xb3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aefn,
    order: 0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
  },
  {
    curve: Curve.P521,
    oid: '2b81040023',
    nodeName: 'P-521',
    pkcs11Name: undefined,
    form: 'weierstrass',
    bits: 521,
    size: 66,
    pointSize: 133,
    prime: 2n ** 521n - 1n,
    a: -3n,
    coefficient:
      0x51953eb9618e1c9a1f929a21a0b68540eea2da725b99b315f3b8b489918ef109e156193951ec7e937b1652c0bd3bb1bf073573df883d2c34f1ef451fd46b503f00n,
    order:
      0x1fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409n,
  },
  // RFC 8032 sections 5.1 and 5.2, identifiers of RFC 8410 section 3
  {
    curve: Curve.ED25519,
    oid: '2b6570',
    nodeName: 'ed25519',
    pkcs11Name: 'edwards25519',
    form: 'edwards',
    bits: 255,
    size: 32,
    pointSize: 32,
    prime: P25519,
    a: -1n,
    coefficient: 0x52036cee2b6ffe738cc740797779e89800700a4d4141d8ab75eb4dca135978a3n,
    order: undefined,
  },
  {
    curve: Curve.ED448,
    oid: '2b6571',
    nodeName: 'ed448',
    pkcs11Name: 'edwards448',
    form: 'edwards',
    bits: 448,
    size: 57,
    pointSize: 57,
    prime: P448,
    a: 1n,
    coefficient: P448 - 39081n,
    order: undefined,
  },
  // SEC 2 section 2.4.1
  {
    curve: Curve.SECP256K1,
    oid: '2b8104000a',
    nodeName: 'secp256k1',
    pkcs11Name: undefined,
    form: 'weierstrass',
    bits: 256,
    size: 32,
    pointSize: 65,
    prime: 2n ** 256n - 2n ** 32n - 977n,
    a: 0n,
    coefficient: 7n,
    order: 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n,
  },
  // RFC 5639 section 3, identifiers of its appendix A
  {
    curve: Curve.BRAINPOOL_P256R1,
    oid: '2b2403030208010107',
    nodeName: 'brainpoolP256r1',
    pkcs11Name: undefined,
    form: 'weierstrass',
    bits: 256,
    size: 32,
    pointSize: 65,
    prime: 0xa9fb57dba1eea9bc3e660a909d838d726e3bf623d52620282013481d1f6e5377n,
    a: 0x7d5a0975fc2c3057eef67530417affe7fb8055c126dc5c6ce94a4b44f330b5d9n,
    coefficient: 0x26dc5c6ce94a4b44f330b5d9bbd77cbf958416295cf7e1ce6bccdc18ff8c07b6n,
    order: 0xa9fb57dba1eea9bc3e660a909d838d718c397aa3b561a6f7901e0e82974856a7n,
  },
  {
    curve: Curve.BRAINPOOL_P320R1,
    oid: '2b2403030208010109',
    nodeName: 'brainpoolP320r1',
    pkcs11Name: undefined,
    form: 'weierstrass',
    bits: 320,
    size: 40,
    pointSize: 81,
    prime: 0xd35e472036bc4fb7e13c785ed201e065f98fcfa6f6f40def4f92b9ec7893ec28fcd412b1f1b32e27n,
    a: 0x3ee30b568fbab0f883ccebd46d3f3bb8a2a73513f5eb79da66190eb085ffa9f492f375a97d860eb4n,
    coefficient: 0x520883949dfdbc42d3ad198640688a6fe13f41349554b49acc31dccd884539816f5eb4ac8fb1f1a6n,
    order: 0xd35e472036bc4fb7e13c785ed201e065f98fcfa5b68f12a32d482ec7ee8658e98691555b44c59311n,
  },
  {
    curve: Curve.BRAINPOOL_P384R1,
    oid: '2b240303020801010b',
    nodeName: 'brainpoolP384r1',
    pkcs11Name: undefined,
    form: 'weierstrass',
    bits: 384,
    size: 48,
    pointSize: 97,
    prime: 0x8cb91e82a3386d280f5d6f7e50e641df152f7109ed5456b412b1da197fb71123acd3a729901d1a71874700133107ec53n,
    a: 0x7bc382c63d8c150c3c72080ace05afa0c2bea28e4fb22787139165efba91f90f8aa5814a503ad4eb04a8c7dd22ce2826n,
    coefficient: 0x4a8c7dd22ce28268b39b55416f0447c2fb77de107dcd2a62e880ea53eeb62d57cb4390295dbc9943ab78696fa504c11n,
    order: 0x8cb91e82a3386d280f5d6f7e50e641df152f7109ed5456b31f166e6cac0425a7cf3ab6af6b7fc3103b883202e9046565n,
  },
  {
    curve: Curve.BRAINPOOL_P512R1,
    oid: '2b240303020801010d',
    nodeName: 'brainpoolP512r1',
    pkcs11Name: undefined,
    form: 'weierstrass',
    bits: 512,
    size: 64,
    pointSize: 129,
    prime:
      0xaadd9db8dbe9c48b3fd4e6ae33c9fc07cb308db3b3c9d20ed6639cca703308717d4d9b009bc66842aecda12ae6a380e62881ff2f2d82c68528aa6056583a48f3n,
    a: 0x7830a3318b603b89e2327145ac234cc594cbdd8d3df91610a83441caea9863bc2ded5d5aa8253aa10a2ef1c98b9ac8b57f1117a72bf2c7b9e7c1ac4d77fc94can,
    coefficient:
      0x3df91610a83441caea9863bc2ded5d5aa8253aa10a2ef1c98b9ac8b57f1117a72bf2c7b9e7c1ac4d77fc94cadc083e67984050b75ebae5dd2809bd638016f723n,
    order:
      0xaadd9db8dbe9c48b3fd4e6ae33c9fc07cb308db3b3c9d20ed6639cca70330870553e5c414ca92619418661197fac10471db1d381085ddaddb58796829ca90069n,
  },
  // RFC 7748 sections 4.1 and 4.2, identifiers of RFC 8410 section 3; the coefficients are those of the Montgomery form
  {
    curve: Curve.X25519,
    oid: '2b656e',
    nodeName: 'x25519',
    pkcs11Name: 'curve25519',
    form: 'montgomery',
    bits: 255,
    size: 32,
    pointSize: 32,
    prime: P25519,
    a: 486662n,
    coefficient: 1n,
    order: undefined,
  },
  {
    curve: Curve.X448,
    oid: '2b656f',
    nodeName: 'x448',
    pkcs11Name: 'curve448',
    form: 'montgomery',
    bits: 448,
    size: 56,
    pointSize: 56,
    prime: P448,
    a: 156326n,
    coefficient: 1n,
    order: undefined,
  },
];

/** Parameters of a curve of the protocol, `undefined` for a number that names none. */
export function curveParameters(curve: number): CurveParameters | undefined {
  return CURVES.find((parameters) => parameters.curve === curve);
}

/** Big-endian bytes as a number. For public values only: it takes a time that depends on the value. */
function toBigInt(bytes: Uint8Array): bigint {
  return bytes.length === 0 ? 0n : BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
}

/** Whether bytes are a valid encoding of a point: 04||x||y (SEC 1 section 2.3.3), y with the sign of x (RFC 8032), or u (RFC 7748). */
export function isPoint(parameters: CurveParameters, point: Uint8Array): boolean {
  if (point.length !== parameters.pointSize) return false;
  switch (parameters.form) {
    case 'weierstrass':
      return isWeierstrassPoint(parameters, point);
    case 'edwards':
      return isEdwardsPoint(parameters, point);
    case 'montgomery':
      // Every string of bytes is one (RFC 7748 section 5); the bad ones show when the shared secret is zero.
      return true;
  }
}

function isWeierstrassPoint({ prime, a, coefficient, size }: CurveParameters, point: Uint8Array): boolean {
  if (point[0] !== 4) return false;
  const x = toBigInt(point.subarray(1, 1 + size));
  const y = toBigInt(point.subarray(1 + size));
  if (x >= prime || y >= prime) return false;
  return (y * y - (x * x + a) * x - coefficient) % prime === 0n;
}

/** Recovers nothing, only asks whether x^2 = u/v has a root (RFC 8032 sections 5.1.3 and 5.2.3). */
function isEdwardsPoint({ prime, a, coefficient, size }: CurveParameters, point: Uint8Array): boolean {
  const bytes = new Uint8Array(point).reverse();
  const sign = (bytes[0] as number) >> 7;
  bytes[0] = (bytes[0] as number) & 0x7f;
  const y = toBigInt(bytes.subarray(bytes.length - size));
  if (y >= prime) return false;
  const y2 = (y * y) % prime;
  const u = (y2 - 1n + prime) % prime;
  const v = (coefficient * y2 - a + prime) % prime;
  if (u === 0n) return sign === 0;
  return power((u * v) % prime, (prime - 1n) / 2n, prime) === 1n;
}

function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n;
  for (const digit of exponent.toString(2)) {
    result = (result * result) % modulus;
    if (digit === '1') result = (result * base) % modulus;
  }
  return result;
}
