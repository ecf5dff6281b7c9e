/**
 * Private keys: PKCS#8 PrivateKeyInfo (RFC 5208, RFC 5958) around RSAPrivateKey, ECPrivateKey (RFC 5915), CurvePrivateKey (RFC 8410)
 * or a post-quantum key.
 */

import { createPrivateKey, createPublicKey } from 'node:crypto';

import { Curve, KeyType } from '#src/wire/enumerations.ts';
import { HalError } from '#src/wire/status.ts';

import { type CurveParameters } from './curves.ts';
import { contextTag, DerReader, DerWriter, Tag } from './der.ts';
import { readAlgorithm, writeAlgorithm } from './key-algorithm.ts';
import { native } from './native.ts';
import { readPostQuantumSecrets, type PostQuantumSecrets, validatePostQuantumKey } from './post-quantum-key.ts';
import { type PostQuantumParameters } from './post-quantum.ts';
import { wipe } from './process-hardening.ts';
import { ecPublicKey, parsePublicKey, type PublicKey, rsaPublicKey } from './public-key.ts';

export interface PrivateKey {
  readonly type: KeyType;
  /** NONE for RSA, the parameter set for post-quantum keys. */
  readonly curve: Curve;
  readonly bits: number;
  /** The one form that we store: version 0, no attributes, fixed lengths. Secret: wipe it after use. */
  readonly pkcs8: Uint8Array;
  readonly spki: Uint8Array;
}

/** What is inside a PrivateKeyInfo; bytes are views. */
type PrivateKeyFields =
  | { readonly kind: 'rsa'; /** n, e, d, p, q, dP, dQ, qInv. */ readonly numbers: readonly Uint8Array[] }
  | {
      readonly kind: 'post-quantum';
      readonly parameters: PostQuantumParameters;
      readonly secrets: PostQuantumSecrets;
    }
  | {
      readonly kind: 'curve';
      readonly curve: CurveParameters;
      readonly secret: Uint8Array;
      /** The public point if the encoding holds it. */
      readonly point: Uint8Array | undefined;
    };

const RSA_NUMBERS = 8;

const ZERO = new Uint8Array(1);
/** ecPrivkeyVer1, RFC 5915 section 3. */
const EC_VERSION = Uint8Array.of(1);

/**
 * A vendor device appends six elements of these tags to RSAPrivateKey at the first signature: blinding and Montgomery
 * values (libhal `rsa.c`). They are read over and never written.
 */
const FIRST_EXTRA_TAG = 0xc0;
const LAST_EXTRA_TAG = 0xc5;

/**
 * Checks everything about a private key and brings it into the stored form.
 * @throws HalError ASN1_PARSE_FAILED (encoding, or numbers that do not fit together), UNSUPPORTED_KEY, KEY_NOT_ON_CURVE
 */
export function validatePrivateKey(pkcs8: Uint8Array): PrivateKey {
  const fields = readPrivateKey(pkcs8);
  switch (fields.kind) {
    case 'rsa':
      return validateRsaKey(fields.numbers);
    case 'curve':
      return validateCurveKey(fields.curve, fields.secret, fields.point);
    case 'post-quantum':
      return validatePostQuantumKey(fields.parameters, fields.secrets);
  }
}

/** Reads a PrivateKeyInfo without judging the numbers in it. */
export function readPrivateKey(pkcs8: Uint8Array): PrivateKeyFields {
  const outer = new DerReader(pkcs8);
  const info = outer.sequence();
  outer.end();
  const version = info.smallInteger();
  if (version > 1) throw new HalError('ASN1_PARSE_FAILED', 'version of PrivateKeyInfo');
  const algorithm = readAlgorithm(info.sequence());
  const octets = info.octetString();
  // Version 1 (RFC 5958) may carry attributes and the public key; some Ed25519 software writes it.
  if (version === 1 && info.next === contextTag(0, true)) info.element(contextTag(0, true));
  const publicKeyTag = contextTag(1, false);
  const outerPoint = version === 1 && info.next === publicKeyTag ? info.bitString(publicKeyTag) : undefined;
  info.end();
  if (algorithm.kind === 'post-quantum') {
    const { parameters } = algorithm;
    return { kind: 'post-quantum', parameters, secrets: readPostQuantumSecrets(parameters, octets) };
  }
  const content = new DerReader(octets);
  if (algorithm.kind === 'rsa') return { kind: 'rsa', numbers: readRsaPrivateKey(content) };
  const { curve } = algorithm;
  if (curve.form === 'weierstrass') return { kind: 'curve', curve, ...readEcPrivateKey(content, curve) };
  const secret = content.octetString();
  content.end();
  if (secret.length !== curve.size) throw new HalError('ASN1_PARSE_FAILED', 'length of the private key');
  return { kind: 'curve', curve, secret, point: outerPoint };
}

function readRsaPrivateKey(content: DerReader): Uint8Array[] {
  const key = content.sequence();
  content.end();
  // Version 1 would be a key of more than two primes.
  if (key.smallInteger() !== 0) throw new HalError('UNSUPPORTED_KEY', 'multi-prime RSA');
  const numbers = Array.from({ length: RSA_NUMBERS }, () => key.unsigned());
  for (let tag = key.next; tag !== undefined && tag >= FIRST_EXTRA_TAG && tag <= LAST_EXTRA_TAG; tag = key.next) {
    key.element(tag);
  }
  key.end();
  return numbers;
}

function readEcPrivateKey(
  content: DerReader,
  curve: CurveParameters,
): { secret: Uint8Array; point: Uint8Array | undefined } {
  const key = content.sequence();
  content.end();
  if (key.smallInteger() !== 1) throw new HalError('ASN1_PARSE_FAILED', 'version of ECPrivateKey');
  const secret = key.octetString();
  if (secret.length > curve.size) throw new HalError('ASN1_PARSE_FAILED', 'length of the private key');
  if (key.next === contextTag(0, true)) {
    const parameters = new DerReader(key.element(contextTag(0, true)));
    if (parameters.oid() !== curve.oid) throw new HalError('ASN1_PARSE_FAILED', 'two different curves');
    parameters.end();
  }
  let point: Uint8Array | undefined;
  if (key.next === contextTag(1, true)) {
    const publicKey = new DerReader(key.element(contextTag(1, true)));
    point = publicKey.bitString();
    publicKey.end();
  }
  key.end();
  return { secret, point };
}

function validateRsaKey(numbers: readonly Uint8Array[]): PrivateKey {
  const [modulus, exponent] = numbers as [Uint8Array, Uint8Array];
  const { bits, spki } = rsaPublicKey(modulus, exponent);
  const pkcs8 = writeRsaKey(numbers);
  if (!native.checkRsaKey(pkcs8)) {
    wipe(pkcs8);
    throw new HalError('ASN1_PARSE_FAILED', 'the numbers of the RSA key do not fit together');
  }
  return { type: KeyType.RSA_PRIVATE, curve: Curve.NONE, bits, pkcs8, spki };
}

/** PKCS#8 of the numbers n, e, d, p, q, dP, dQ, qInv. */
export function writeRsaKey(numbers: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const elements = [ZERO, ...numbers].map((number) => DerWriter.unsigned(number));
  return writePrivateKeyInfo(writeAlgorithm({ kind: 'rsa' }), enclose(Tag.SEQUENCE, ...elements));
}

function validateCurveKey(curve: CurveParameters, secret: Uint8Array, point: Uint8Array | undefined): PrivateKey {
  const fixed = new Uint8Array(curve.size);
  fixed.set(secret, curve.size - secret.length);
  if (curve.order !== undefined && !inRange(fixed, curve.order)) {
    throw new HalError('ASN1_PARSE_FAILED', 'the private key is not between 1 and the order');
  }
  if (point) ecPublicKey(curve, point);
  const publicKey = derivePublicKey(curve, fixed);
  const derived = publicKey.point as Uint8Array;
  if (point && !Buffer.from(point).equals(derived)) {
    throw new HalError('ASN1_PARSE_FAILED', 'private and public key do not belong together');
  }
  const pkcs8 = writeCurveKey(curve, fixed, derived);
  wipe(fixed);
  return { type: PRIVATE_TYPES[curve.form], curve: curve.curve, bits: curve.bits, pkcs8, spki: publicKey.spki };
}

/** Type of a private key by the form of its curve. */
export const PRIVATE_TYPES = {
  weierstrass: KeyType.EC_PRIVATE,
  edwards: KeyType.ED_PRIVATE,
  montgomery: KeyType.X_PRIVATE,
} as const;

function inRange(secret: Uint8Array, order: bigint): boolean {
  const limit = Buffer.from(order.toString(16).padStart(2 * secret.length, '0'), 'hex');
  return Buffer.compare(secret, limit) < 0 && secret.some((byte) => byte !== 0);
}

/** Lets OpenSSL multiply the base point: it does so when an encoding has no public key. */
function derivePublicKey(curve: CurveParameters, secret: Uint8Array): PublicKey {
  const key = writeCurveKey(curve, secret);
  try {
    const privateKey = createPrivateKey({ key: Buffer.from(key.buffer), format: 'der', type: 'pkcs8' });
    const publicKey = createPublicKey(privateKey);
    return parsePublicKey(publicKey.export({ format: 'der', type: 'spki' }));
  } finally {
    wipe(key);
  }
}

/** PKCS#8 of a private key on a curve from its bytes; with no check but by `validatePrivateKey`. Secret: wipe it after use. */
export function writeCurveKey(curve: CurveParameters, secret: Uint8Array, point?: Uint8Array): Uint8Array<ArrayBuffer> {
  const algorithm = writeAlgorithm({ kind: 'curve', curve });
  const key = DerWriter.octetString(secret);
  if (curve.form !== 'weierstrass') return writePrivateKeyInfo(algorithm, key);
  const elements = [DerWriter.unsigned(EC_VERSION), key];
  if (point) elements.push(DerWriter.element(contextTag(1, true), DerWriter.bitString(point)));
  return writePrivateKeyInfo(algorithm, enclose(Tag.SEQUENCE, ...elements));
}

function writePrivateKeyInfo(algorithm: Uint8Array, key: Uint8Array): Uint8Array<ArrayBuffer> {
  return enclose(Tag.SEQUENCE, DerWriter.unsigned(ZERO), algorithm, enclose(Tag.OCTET_STRING, key));
}

/** Encodes an element and wipes what went into it. */
function enclose(tag: number, ...contents: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const element = DerWriter.element(tag, ...contents);
  for (const content of contents) wipe(content);
  return element;
}
