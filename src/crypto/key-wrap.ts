/** AES-256 key wrap with padding (RFC 5649, id-aes256-wrap-pad), the form in which keys are stored and exported. */

import { createCipheriv, createDecipheriv } from 'node:crypto';

import { Bug, HalError } from '#src/wire/status.ts';

import { wipe } from './process-hardening.ts';

const ALGORITHM = 'id-aes256-wrap-pad';

/** First half of the alternative initial value (RFC 5649 section 3); the second half is the length of the plaintext. */
const ALTERNATIVE_IV = Uint8Array.of(0xa6, 0x59, 0x59, 0xa6);

const KEY_SIZE = 32;

/**
 * Wraps 1 or more bytes under a key of 32 bytes.
 * @returns the plaintext rounded up to 8 bytes, plus 8
 */
export function wrapKey(kek: Uint8Array, plain: Uint8Array): Uint8Array {
  checkKek(kek);
  if (plain.length === 0) throw new Bug('key wrap needs at least one byte');
  const cipher = createCipheriv(ALGORITHM, kek, ALTERNATIVE_IV);
  // The mode is a single pass: update() does all of it, final() returns nothing.
  const wrapped = cipher.update(plain);
  cipher.final();
  return new Uint8Array(wrapped);
}

/**
 * Unwraps into a buffer of its own.
 * @throws HalError KEYWRAP_BAD_LENGTH if this cannot be the output of a wrap. Any other failure, wrong key, changed
 *   data, implausible length or padding inside, is KEYWRAP_BAD_MAGIC: telling them apart would only help a forger.
 */
export function unwrapKey(kek: Uint8Array, wrapped: Uint8Array): Uint8Array {
  checkKek(kek);
  if (wrapped.length < 16 || wrapped.length % 8 !== 0) throw new HalError('KEYWRAP_BAD_LENGTH');
  const decipher = createDecipheriv(ALGORITHM, kek, ALTERNATIVE_IV);
  try {
    const plain = decipher.update(wrapped);
    decipher.final();
    const result = new Uint8Array(plain);
    wipe(plain);
    return result;
  } catch {
    throw new HalError('KEYWRAP_BAD_MAGIC');
  }
}

function checkKek(kek: Uint8Array): void {
  if (kek.length !== KEY_SIZE) throw new HalError('MASTERKEY_BAD_LENGTH');
}
