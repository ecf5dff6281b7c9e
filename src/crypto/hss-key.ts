/**
 * Keys of the hierarchical signature system (RFC 8554 section 6) as libhal encodes them (`hal_hashsig_private_key_to_der`,
 * `hal_hashsig_public_key_to_der`): PKCS#8 and SubjectPublicKeyInfo with an inner structure of their own. All levels have the
 * same parameters.
 */

import { Curve, KeyType } from '#src/wire/enumerations.ts';
import { HalError } from '#src/wire/status.ts';

import { DerReader, DerWriter, Tag } from './der.ts';
import { IDENTIFIER_SIZE, LMS_PUBLIC_KEY_SIZE, type LmsParameters, lmsParameters, SEED_SIZE, u32 } from './lms.ts';
import { wipe } from './process-hardening.ts';
import { type PublicKey } from './public-key.ts';

/** id-alg-hss-lms-hashsig (RFC 9708 section 4), 1.2.840.113549.1.9.16.3.17. */
const HSS_OID = '2a864886f70d0109100311';

export const MAX_LEVELS = 8;
const HASH = 32;

/** What a public key says. */
export interface HssPublicKey {
  readonly levels: number;
  readonly parameters: LmsParameters;
  readonly identifier: Uint8Array;
  /** T[1] of the root tree. */
  readonly root: Uint8Array;
}

/** What a private key says: the public half, the seed of the root tree, and which of its leaves belong to this key. */
export interface HssPrivateKey extends HssPublicKey {
  /** Secret: wipe it after use. */
  readonly seed: Uint8Array;
  readonly start: number;
  /** One past the last. */
  readonly end: number;
}

/** Bytes of every signature (RFC 8554 section 6.2, all levels alike). */
export function hssSignatureSize(levels: number, { signatureSize }: LmsParameters): number {
  return 4 + levels * signatureSize + (levels - 1) * LMS_PUBLIC_KEY_SIZE;
}

/** The public key of the root tree, RFC 8554 section 5.3. */
export function rootPublicKey({ parameters, identifier, root }: HssPublicKey): Uint8Array {
  return Buffer.concat([u32(parameters.lms), u32(parameters.lmots), identifier, root]);
}

/** Whether a PKCS#8 or SubjectPublicKeyInfo holds such a key. @throws HalError ASN1_PARSE_FAILED */
export function isHssKey(der: Uint8Array): boolean {
  const info = new DerReader(der).sequence();
  if (info.next === Tag.INTEGER) info.smallInteger();
  return info.sequence().oid() === HSS_OID;
}

/** A public key as the other parts know it. @throws HalError ASN1_PARSE_FAILED, UNSUPPORTED_KEY */
export function hssPublicKey(spki: Uint8Array): PublicKey {
  const key = readHssPublicKey(spki);
  return {
    type: KeyType.HASHSIG_PUBLIC,
    curve: Curve.NONE,
    bits: 8 * hssSignatureSize(key.levels, key.parameters),
    spki: writeHssPublicKey(key),
  };
}

/** @throws HalError ASN1_PARSE_FAILED, UNSUPPORTED_KEY */
export function readHssPublicKey(spki: Uint8Array): HssPublicKey {
  const outer = new DerReader(spki);
  const info = outer.sequence();
  outer.end();
  readAlgorithm(info.sequence());
  const content = new DerReader(info.bitString());
  info.end();
  const fields = content.sequence();
  content.end();
  const key = readPublicFields(fields);
  fields.end();
  return key;
}

export function writeHssPublicKey(key: HssPublicKey): Uint8Array {
  return DerWriter.sequence(algorithm(), DerWriter.bitString(DerWriter.sequence(...publicFields(key))));
}

/** The seed is a copy, to be wiped. @throws HalError ASN1_PARSE_FAILED, UNSUPPORTED_KEY */
export function readHssPrivateKey(pkcs8: Uint8Array): HssPrivateKey {
  const outer = new DerReader(pkcs8);
  const info = outer.sequence();
  outer.end();
  if (info.smallInteger() !== 0) throw new HalError('ASN1_PARSE_FAILED', 'version of PrivateKeyInfo');
  readAlgorithm(info.sequence());
  const content = new DerReader(info.octetString());
  info.end();
  const fields = content.sequence();
  content.end();
  const key = readPublicFields(fields);
  const seed = fixed(fields.octetString(), SEED_SIZE);
  const start = readNumber(fields);
  const end = readNumber(fields);
  fields.end();
  if (start >= end || end > 2 ** key.parameters.height) {
    wipe(seed);
    throw new HalError('ASN1_PARSE_FAILED', 'range of one-time keys');
  }
  return { ...key, seed, start, end };
}

/** Secret: wipe it after use. */
export function writeHssPrivateKey(key: HssPrivateKey): Uint8Array {
  const parts = [...publicFields(key), DerWriter.octetString(key.seed), integer(key.start), integer(key.end)];
  const inner = DerWriter.sequence(...parts);
  const wrapped = DerWriter.octetString(inner);
  const pkcs8 = DerWriter.sequence(integer(0), algorithm(), wrapped);
  for (const secret of [...parts, inner, wrapped]) wipe(secret);
  return pkcs8;
}

function publicFields({ levels, parameters, identifier, root }: HssPublicKey): Uint8Array[] {
  const { lms, lmots } = parameters;
  return [...[levels, lms, lmots].map(integer), DerWriter.octetString(identifier), DerWriter.octetString(root)];
}

function readPublicFields(fields: DerReader): HssPublicKey {
  const [levels, lms, lmots] = [readNumber(fields), readNumber(fields), readNumber(fields)];
  const parameters = lmsParameters(lms, lmots);
  if (parameters === undefined || levels < 1 || levels > MAX_LEVELS) {
    throw new HalError('UNSUPPORTED_KEY', `hash-based key of ${levels} levels, types ${lms} and ${lmots}`);
  }
  const identifier = fixed(fields.octetString(), IDENTIFIER_SIZE);
  return { levels, parameters, identifier, root: fixed(fields.octetString(), HASH) };
}

/** A copy of bytes that have one possible length. */
function fixed(bytes: Uint8Array, length: number): Uint8Array {
  if (bytes.length !== length) throw new HalError('ASN1_PARSE_FAILED', 'length of a field of a hash-based key');
  return Uint8Array.from(bytes);
}

/** The NULL may be missing, as with RSA. */
function readAlgorithm(reader: DerReader): void {
  if (reader.oid() !== HSS_OID) throw new HalError('ASN1_PARSE_FAILED', 'not a hash-based key');
  if (reader.next !== undefined && reader.element(Tag.NULL).length > 0) {
    throw new HalError('ASN1_PARSE_FAILED', 'parameters of a hash-based key');
  }
  reader.end();
}

function algorithm(): Uint8Array {
  return DerWriter.sequence(DerWriter.oid(HSS_OID), DerWriter.null());
}

/** An INTEGER below 2^32. */
function readNumber(reader: DerReader): number {
  const bytes = reader.unsigned();
  if (bytes.length > 4) throw new HalError('ASN1_PARSE_FAILED', 'INTEGER out of range');
  return bytes.reduce((value, byte) => value * 256 + byte, 0);
}

function integer(value: number): Uint8Array {
  return DerWriter.unsigned(u32(value));
}
