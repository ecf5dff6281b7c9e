/**
 * Public keys: SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7; RFC 8017, RFC 5480, RFC 8410, RFC 9881, RFC 9909, RFC 9935) and
 * their PKCS#11 attributes.
 */

import { Curve, KeyType } from '#src/wire/enumerations.ts';
import { HalError } from '#src/wire/status.ts';

import { CURVES, type CurveParameters, curveParameters, isPoint } from './curves.ts';
import { DerReader, DerWriter } from './der.ts';
import { hssPublicKey, isHssKey } from './hss-key.ts';
import { readAlgorithm, writeAlgorithm } from './key-algorithm.ts';
import { postQuantumParameters, type PostQuantumParameters } from './post-quantum.ts';

export interface PublicKey {
  readonly type: KeyType;
  /** NONE for RSA and stateful hash-based keys; the parameter set of post-quantum keys. */
  readonly curve: Curve;
  /** Size of the modulus or the curve; of a stateful hash-based key, of its signatures; of a post-quantum key, of the raw public key. */
  readonly bits: number;
  /** RSA: big-endian without leading zeros. */
  readonly modulus?: Uint8Array;
  readonly exponent?: Uint8Array;
  /** Elliptic curves: 04||x||y, or the encoding of RFC 8032 or RFC 7748. */
  readonly point?: Uint8Array;
  /** Post-quantum keys: the raw public key. */
  readonly value?: Uint8Array;
  /** The SubjectPublicKeyInfo in the one form that we store and hand out. */
  readonly spki: Uint8Array;
}

/** An attribute of a PKCS#11 object. */
export interface KeyAttribute {
  readonly type: number;
  readonly value: Uint8Array;
}

export const RSA_MIN_BITS = 1024;
export const RSA_MAX_BITS = 8192;

/** 65537 is what everybody uses; 64 bits is what OpenSSL verifies with at every modulus size. */
const MAX_EXPONENT_SIZE = 8;

const NO_BYTES = new Uint8Array(0);

/**
 * Parses and checks a SubjectPublicKeyInfo.
 * @throws HalError ASN1_PARSE_FAILED, UNSUPPORTED_KEY, KEY_NOT_ON_CURVE
 */
export function parsePublicKey(spki: Uint8Array): PublicKey {
  if (isHssKey(spki)) return hssPublicKey(spki);
  const outer = new DerReader(spki);
  const info = outer.sequence();
  outer.end();
  const algorithm = readAlgorithm(info.sequence());
  const key = info.bitString();
  info.end();
  switch (algorithm.kind) {
    case 'rsa':
      return readRsaKey(key);
    case 'curve':
      return ecPublicKey(algorithm.curve, key);
    case 'post-quantum':
      return postQuantumPublicKey(algorithm.parameters, key);
  }
}

function readRsaKey(key: Uint8Array): PublicKey {
  const outer = new DerReader(key);
  const fields = outer.sequence();
  outer.end();
  const modulus = fields.unsigned();
  const exponent = fields.unsigned();
  fields.end();
  return rsaPublicKey(modulus, exponent);
}

/** An RSA public key from modulus and exponent. @throws HalError UNSUPPORTED_KEY for sizes we do not serve */
export function rsaPublicKey(modulus: Uint8Array, exponent: Uint8Array): PublicKey {
  const bits = bitLength(modulus);
  if (bits < RSA_MIN_BITS || bits > RSA_MAX_BITS) throw new HalError('UNSUPPORTED_KEY', `RSA of ${bits} bits`);
  const even = (bytes: Uint8Array) => ((bytes.at(-1) as number) & 1) === 0;
  if (even(modulus)) throw new HalError('ASN1_PARSE_FAILED', 'RSA modulus is even');
  if (even(exponent) || bitLength(exponent) < 2 || exponent.length > MAX_EXPONENT_SIZE) {
    throw new HalError('UNSUPPORTED_KEY', 'RSA public exponent');
  }
  const key = DerWriter.sequence(DerWriter.unsigned(modulus), DerWriter.unsigned(exponent));
  return {
    type: KeyType.RSA_PUBLIC,
    curve: Curve.NONE,
    bits,
    modulus: new Uint8Array(modulus),
    exponent: new Uint8Array(exponent),
    spki: DerWriter.sequence(writeAlgorithm({ kind: 'rsa' }), DerWriter.bitString(key)),
  };
}

const PUBLIC_TYPES = {
  weierstrass: KeyType.EC_PUBLIC,
  edwards: KeyType.ED_PUBLIC,
  montgomery: KeyType.X_PUBLIC,
} as const;

/** A public key on a curve from its encoded point. @throws HalError ASN1_PARSE_FAILED, KEY_NOT_ON_CURVE */
export function ecPublicKey(curve: CurveParameters, point: Uint8Array): PublicKey {
  if (point.length !== curve.pointSize || (curve.form === 'weierstrass' && point[0] !== 4)) {
    throw new HalError('ASN1_PARSE_FAILED', 'form or length of the public point');
  }
  if (!isPoint(curve, point)) throw new HalError('KEY_NOT_ON_CURVE');
  return {
    type: PUBLIC_TYPES[curve.form],
    curve: curve.curve,
    bits: curve.bits,
    point: new Uint8Array(point),
    spki: DerWriter.sequence(writeAlgorithm({ kind: 'curve', curve }), DerWriter.bitString(point)),
  };
}

/** A post-quantum public key from its raw bytes, CKA_VALUE of PKCS#11 3.2. @throws HalError ASN1_PARSE_FAILED */
export function postQuantumPublicKey(parameters: PostQuantumParameters, value: Uint8Array): PublicKey {
  const { curve, publicType, publicSize } = parameters;
  if (value.length !== publicSize) throw new HalError('ASN1_PARSE_FAILED', 'length of the public key');
  return {
    type: publicType,
    curve,
    bits: 8 * publicSize,
    value: new Uint8Array(value),
    spki: DerWriter.sequence(writeAlgorithm({ kind: 'post-quantum', parameters }), DerWriter.bitString(value)),
  };
}

/** PKCS#11 attribute numbers (CKA_). */
const CKA_VALUE = 0x11;
const CKA_PARAMETER_SET = 0x61d;
const CKA_MODULUS = 0x120;
const CKA_MODULUS_BITS = 0x121;
const CKA_PUBLIC_EXPONENT = 0x122;
const CKA_EC_PARAMS = 0x180;
const CKA_EC_POINT = 0x181;

/** Attributes that follow from the public key, as the vendor's library stores them: CK_ULONG is 8 bytes little-endian. */
export function publicKeyAttributes(publicKey: PublicKey, isPrivateHalf: boolean): KeyAttribute[] {
  const { type, curve, bits, modulus, exponent, point, value } = publicKey;
  if (type === KeyType.HASHSIG_PUBLIC) return [];
  if (modulus && exponent) {
    const attributes: KeyAttribute[] = [{ type: CKA_MODULUS, value: modulus }];
    if (!isPrivateHalf) attributes.push({ type: CKA_MODULUS_BITS, value: ulong(bits) });
    return [...attributes, { type: CKA_PUBLIC_EXPONENT, value: exponent }];
  }
  if (value) {
    const set = { type: CKA_PARAMETER_SET, value: ulong(postQuantumParameters(curve)?.parameterSet ?? 0) };
    return isPrivateHalf ? [set] : [set, { type: CKA_VALUE, value }];
  }
  const params = { type: CKA_EC_PARAMS, value: ecParamsOf(curve) };
  if (isPrivateHalf || !point) return [params];
  return [params, { type: CKA_EC_POINT, value: DerWriter.octetString(point) }];
}

function ulong(number: number): Uint8Array {
  const value = Buffer.alloc(8);
  value.writeUInt32LE(number);
  return value;
}

/** CKA_EC_PARAMS of a curve: its OBJECT IDENTIFIER; empty if it is none. */
export function ecParamsOf(curve: Curve): Uint8Array {
  const parameters = curveParameters(curve);
  return parameters ? DerWriter.oid(parameters.oid) : NO_BYTES;
}

const PRINTABLE_STRING = 0x13;

/**
 * The curve that CKA_EC_PARAMS names, by OBJECT IDENTIFIER or, for Edwards and Montgomery curves, by PrintableString
 * (PKCS#11 3.1 section 6.3.10); `undefined` for anything else.
 */
export function curveOfEcParams(der: Uint8Array): Curve | undefined {
  const text = Buffer.from(der).toString('hex');
  const found = CURVES.find(
    ({ oid, pkcs11Name }) =>
      text === Buffer.from(DerWriter.oid(oid)).toString('hex') ||
      (pkcs11Name !== undefined &&
        text === Buffer.from(DerWriter.element(PRINTABLE_STRING, Buffer.from(pkcs11Name))).toString('hex')),
  );
  return found?.curve;
}

/** Bits of a big-endian number without leading zeros. */
function bitLength(value: Uint8Array): number {
  const [first] = value;
  return first === undefined ? 0 : 8 * (value.length - 1) + (32 - Math.clz32(first));
}
