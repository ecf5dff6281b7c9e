/** Public keys: SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7, RFC 8017, RFC 5480, RFC 8410) and their PKCS#11 attributes. */

import { Curve, KeyType } from '#src/wire/enumerations.ts';
import { HalError } from '#src/wire/status.ts';

import { CURVES, type CurveParameters, curveParameters, isPoint } from './curves.ts';
import { DerReader, DerWriter, Tag } from './der.ts';
import { hssPublicKey, isHssKey } from './hss-key.ts';

export interface PublicKey {
  readonly type: KeyType;
  /** NONE for RSA and hash-based keys. */
  readonly curve: Curve;
  /** Size of the modulus or the curve; of a hash-based key, of its signatures. */
  readonly bits: number;
  /** RSA: big-endian without leading zeros. */
  readonly modulus?: Uint8Array;
  readonly exponent?: Uint8Array;
  /** Elliptic curves: 04||x||y, or the encoding of RFC 8032. */
  readonly point?: Uint8Array;
  /** The SubjectPublicKeyInfo in the one form that we store and hand out. */
  readonly spki: Uint8Array;
}

/** An attribute of a PKCS#11 object. */
export interface KeyAttribute {
  readonly type: number;
  readonly value: Uint8Array;
}

/** rsaEncryption, RFC 8017 appendix A.1; id-ecPublicKey, RFC 5480 section 2.1.1. */
export const RSA_OID = '2a864886f70d010101';
const EC_OID = '2a8648ce3d0201';

export const RSA_MIN_BITS = 1024;
export const RSA_MAX_BITS = 8192;

/** 65537 is what everybody uses; 64 bits is what OpenSSL verifies with at every modulus size. */
const MAX_EXPONENT_SIZE = 8;

const NO_BYTES = new Uint8Array(0);

/** What an AlgorithmIdentifier says about a key. */
type KeyAlgorithm = { readonly rsa: true } | { readonly rsa: false; readonly curve: CurveParameters };

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
  if (algorithm.rsa) {
    const outerKey = new DerReader(key);
    const fields = outerKey.sequence();
    outerKey.end();
    const modulus = fields.unsigned();
    const exponent = fields.unsigned();
    fields.end();
    return rsaPublicKey(modulus, exponent);
  }
  return ecPublicKey(algorithm.curve, key);
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
    spki: DerWriter.sequence(writeAlgorithm({ rsa: true }), DerWriter.bitString(key)),
  };
}

/** A public key on a curve from its encoded point. */
export function ecPublicKey(curve: CurveParameters, point: Uint8Array): PublicKey {
  if (point.length !== curve.pointSize || (!curve.edwards && point[0] !== 4)) {
    throw new HalError('ASN1_PARSE_FAILED', 'form or length of the public point');
  }
  if (!isPoint(curve, point)) throw new HalError('KEY_NOT_ON_CURVE');
  return {
    type: curve.edwards ? KeyType.ED_PUBLIC : KeyType.EC_PUBLIC,
    curve: curve.curve,
    bits: curve.bits,
    point: new Uint8Array(point),
    spki: DerWriter.sequence(writeAlgorithm({ rsa: false, curve }), DerWriter.bitString(point)),
  };
}

/** Reads the content of an AlgorithmIdentifier of a key. The NULL of RSA may be missing. */
export function readAlgorithm(reader: DerReader): KeyAlgorithm {
  const oid = reader.oid();
  if (oid === RSA_OID) {
    if (reader.next !== undefined && reader.element(Tag.NULL).length > 0) {
      throw new HalError('ASN1_PARSE_FAILED', 'parameters of rsaEncryption');
    }
    reader.end();
    return { rsa: true };
  }
  if (oid === EC_OID) {
    // Explicit parameters have another tag than a curve's name. Nobody needs them, and they allow forged curves.
    const name = reader.oid();
    reader.end();
    const curve = CURVES.find((parameters) => !parameters.edwards && parameters.oid === name);
    if (!curve) throw new HalError('UNSUPPORTED_KEY', `curve ${name}`);
    return { rsa: false, curve };
  }
  const curve = CURVES.find((parameters) => parameters.edwards && parameters.oid === oid);
  if (!curve) throw new HalError('UNSUPPORTED_KEY', `algorithm ${oid}`);
  reader.end();
  return { rsa: false, curve };
}

/** An AlgorithmIdentifier of a key. */
export function writeAlgorithm(algorithm: KeyAlgorithm): Uint8Array {
  if (algorithm.rsa) return DerWriter.sequence(DerWriter.oid(RSA_OID), DerWriter.null());
  const { edwards, oid } = algorithm.curve;
  return edwards
    ? DerWriter.sequence(DerWriter.oid(oid))
    : DerWriter.sequence(DerWriter.oid(EC_OID), DerWriter.oid(oid));
}

/** PKCS#11 attribute numbers (CKA_). */
const CKA_MODULUS = 0x120;
const CKA_MODULUS_BITS = 0x121;
const CKA_PUBLIC_EXPONENT = 0x122;
const CKA_EC_PARAMS = 0x180;
const CKA_EC_POINT = 0x181;

/** Attributes that follow from the public key, as the vendor's library stores them: CK_ULONG is 8 bytes little-endian. */
export function publicKeyAttributes(publicKey: PublicKey, isPrivateHalf: boolean): KeyAttribute[] {
  const { type, curve, bits, modulus, exponent, point } = publicKey;
  if (type === KeyType.HASHSIG_PUBLIC) return [];
  if (modulus && exponent) {
    const attributes: KeyAttribute[] = [{ type: CKA_MODULUS, value: modulus }];
    if (!isPrivateHalf) {
      const value = Buffer.alloc(8);
      value.writeUInt32LE(bits);
      attributes.push({ type: CKA_MODULUS_BITS, value });
    }
    return [...attributes, { type: CKA_PUBLIC_EXPONENT, value: exponent }];
  }
  const params = { type: CKA_EC_PARAMS, value: ecParamsOf(curve) };
  if (isPrivateHalf || !point) return [params];
  return [params, { type: CKA_EC_POINT, value: DerWriter.octetString(point) }];
}

/** CKA_EC_PARAMS of a curve: its OBJECT IDENTIFIER; empty if it is none. */
export function ecParamsOf(curve: Curve): Uint8Array {
  const parameters = curveParameters(curve);
  return parameters ? DerWriter.oid(parameters.oid) : NO_BYTES;
}

const PRINTABLE_STRING = 0x13;

/**
 * The curve that CKA_EC_PARAMS names, by OBJECT IDENTIFIER or, for Edwards curves, by PrintableString
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
