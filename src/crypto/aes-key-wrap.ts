/** Wrapping keys under an AES key: SP 800-38F, which is RFC 3394 and RFC 5649, and RFC 3394 around PKCS#7 padding. */

import { createCipheriv, createDecipheriv } from 'node:crypto';

import { aesBits, paddingLength } from './aes.ts';
import { wipe } from './process-hardening.ts';
import { CryptoRefusal } from './refusal.ts';

/**
 * `kw`: RFC 3394, two or more whole blocks of 8 bytes (CKM_AES_KEY_WRAP);
 * `kwp`: RFC 5649, 1 or more bytes (CKM_AES_KEY_WRAP_KWP);
 * `pkcs7`: padded to blocks of 8 bytes by PKCS#7, then RFC 3394 (CKM_AES_KEY_WRAP_PKCS7).
 */
export type AesWrapMode = 'kw' | 'kwp' | 'pkcs7';

/** Block of the wrap. */
const BLOCK = 8;

/** RFC 3394 section 2.2.3.1. */
const INITIAL_VALUE = new Uint8Array(BLOCK).fill(0xa6);

/** First half of the alternative initial value (RFC 5649 section 3); the second half is the length of the plaintext. */
const ALTERNATIVE_VALUE = Uint8Array.of(0xa6, 0x59, 0x59, 0xa6);

/** Longest plaintext. */
const MAX_SIZE = 65_536;

/**
 * @param iv another initial value: 8 bytes, of `kwp` 4; whoever unwraps must have the same
 * @throws CryptoRefusal parameter, data-length (of what is to be wrapped), key-size (of the wrapping key)
 */
export function wrapWithAes(kek: Uint8Array, mode: AesWrapMode, plain: Uint8Array, iv?: Uint8Array): Uint8Array {
  const { algorithm, initial } = prepare(kek, mode, iv);
  const padded = mode === 'pkcs7' ? pad(plain) : plain;
  const fits = mode === 'kwp' ? plain.length > 0 : padded.length >= 2 * BLOCK && padded.length % BLOCK === 0;
  if (!fits || plain.length > MAX_SIZE) throw new CryptoRefusal('data-length', `${plain.length} bytes`);
  const cipher = createCipheriv(algorithm, kek, initial);
  // The mode is a single pass: update() does all of it, final() returns nothing.
  const wrapped = cipher.update(padded);
  cipher.final();
  if (padded !== plain) wipe(padded);
  return wrapped;
}

/**
 * Unwraps into a buffer of its own. Secret: wipe it after use. All that may be wrong with a wrapped key of plausible length is one
 * error.
 * @throws CryptoRefusal parameter, wrapped-key-length, wrapped-key, key-size (of the wrapping key)
 */
export function unwrapWithAes(kek: Uint8Array, mode: AesWrapMode, wrapped: Uint8Array, iv?: Uint8Array): Uint8Array {
  const { algorithm, initial } = prepare(kek, mode, iv);
  const least = mode === 'kwp' ? 2 * BLOCK : 3 * BLOCK;
  if (wrapped.length < least || wrapped.length % BLOCK !== 0 || wrapped.length > MAX_SIZE + 2 * BLOCK) {
    throw new CryptoRefusal('wrapped-key-length', `${wrapped.length} bytes`);
  }
  const plain = decipher(algorithm, kek, initial, wrapped);
  const surplus = mode === 'pkcs7' ? paddingLength(plain, BLOCK) : 0;
  if (mode === 'pkcs7' && surplus === 0) {
    wipe(plain);
    throw new CryptoRefusal('wrapped-key');
  }
  const result = new Uint8Array(plain.subarray(0, plain.length - surplus));
  wipe(plain);
  return result;
}

function decipher(algorithm: string, kek: Uint8Array, initial: Uint8Array, wrapped: Uint8Array): Uint8Array {
  try {
    const state = createDecipheriv(algorithm, kek, initial);
    const plain = state.update(wrapped);
    state.final();
    return plain;
  } catch {
    throw new CryptoRefusal('wrapped-key');
  }
}

function prepare(
  kek: Uint8Array,
  mode: AesWrapMode,
  iv: Uint8Array | undefined,
): { algorithm: string; initial: Uint8Array } {
  const initial = iv ?? (mode === 'kwp' ? ALTERNATIVE_VALUE : INITIAL_VALUE);
  if (initial.length !== (mode === 'kwp' ? 4 : BLOCK)) {
    throw new CryptoRefusal('parameter', `initial value of ${initial.length} bytes`);
  }
  return { algorithm: `id-aes${aesBits(kek)}-wrap${mode === 'kwp' ? '-pad' : ''}`, initial };
}

function pad(plain: Uint8Array): Uint8Array {
  const count = BLOCK - (plain.length % BLOCK);
  const padded = new Uint8Array(plain.length + count).fill(count);
  padded.set(plain);
  return padded;
}
