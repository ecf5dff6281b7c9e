/** The curves: names, sizes, domain parameters, and the test whether an encoded public point lies on its curve. */

import { Curve } from '#src/wire/enumerations.ts';

export interface CurveParameters {
  readonly curve: Curve;
  /** Object identifier as hex of its DER content. */
  readonly oid: string;
  /** `namedCurve` or key type of node:crypto. */
  readonly nodeName: 'P-256' | 'P-384' | 'P-521' | 'ed25519' | 'ed448';
  /** Edwards curves are named by this PrintableString too in CKA_EC_PARAMS (PKCS#11 3.1 section 6.3.10). */
  readonly pkcs11Name: string | undefined;
  readonly edwards: boolean;
  readonly bits: number;
  /** Bytes of a private key, and of half a signature. */
  readonly size: number;
  /** Bytes of an encoded public point. */
  readonly pointSize: number;
  /** Field prime. */
  readonly prime: bigint;
  /** `b` of y^2 = x^3 - 3x + b (SEC 1), or `d` of ax^2 + y^2 = 1 + dx^2y^2 (RFC 8032). */
  readonly coefficient: bigint;
  /** Order of the base point of a NIST curve. */
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
    edwards: false,
    bits: 256,
    size: 32,
    pointSize: 65,
    prime: 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n,
    coefficient: 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn,
    order: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
  },
  {
    curve: Curve.P384,
    oid: '2b81040022',
    nodeName: 'P-384',
    pkcs11Name: undefined,
    edwards: false,
    bits: 384,
    size: 48,
    pointSize: 97,
    prime: 2n ** 384n - 2n ** 128n - 2n ** 96n + 2n ** 32n - 1n,
    coefficient: 0xb3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aefn,
    order: 0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
  },
  {
    curve: Curve.P521,
    oid: '2b81040023',
    nodeName: 'P-521',
    pkcs11Name: undefined,
    edwards: false,
    bits: 521,
    size: 66,
    pointSize: 133,
    prime: 2n ** 521n - 1n,
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
    edwards: true,
    bits: 255,
    size: 32,
    pointSize: 32,
    prime: P25519,
    coefficient: 0x52036cee2b6ffe738cc740797779e89800700a4d4141d8ab75eb4dca135978a3n,
    order: undefined,
  },
  {
    curve: Curve.ED448,
    oid: '2b6571',
    nodeName: 'ed448',
    pkcs11Name: 'edwards448',
    edwards: true,
    bits: 448,
    size: 57,
    pointSize: 57,
    prime: P448,
    coefficient: P448 - 39081n,
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

/** Whether bytes are a valid encoding of a point: 04||x||y (SEC 1 section 2.3.3) or y with the sign of x (RFC 8032). */
export function isPoint(parameters: CurveParameters, point: Uint8Array): boolean {
  if (point.length !== parameters.pointSize) return false;
  return parameters.edwards ? isEdwardsPoint(parameters, point) : isNistPoint(parameters, point);
}

function isNistPoint({ prime, coefficient, size }: CurveParameters, point: Uint8Array): boolean {
  if (point[0] !== 4) return false;
  const x = toBigInt(point.subarray(1, 1 + size));
  const y = toBigInt(point.subarray(1 + size));
  if (x >= prime || y >= prime) return false;
  return (y * y - (x * x - 3n) * x - coefficient) % prime === 0n;
}

/** Recovers nothing, only asks whether x^2 = u/v has a root (RFC 8032 sections 5.1.3 and 5.2.3). */
function isEdwardsPoint({ curve, prime, coefficient, size }: CurveParameters, point: Uint8Array): boolean {
  const bytes = new Uint8Array(point).reverse();
  const sign = (bytes[0] as number) >> 7;
  bytes[0] = (bytes[0] as number) & 0x7f;
  const y = toBigInt(bytes.subarray(bytes.length - size));
  if (y >= prime) return false;
  const y2 = (y * y) % prime;
  const u = (y2 - 1n + prime) % prime;
  const v = (coefficient * y2 + (curve === Curve.ED25519 ? 1n : prime - 1n)) % prime;
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
