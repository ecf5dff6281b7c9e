/** PBKDF2 (RFC 8018 section 5.2), on the thread pool. */

import { pbkdf2 as derive } from 'node:crypto';
import { promisify } from 'node:util';

import { Gate } from './gate.ts';
import { checkFixedHash, HASHES, type HashName } from './hashes.ts';
import { CryptoRefusal } from './refusal.ts';

const deriveOnPool = promisify(derive);

/** For a key of one hash value, about ten seconds of one processor; longer keys take as many times more, so they get fewer. */
export const PBKDF2_MAX_ITERATIONS = 10_000_000;

const MAX_LENGTH = 1024;

const gate = new Gate(1);

/** Secret: wipe it after use. @throws CryptoRefusal parameter */
export async function pbkdf2(
  hash: HashName,
  password: Uint8Array,
  salt: Uint8Array,
  iterations: number,
  length: number,
): Promise<Uint8Array> {
  checkFixedHash(hash);
  if (!Number.isSafeInteger(length) || length < 1 || length > MAX_LENGTH) {
    throw new CryptoRefusal('parameter', `key of ${length} bytes`);
  }
  const blocks = Math.ceil(length / HASHES[hash].size);
  if (!Number.isSafeInteger(iterations) || iterations < 1 || iterations * blocks > PBKDF2_MAX_ITERATIONS) {
    throw new CryptoRefusal('parameter', `${iterations} iterations`);
  }
  return gate.run(() => deriveOnPool(password, salt, iterations, length, hash));
}
