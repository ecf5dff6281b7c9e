/** Message authentication: HMAC (FIPS 198-1) and AES-CMAC (SP 800-38B), whole or cut to the leading bytes. */

import { timingSafeEqual } from 'node:crypto';

import { HalError } from '#src/wire/status.ts';

import { AES_BLOCK, aesBits } from './aes.ts';
import { checkFixedHash, HASHES, type HashName } from './hashes.ts';
import { EvpOperation, type EvpParameters, native } from './native.ts';
import { CryptoRefusal } from './refusal.ts';

/** From here on a MAC takes about a millisecond. */
const POOLED_SIZE = 262_144;

/**
 * HMAC with any key, also an empty one.
 * @param length bytes wanted, the whole value if `undefined`
 * @throws CryptoRefusal parameter
 */
export async function hmac(hash: HashName, key: Uint8Array, data: Uint8Array, length?: number): Promise<Uint8Array> {
  checkFixedHash(hash);
  checkLength(HASHES[hash].size, length);
  return cut(await compute('HMAC', ['digest', hash], key, data), length);
}

/** Compares in constant time. */
export async function verifyHmac(
  hash: HashName,
  key: Uint8Array,
  data: Uint8Array,
  mac: Uint8Array,
  length?: number,
): Promise<boolean> {
  return same(await hmac(hash, key, data, length), mac);
}

/** AES-CMAC. @param length bytes wanted, 16 if `undefined` @throws CryptoRefusal parameter, key-size */
export async function cmac(key: Uint8Array, data: Uint8Array, length?: number): Promise<Uint8Array> {
  checkLength(AES_BLOCK, length);
  return cut(await compute('CMAC', ['cipher', `AES-${aesBits(key)}-CBC`], key, data), length);
}

/** Compares in constant time. */
export async function verifyCmac(
  key: Uint8Array,
  data: Uint8Array,
  mac: Uint8Array,
  length?: number,
): Promise<boolean> {
  return same(await cmac(key, data, length), mac);
}

async function compute(
  name: 'HMAC' | 'CMAC',
  parameters: EvpParameters,
  key: Uint8Array,
  data: Uint8Array,
): Promise<Uint8Array> {
  const run = data.length < POOLED_SIZE ? native.evp : native.evpOnPool;
  const mac = await run(EvpOperation.MAC, name, parameters, data, key);
  if (!mac) throw new HalError('ASSERTION_FAILED', `${name} failed`);
  return mac;
}

function checkLength(size: number, length: number | undefined): void {
  if (length === undefined) return;
  if (!Number.isSafeInteger(length) || length < 1 || length > size) {
    throw new CryptoRefusal('parameter', `MAC of ${length} bytes`);
  }
}

function cut(mac: Uint8Array, length: number | undefined): Uint8Array {
  return length === undefined ? mac : mac.subarray(0, length);
}

function same(expected: Uint8Array, mac: Uint8Array): boolean {
  return expected.length === mac.length && timingSafeEqual(expected, mac);
}
