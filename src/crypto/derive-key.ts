/** Keys derived from the master key (HKDF with SHA-256, RFC 5869). */

import { hkdfSync } from 'node:crypto';

const NO_SALT = new Uint8Array(0);
const SEPARATOR = Uint8Array.of(0);

/**
 * A key for one purpose and one context, independent of all others.
 * @param key uniformly random input key, 32 bytes
 * @param label the purpose, without zero bytes: the zero behind it keeps label and context apart
 * @param context what the key is bound to
 * @param length bytes wanted
 */
export function deriveKey(key: Uint8Array, label: string, context: Uint8Array, length: number): Uint8Array {
  const info = Buffer.concat([Buffer.from(label, 'utf8'), SEPARATOR, context]);
  return new Uint8Array(hkdfSync('sha256', key, NO_SALT, info, length));
}
