/** CKA_CHECK_VALUE (PKCS#11 3.2 section 4.10.2): three bytes by which a key is recognised. */

import { createCipheriv, createHash } from 'node:crypto';
import { CKK } from './constants.ts';

const LENGTH = 3;
/** Three bytes of a hash tell all about a key of one or two bytes. */
const MIN_SECRET = 16;

/** AES: of a block of zeros; other secrets: of SHA-1 of the value. `undefined` for short secrets, which it would give away. */
export function checkValue(keyType: number, value: Uint8Array): Uint8Array | undefined {
  if (keyType === CKK.AES) {
    const cipher = createCipheriv(`aes-${8 * value.length}-ecb`, value, null).setAutoPadding(false);
    return Uint8Array.from(cipher.update(new Uint8Array(16)).subarray(0, LENGTH));
  }
  if (value.length < MIN_SECRET) return undefined;
  return certificateCheckValue(value);
}

/** Of a certificate: of SHA-1 of its value. */
export function certificateCheckValue(value: Uint8Array): Uint8Array {
  return Uint8Array.from(createHash('sha1').update(value).digest().subarray(0, LENGTH));
}
