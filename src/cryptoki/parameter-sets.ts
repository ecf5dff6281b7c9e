/** The parameter sets of the post-quantum algorithms: ML-DSA (FIPS 204), SLH-DSA (FIPS 205), ML-KEM (FIPS 203). */

import { Curve, KeyType } from '#src/wire/enumerations.ts';
import { CkrError } from '#src/wire/status.ts';
import { CKK, CKR } from './constants.ts';
import { CKP } from './parameter-numbers.ts';

export interface ParameterSet {
  readonly name: string;
  readonly curve: Curve;
  readonly keyType: number;
  readonly privateType: KeyType;
  readonly publicType: KeyType;
  /** CKP_, the value of CKA_PARAMETER_SET. */
  readonly number: number;
  /** The object identifier in DER (RFC 9881, RFC 9909, RFC 9935): the whole algorithm of a SubjectPublicKeyInfo. */
  readonly oid: Uint8Array;
  /** Bytes of keys. */
  readonly publicKeySize: number;
  readonly privateKeySize: number;
  /** Bytes of CKA_SEED; 0 where keys have none. */
  readonly seedSize: number;
  /** Bytes of signatures, or of the ciphertexts of ML-KEM. */
  readonly outputSize: number;
  /** Classical strength in bits, as the security categories 1, 3 and 5 (2 counts as 1). */
  readonly strength: 128 | 192 | 256;
}

/** 2.16.840.1.101.3.4.3 (signatures) and .4 (key encapsulation). */
function oid(arc: 3 | 4, number: number): Uint8Array {
  return Uint8Array.of(0x06, 9, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, arc, number);
}

type Sizes = readonly [publicKey: number, privateKey: number, output: number];

function mlDsa(bits: '44' | '65' | '87', oidNumber: number, strength: 128 | 192 | 256, sizes: Sizes): ParameterSet {
  return set(
    `ML_DSA_${bits}`,
    CKK.ML_DSA,
    KeyType.ML_DSA_PRIVATE,
    KeyType.ML_DSA_PUBLIC,
    oid(3, oidNumber),
    32,
    strength,
    sizes,
  );
}

function mlKem(bits: '512' | '768' | '1024', oidNumber: number, strength: 128 | 192 | 256, sizes: Sizes): ParameterSet {
  return set(
    `ML_KEM_${bits}`,
    CKK.ML_KEM,
    KeyType.ML_KEM_PRIVATE,
    KeyType.ML_KEM_PUBLIC,
    oid(4, oidNumber),
    64,
    strength,
    sizes,
  );
}

/** FIPS 205 table 2; keys are 2n and 4n bytes long. */
function slhDsa(
  hash: 'SHA2' | 'SHAKE',
  strength: 128 | 192 | 256,
  kind: 'S' | 'F',
  oidNumber: number,
  signature: number,
): ParameterSet {
  const n = strength / 8;
  const sizes: Sizes = [2 * n, 4 * n, signature];
  const name = `SLH_DSA_${hash}_${strength}${kind}` as const;
  return set(name, CKK.SLH_DSA, KeyType.SLH_DSA_PRIVATE, KeyType.SLH_DSA_PUBLIC, oid(3, oidNumber), 0, strength, sizes);
}

function set(
  name: keyof typeof CKP & keyof typeof Curve,
  keyType: number,
  privateType: KeyType,
  publicType: KeyType,
  identifier: Uint8Array,
  seedSize: number,
  strength: 128 | 192 | 256,
  [publicKeySize, privateKeySize, outputSize]: Sizes,
): ParameterSet {
  return {
    name: name.replaceAll('_', '-'),
    curve: Curve[name],
    keyType,
    privateType,
    publicType,
    number: CKP[name],
    oid: identifier,
    publicKeySize,
    privateKeySize,
    seedSize,
    outputSize,
    strength,
  };
}

export const PARAMETER_SETS: readonly ParameterSet[] = [
  mlDsa('44', 17, 128, [1312, 2560, 2420]),
  mlDsa('65', 18, 192, [1952, 4032, 3309]),
  mlDsa('87', 19, 256, [2592, 4896, 4627]),
  mlKem('512', 1, 128, [800, 1632, 768]),
  mlKem('768', 2, 192, [1184, 2400, 1088]),
  mlKem('1024', 3, 256, [1568, 3168, 1568]),
  slhDsa('SHA2', 128, 'S', 20, 7856),
  slhDsa('SHA2', 128, 'F', 21, 17_088),
  slhDsa('SHA2', 192, 'S', 22, 16_224),
  slhDsa('SHA2', 192, 'F', 23, 35_664),
  slhDsa('SHA2', 256, 'S', 24, 29_792),
  slhDsa('SHA2', 256, 'F', 25, 49_856),
  slhDsa('SHAKE', 128, 'S', 26, 7856),
  slhDsa('SHAKE', 128, 'F', 27, 17_088),
  slhDsa('SHAKE', 192, 'S', 28, 16_224),
  slhDsa('SHAKE', 192, 'F', 29, 35_664),
  slhDsa('SHAKE', 256, 'S', 30, 29_792),
  slhDsa('SHAKE', 256, 'F', 31, 49_856),
];

const byCurve = new Map<number, ParameterSet>(PARAMETER_SETS.map((entry) => [entry.curve, entry]));
const byNumber = new Map(PARAMETER_SETS.map((entry) => [`${entry.keyType} ${entry.number}`, entry]));

/** The parameter set of a protocol number, `undefined` if it is a curve or NONE. */
export function parameterSet(curve: number): ParameterSet | undefined {
  return byCurve.get(curve);
}

/**
 * The parameter set that CKA_PARAMETER_SET names for a key type.
 * @throws CkrError CKR_PARAMETER_SET_NOT_SUPPORTED
 */
export function parameterSetOf(keyType: number, number: bigint | number | undefined): ParameterSet {
  const found = byNumber.get(`${keyType} ${number}`);
  if (!found) throw new CkrError(CKR.PARAMETER_SET_NOT_SUPPORTED, `parameter set ${number}`);
  return found;
}
