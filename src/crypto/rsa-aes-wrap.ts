/**
 * CKM_RSA_AES_KEY_WRAP (PKCS#11 3.1 section 6.1.21): an AES key made for the occasion, encrypted by RSA-OAEP, and behind it what is
 * wrapped under that AES key by RFC 5649.
 */

import { randomBytes } from 'node:crypto';

import { unwrapWithAes, wrapWithAes } from './aes-key-wrap.ts';
import { wipe } from './process-hardening.ts';
import { CryptoRefusal } from './refusal.ts';
import { decryptRsaOaep, encryptRsaOaep, type OaepParameters } from './rsa-encryption.ts';
import { type SigningKey } from './signing-key.ts';

export interface RsaAesParameters {
  /** Bits of the AES key: 128, 192 or 256. */
  readonly aesBits: number;
  readonly oaep: OaepParameters;
}

/** @throws CryptoRefusal parameter, data-length, key-size, key-type */
export async function wrapRsaAes(
  key: SigningKey,
  { aesBits, oaep }: RsaAesParameters,
  plain: Uint8Array,
): Promise<Uint8Array> {
  checkBits(aesBits);
  const kek = randomBytes(aesBits / 8);
  try {
    const wrapped = wrapWithAes(kek, 'kwp', plain);
    return Buffer.concat([await encryptRsaOaep(key, oaep, kek), wrapped]);
  } finally {
    wipe(kek);
  }
}

/**
 * Secret: wipe the result after use. What is wrong inside is one error.
 * @throws CryptoRefusal parameter, wrapped-key-length, wrapped-key, key-size, key-type
 */
export async function unwrapRsaAes(
  key: SigningKey,
  { aesBits, oaep }: RsaAesParameters,
  wrapped: Uint8Array,
): Promise<Uint8Array> {
  checkBits(aesBits);
  if (wrapped.length < key.signatureLength + 16) throw new CryptoRefusal('wrapped-key-length');
  const kek = await decryptRsaOaep(key, oaep, wrapped.subarray(0, key.signatureLength)).catch(refuseAsWrappedKey);
  try {
    if (kek.length !== aesBits / 8) throw new CryptoRefusal('wrapped-key');
    return unwrapWithAes(kek, 'kwp', wrapped.subarray(key.signatureLength));
  } finally {
    wipe(kek);
  }
}

function refuseAsWrappedKey(error: unknown): never {
  if (error instanceof CryptoRefusal && error.reason === 'encrypted-data') throw new CryptoRefusal('wrapped-key');
  throw error;
}

function checkBits(aesBits: number): void {
  if (![128, 192, 256].includes(aesBits)) throw new CryptoRefusal('parameter', `AES of ${aesBits} bits`);
}
