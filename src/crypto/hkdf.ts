/** HKDF (RFC 5869), extract and expand each by itself. */

import { checkFixedHash, HASHES, type HashName } from './hashes.ts';
import { hmac } from './mac.ts';
import { wipe } from './process-hardening.ts';
import { CryptoRefusal } from './refusal.ts';

/** RFC 5869 section 2.3. */
const MAX_BLOCKS = 255;

const NO_BYTES = new Uint8Array(0);

/** A pseudo-random key of the length of the hash. Secret: wipe it after use. @param salt none means as many zeros as the hash has */
export async function hkdfExtract(
  hash: HashName,
  salt: Uint8Array | undefined,
  secret: Uint8Array,
): Promise<Uint8Array> {
  checkFixedHash(hash);
  return hmac(hash, salt ?? new Uint8Array(HASHES[hash].size), secret);
}

/** Secret: wipe it after use. @param key at least as long as the hash @throws CryptoRefusal parameter, key-size */
export async function hkdfExpand(
  hash: HashName,
  key: Uint8Array,
  info: Uint8Array,
  length: number,
): Promise<Uint8Array> {
  checkFixedHash(hash);
  const { size } = HASHES[hash];
  if (!Number.isSafeInteger(length) || length < 1 || length > MAX_BLOCKS * size) {
    throw new CryptoRefusal('parameter', `key of ${length} bytes`);
  }
  const result = new Uint8Array(length);
  let block: Uint8Array = NO_BYTES;
  for (let offset = 0, index = 1; offset < length; offset += size, index++) {
    const input = Buffer.concat([block, info, Uint8Array.of(index)]);
    wipe(block);
    block = await hmac(hash, key, input);
    wipe(input);
    result.set(block.subarray(0, length - offset), offset);
  }
  wipe(block);
  return result;
}
