/** AES (FIPS 197) in the modes of SP 800-38A: ECB, CBC, CTR; CBC also with the padding of PKCS#7. */

import { createCipheriv, createDecipheriv } from 'node:crypto';

import { CryptoRefusal } from './refusal.ts';

export const AES_BLOCK = 16;

/** CK_AES_CTR_PARAMS: the last `counterBits` of the first counter block count up. */
export interface CtrParameters {
  readonly counterBits: number;
  readonly block: Uint8Array;
}

const KEY_SIZES: readonly number[] = [16, 24, 32];

/** Bits of an AES key. @throws CryptoRefusal key-size */
export function aesBits(key: Uint8Array): number {
  if (!KEY_SIZES.includes(key.length)) throw new CryptoRefusal('key-size', `AES key of ${key.length} bytes`);
  return 8 * key.length;
}

type Mode = 'ecb' | 'cbc' | 'ctr';

function encrypt(mode: Mode, key: Uint8Array, iv: Uint8Array | null, data: Uint8Array, padding: boolean): Uint8Array {
  const cipher = createCipheriv(`aes-${aesBits(key)}-${mode}`, key, iv).setAutoPadding(padding);
  const result = cipher.update(data);
  const last = cipher.final();
  return last.length > 0 ? Buffer.concat([result, last]) : result;
}

function decrypt(mode: Mode, key: Uint8Array, iv: Uint8Array | null, data: Uint8Array): Uint8Array {
  const decipher = createDecipheriv(`aes-${aesBits(key)}-${mode}`, key, iv).setAutoPadding(false);
  const result = decipher.update(data);
  decipher.final();
  return result;
}

/** @throws CryptoRefusal data-length, key-size */
export function encryptAesEcb(key: Uint8Array, data: Uint8Array): Uint8Array {
  checkBlocks('data-length', data);
  return encrypt('ecb', key, null, data, false);
}

/** @throws CryptoRefusal encrypted-data-length, key-size */
export function decryptAesEcb(key: Uint8Array, data: Uint8Array): Uint8Array {
  checkBlocks('encrypted-data-length', data);
  return decrypt('ecb', key, null, data);
}

/** @throws CryptoRefusal parameter, data-length, key-size */
export function encryptAesCbc(key: Uint8Array, iv: Uint8Array, data: Uint8Array): Uint8Array {
  checkIv(iv);
  checkBlocks('data-length', data);
  return encrypt('cbc', key, iv, data, false);
}

/** @throws CryptoRefusal parameter, encrypted-data-length, key-size */
export function decryptAesCbc(key: Uint8Array, iv: Uint8Array, data: Uint8Array): Uint8Array {
  checkIv(iv);
  checkBlocks('encrypted-data-length', data);
  return decrypt('cbc', key, iv, data);
}

/** Any length; 1 to 16 bytes of padding are added (RFC 5652 section 6.3). @throws CryptoRefusal parameter, key-size */
export function encryptAesCbcPad(key: Uint8Array, iv: Uint8Array, data: Uint8Array): Uint8Array {
  checkIv(iv);
  return encrypt('cbc', key, iv, data, true);
}

/** @throws CryptoRefusal parameter, encrypted-data-length, encrypted-data (padding), key-size */
export function decryptAesCbcPad(key: Uint8Array, iv: Uint8Array, data: Uint8Array): Uint8Array {
  if (data.length === 0) throw new CryptoRefusal('encrypted-data-length', 'no block');
  const padded = decryptAesCbc(key, iv, data);
  const length = paddingLength(padded);
  if (length === 0) {
    padded.fill(0);
    throw new CryptoRefusal('encrypted-data');
  }
  return padded.subarray(0, padded.length - length);
}

/** Bytes of PKCS#7 padding, 0 if it is wrong; takes the same time whatever the last block holds. */
export function paddingLength(padded: Uint8Array, block = AES_BLOCK): number {
  const count = padded.at(-1) ?? 0;
  let wrong = Number(count === 0) | Number(count > block);
  for (let index = 1; index <= block; index++) {
    // All ones while `index` is within the padding.
    const inside = -Number(index <= count);
    wrong |= ((padded.at(-index) as number) ^ count) & inside;
  }
  return wrong === 0 ? count : 0;
}

/**
 * CTR, which encrypts and decrypts alike. The counter may not start again: the same key stream would be used twice.
 * @throws CryptoRefusal parameter, data-length (the counter would wrap around), key-size
 */
export function aesCtr(key: Uint8Array, { counterBits, block }: CtrParameters, data: Uint8Array): Uint8Array {
  if (block.length !== AES_BLOCK) throw new CryptoRefusal('parameter', `counter block of ${block.length} bytes`);
  if (!Number.isSafeInteger(counterBits) || counterBits < 1 || counterBits > 8 * AES_BLOCK) {
    throw new CryptoRefusal('parameter', `counter of ${counterBits} bits`);
  }
  const size = 1n << BigInt(counterBits);
  const counter = BigInt(`0x${Buffer.from(block).toString('hex')}`) % size;
  const blocks = BigInt(Math.ceil(data.length / AES_BLOCK));
  if (counter + blocks > size) throw new CryptoRefusal('data-length', 'the counter would wrap around');
  return encrypt('ctr', key, block, data, false);
}

function checkIv(iv: Uint8Array): void {
  if (iv.length !== AES_BLOCK) throw new CryptoRefusal('parameter', `initialization vector of ${iv.length} bytes`);
}

function checkBlocks(reason: 'data-length' | 'encrypted-data-length', data: Uint8Array): void {
  if (data.length % AES_BLOCK !== 0) throw new CryptoRefusal(reason, `${data.length} bytes`);
}
