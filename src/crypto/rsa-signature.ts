/**
 * RSA signatures (RFC 8017): PKCS#1 v1.5 over a hash, PSS, and the bare operation. All are made on the thread pool and verified before
 * they are released. PKCS#1 v1.5 over ready input is `SigningKey.sign('rsa-pkcs1')`.
 */

import { KeyType } from '#src/wire/enumerations.ts';
import { HalError } from '#src/wire/status.ts';

import { evp, evpSign, evpVerify, requireType } from './evp.ts';
import { checkFixedHash, checkHashValue, digestInfo, HASHES, type HashName } from './hashes.ts';
import { EvpOperation, type EvpParameters } from './native.ts';
import { CryptoRefusal } from './refusal.ts';
import { type SigningKey } from './signing-key.ts';

/** Parameters of RSASSA-PSS (RFC 8017 appendix A.2.3). */
export interface PssParameters {
  /** The hash that the input is a value of. */
  readonly hash: HashName;
  /** The hash of the mask generation function MGF1. */
  readonly mgf: HashName;
  /** Bytes; verification takes no other length. */
  readonly saltLength: number;
}

/** RSASSA-PKCS1-v1_5 over a hash value. @throws CryptoRefusal data-length, key-size, key-type */
export async function signRsaDigest(key: SigningKey, hash: HashName, hashValue: Uint8Array): Promise<Uint8Array> {
  requireType(key, KeyType.RSA_PRIVATE);
  const info = digestInfo(hash, hashValue);
  // 11 bytes of padding at least (section 9.2); of the sizes served, only RSA-512 would be too short.
  if (info.length + 11 > key.signatureLength) throw new CryptoRefusal('key-size', `${hash} does not fit the modulus`);
  return key.sign('rsa-pkcs1', info);
}

export async function verifyRsaDigest(
  key: SigningKey,
  hash: HashName,
  hashValue: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  requireRsa(key);
  return key.verify('rsa-pkcs1', digestInfo(hash, hashValue), signature);
}

/** RSASSA-PSS over a hash value. @throws CryptoRefusal parameter, data-length, key-size, key-type */
export async function signRsaPss(
  key: SigningKey,
  parameters: PssParameters,
  hashValue: Uint8Array,
): Promise<Uint8Array> {
  requireType(key, KeyType.RSA_PRIVATE);
  return evpSign('hash', key, pss(key, parameters, hashValue), hashValue);
}

export async function verifyRsaPss(
  key: SigningKey,
  parameters: PssParameters,
  hashValue: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  requireRsa(key);
  return evpVerify('hash', key, pss(key, parameters, hashValue), hashValue, signature);
}

function pss(key: SigningKey, { hash, mgf, saltLength }: PssParameters, hashValue: Uint8Array): EvpParameters {
  checkFixedHash(hash);
  checkFixedHash(mgf);
  checkHashValue(hash, hashValue);
  if (!Number.isSafeInteger(saltLength) || saltLength < 0) throw new CryptoRefusal('parameter', 'length of the salt');
  // emLen >= hLen + sLen + 2, where em has one bit less than the modulus (RFC 8017 section 9.1.1).
  const room = Math.ceil((key.bits - 1) / 8) - HASHES[hash].size - 2;
  if (room < 0) throw new CryptoRefusal('key-size', `${hash} does not fit the modulus`);
  if (saltLength > room) throw new CryptoRefusal('parameter', `salt of ${saltLength} bytes does not fit the modulus`);
  return ['pad-mode', 'pss', 'digest', hash, 'mgf1-digest', mgf, 'saltlen', saltLength];
}

const RAW: EvpParameters = ['pad-mode', 'none'];

/**
 * The bare RSA operation (CKM_RSA_X_509): input of at most the length of the modulus and below it, filled up with zeros in front.
 * @throws CryptoRefusal data-length, data, key-type
 */
export async function signRsaRaw(key: SigningKey, input: Uint8Array): Promise<Uint8Array> {
  requireType(key, KeyType.RSA_PRIVATE);
  const padded = padToModulus(key, input);
  const signature = await evp(EvpOperation.SIGN, key, RAW, padded);
  if (signature) return signature;
  // With the public half, OpenSSL refuses nothing but what is not below the modulus.
  const below = await evp(EvpOperation.ENCRYPT, key, RAW, padded);
  if (!below) throw new CryptoRefusal('data', 'the input is not below the modulus');
  throw new HalError('ASSERTION_FAILED', 'no valid signature came about, nothing was released');
}

export async function verifyRsaRaw(key: SigningKey, input: Uint8Array, signature: Uint8Array): Promise<boolean> {
  requireRsa(key);
  return evpVerify('hash', key, RAW, padToModulus(key, input), signature);
}

/** Input as long as the modulus. @throws CryptoRefusal data-length */
export function padToModulus(key: SigningKey, input: Uint8Array): Uint8Array {
  const { signatureLength } = key;
  if (input.length === 0 || input.length > signatureLength) {
    throw new CryptoRefusal('data-length', `${input.length} bytes for a modulus of ${signatureLength}`);
  }
  const padded = new Uint8Array(signatureLength);
  padded.set(input, signatureLength - input.length);
  return padded;
}

/** Requires an RSA key, of which half does not matter. */
export function requireRsa(key: SigningKey): void {
  requireType(key, KeyType.RSA_PRIVATE, KeyType.RSA_PUBLIC);
}
