/**
 * RSA encryption (RFC 8017 section 7), on the thread pool. Whoever decrypts for others must not tell what was wrong with a ciphertext
 * (Bleichenbacher 1998, Manger 2001): PKCS#1 v1.5 never fails but gives pseudo-random bytes, and all failures of OAEP are one.
 */

import { KeyType } from '#src/wire/enumerations.ts';

import { evp, requireType } from './evp.ts';
import { checkFixedHash, HASHES, type HashName } from './hashes.ts';
import { EvpOperation, type EvpParameters } from './native.ts';
import { CryptoRefusal } from './refusal.ts';
import { padToModulus, requireRsa } from './rsa-signature.ts';
import { type SigningKey } from './signing-key.ts';

/** Parameters of RSAES-OAEP (RFC 8017 appendix A.2.1). */
export interface OaepParameters {
  readonly hash: HashName;
  /** The hash of the mask generation function MGF1. */
  readonly mgf: HashName;
  readonly label: Uint8Array;
}

/** Bytes that PKCS#1 v1.5 padding needs at least (RFC 8017 section 7.2.1). */
const PADDING = 11;

const PKCS1: EvpParameters = ['pad-mode', 'pkcs1'];

/**
 * A ciphertext with wrong padding gives a plaintext of pseudo-random length and bytes, always the same for this key and ciphertext
 * (implicit rejection, draft-irtf-cfrg-rsa-guidance).
 */
const PKCS1_DECRYPT: EvpParameters = [...PKCS1, 'implicit-rejection', 1];
const RAW: EvpParameters = ['pad-mode', 'none'];

/** @throws CryptoRefusal data-length, key-type */
export async function encryptRsaPkcs1(key: SigningKey, data: Uint8Array): Promise<Uint8Array> {
  requireRsa(key);
  if (data.length > key.signatureLength - PADDING) throw new CryptoRefusal('data-length');
  return encrypt(key, PKCS1, data);
}

/**
 * @throws CryptoRefusal encrypted-data-length, key-type; encrypted-data only for a number that is not below the modulus,
 *   which everybody can see
 */
export async function decryptRsaPkcs1(key: SigningKey, ciphertext: Uint8Array): Promise<Uint8Array> {
  return decrypt(key, PKCS1_DECRYPT, ciphertext);
}

/** The bare RSA operation (CKM_RSA_X_509), as `signRsaRaw`. @throws CryptoRefusal data-length, data, key-type */
export async function encryptRsaRaw(key: SigningKey, data: Uint8Array): Promise<Uint8Array> {
  requireRsa(key);
  return encrypt(key, RAW, padToModulus(key, data));
}

/** As many bytes as the modulus has. @throws CryptoRefusal encrypted-data-length, encrypted-data, key-type */
export async function decryptRsaRaw(key: SigningKey, ciphertext: Uint8Array): Promise<Uint8Array> {
  return decrypt(key, RAW, ciphertext);
}

/** @throws CryptoRefusal parameter, data-length, key-size, key-type */
export async function encryptRsaOaep(key: SigningKey, oaep: OaepParameters, data: Uint8Array): Promise<Uint8Array> {
  requireRsa(key);
  const parameters = oaepParameters(key, oaep);
  if (data.length > oaepRoom(key, oaep.hash)) throw new CryptoRefusal('data-length');
  return encrypt(key, parameters, data);
}

/** @throws CryptoRefusal parameter, encrypted-data-length, encrypted-data, key-size, key-type */
export async function decryptRsaOaep(
  key: SigningKey,
  oaep: OaepParameters,
  ciphertext: Uint8Array,
): Promise<Uint8Array> {
  requireRsa(key);
  return decrypt(key, oaepParameters(key, oaep), ciphertext);
}

/** Bytes that fit: k - 2 hLen - 2 (RFC 8017 section 7.1.1); negative if the modulus is too small for the hash. */
export function oaepRoom(key: SigningKey, hash: HashName): number {
  return key.signatureLength - 2 * HASHES[hash].size - 2;
}

function oaepParameters(key: SigningKey, { hash, mgf, label }: OaepParameters): EvpParameters {
  checkFixedHash(hash);
  checkFixedHash(mgf);
  if (oaepRoom(key, hash) < 0) throw new CryptoRefusal('key-size', `${hash} does not fit the modulus`);
  return ['pad-mode', 'oaep', 'digest', hash, 'mgf1-digest', mgf, ...(label.length > 0 ? ['oaep-label', label] : [])];
}

async function encrypt(key: SigningKey, parameters: EvpParameters, data: Uint8Array): Promise<Uint8Array> {
  const ciphertext = await evp(EvpOperation.ENCRYPT, key, parameters, data);
  if (!ciphertext) throw new CryptoRefusal('data', 'not below the modulus');
  return ciphertext;
}

async function decrypt(key: SigningKey, parameters: EvpParameters, ciphertext: Uint8Array): Promise<Uint8Array> {
  requireType(key, KeyType.RSA_PRIVATE);
  if (ciphertext.length !== key.signatureLength) throw new CryptoRefusal('encrypted-data-length');
  const plaintext = await evp(EvpOperation.DECRYPT, key, parameters, ciphertext);
  if (!plaintext) throw new CryptoRefusal('encrypted-data');
  return plaintext;
}
