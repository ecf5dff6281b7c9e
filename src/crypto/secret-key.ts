/** Secret keys: random values, and the check values by which PKCS#11 programs compare them. */

import { randomBytes } from 'node:crypto';

import { encryptAesEcb } from './aes.ts';
import { digest } from './hashes.ts';
import { CryptoRefusal } from './refusal.ts';

const MAX_LENGTH = 65_536;

/** Bytes of a check value (PKCS#11 3.1 section 4.10.2). */
const CHECK_LENGTH = 3;

/** Random bytes of OpenSSL's generator. Secret: wipe them after use. @throws CryptoRefusal parameter */
export function randomSecret(length: number): Uint8Array {
  if (!Number.isSafeInteger(length) || length < 1 || length > MAX_LENGTH) {
    throw new CryptoRefusal('parameter', `key of ${length} bytes`);
  }
  return randomBytes(length);
}

/**
 * CKA_CHECK_VALUE: of an AES key the start of an encrypted zero block, of any other secret the start of its SHA-1.
 * @throws CryptoRefusal key-size
 */
export function keyCheckValue(kind: 'aes' | 'generic', value: Uint8Array): Uint8Array {
  const whole = kind === 'aes' ? encryptAesEcb(value, new Uint8Array(16)) : digest('sha1', value);
  return new Uint8Array(whole.subarray(0, CHECK_LENGTH));
}
