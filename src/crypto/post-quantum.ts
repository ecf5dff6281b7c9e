/** The parameter sets of ML-DSA (FIPS 204), SLH-DSA (FIPS 205) and ML-KEM (FIPS 203). */

import { Curve, KeyType } from '#src/wire/enumerations.ts';

export interface PostQuantumParameters {
  readonly curve: Curve;
  readonly algorithm: 'ML-DSA' | 'SLH-DSA' | 'ML-KEM';
  /** Name of OpenSSL. */
  readonly name: string;
  /** Object identifier as hex of its DER content (RFC 9881, RFC 9909, RFC 9935). */
  readonly oid: string;
  readonly privateType: KeyType;
  readonly publicType: KeyType;
  /** CKA_PARAMETER_SET of PKCS#11 3.2. */
  readonly parameterSet: number;
  /** Bytes of the raw public key. */
  readonly publicSize: number;
  /** Bytes of the raw private key without seed. */
  readonly secretSize: number;
  /** Bytes of the seed that a private key is expanded from; 0 where keys have none. */
  readonly seedSize: number;
  /** Bytes; 0 for ML-KEM. */
  readonly signatureSize: number;
  /** Bytes of an encapsulated secret; 0 for signatures. */
  readonly ciphertextSize: number;
  /** Strength in bits: categories 1, 2, 3 and 5 of NIST taken as the AES key or hash collision that they are compared to. */
  readonly strength: number;
}

const OIDS = '6086480165030404';
const SIGNATURE_OIDS = '6086480165030403';

const byte = (value: number): string => value.toString(16).padStart(2, '0');

type Row = readonly [curve: Curve, set: string, publicSize: number, secretSize: number, result: number, bits: number];

/** FIPS 204 table 2. */
const ML_DSA: readonly Row[] = [
  [Curve.ML_DSA_44, '44', 1312, 2560, 2420, 128],
  [Curve.ML_DSA_65, '65', 1952, 4032, 3309, 192],
  [Curve.ML_DSA_87, '87', 2592, 4896, 4627, 256],
];

/** FIPS 203 table 3. */
const ML_KEM: readonly Row[] = [
  [Curve.ML_KEM_512, '512', 800, 1632, 768, 128],
  [Curve.ML_KEM_768, '768', 1184, 2400, 1088, 192],
  [Curve.ML_KEM_1024, '1024', 1568, 3168, 1568, 256],
];

/** FIPS 205 table 2, in the order of PKCS#11; the last part of the object identifier follows another order. */
const SLH_DSA: readonly [curve: Curve, set: string, oid: number, signatureSize: number][] = [
  [Curve.SLH_DSA_SHA2_128S, 'SHA2-128s', 20, 7856],
  [Curve.SLH_DSA_SHAKE_128S, 'SHAKE-128s', 26, 7856],
  [Curve.SLH_DSA_SHA2_128F, 'SHA2-128f', 21, 17_088],
  [Curve.SLH_DSA_SHAKE_128F, 'SHAKE-128f', 27, 17_088],
  [Curve.SLH_DSA_SHA2_192S, 'SHA2-192s', 22, 16_224],
  [Curve.SLH_DSA_SHAKE_192S, 'SHAKE-192s', 28, 16_224],
  [Curve.SLH_DSA_SHA2_192F, 'SHA2-192f', 23, 35_664],
  [Curve.SLH_DSA_SHAKE_192F, 'SHAKE-192f', 29, 35_664],
  [Curve.SLH_DSA_SHA2_256S, 'SHA2-256s', 24, 29_792],
  [Curve.SLH_DSA_SHAKE_256S, 'SHAKE-256s', 30, 29_792],
  [Curve.SLH_DSA_SHA2_256F, 'SHA2-256f', 25, 49_856],
  [Curve.SLH_DSA_SHAKE_256F, 'SHAKE-256f', 31, 49_856],
];

const FIRST_ML_DSA_OID = 17;

export const POST_QUANTUM: readonly PostQuantumParameters[] = [
  ...ML_DSA.map(([curve, set, publicSize, secretSize, signatureSize, strength], index) => ({
    curve,
    algorithm: 'ML-DSA' as const,
    name: `ML-DSA-${set}`,
    oid: SIGNATURE_OIDS + byte(FIRST_ML_DSA_OID + index),
    privateType: KeyType.ML_DSA_PRIVATE,
    publicType: KeyType.ML_DSA_PUBLIC,
    parameterSet: index + 1,
    publicSize,
    secretSize,
    seedSize: 32,
    signatureSize,
    ciphertextSize: 0,
    strength,
  })),
  ...ML_KEM.map(([curve, set, publicSize, secretSize, ciphertextSize, strength], index) => ({
    curve,
    algorithm: 'ML-KEM' as const,
    name: `ML-KEM-${set}`,
    oid: OIDS + byte(index + 1),
    privateType: KeyType.ML_KEM_PRIVATE,
    publicType: KeyType.ML_KEM_PUBLIC,
    parameterSet: index + 1,
    publicSize,
    secretSize,
    seedSize: 64,
    signatureSize: 0,
    ciphertextSize,
    strength,
  })),
  ...SLH_DSA.map(([curve, set, oid, signatureSize], index) => {
    const strength = Number(/\d{3}/.exec(set)?.[0]);
    return {
      curve,
      algorithm: 'SLH-DSA' as const,
      name: `SLH-DSA-${set}`,
      oid: SIGNATURE_OIDS + byte(oid),
      privateType: KeyType.SLH_DSA_PRIVATE,
      publicType: KeyType.SLH_DSA_PUBLIC,
      parameterSet: index + 1,
      publicSize: strength / 4,
      secretSize: strength / 2,
      seedSize: 0,
      signatureSize,
      ciphertextSize: 0,
      strength,
    };
  }),
];

const byCurve = new Map<number, PostQuantumParameters>(
  POST_QUANTUM.map((parameters) => [parameters.curve, parameters]),
);

/** The parameter set of a number of the protocol, `undefined` for curves and unknown numbers. */
export function postQuantumParameters(curve: number): PostQuantumParameters | undefined {
  return byCurve.get(curve);
}
