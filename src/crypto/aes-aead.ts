/** Authenticated encryption with AES: GCM (SP 800-38D) and CCM (SP 800-38C). The tag follows the ciphertext, as PKCS#11 has it. */

import { createCipheriv, createDecipheriv, timingSafeEqual } from 'node:crypto';

import { AES_BLOCK, aesBits, aesCtr, encryptAesEcb } from './aes.ts';
import { CryptoRefusal } from './refusal.ts';

/** CK_GCM_PARAMS. */
export interface GcmParameters {
  /** 1 to 256 bytes. */
  readonly iv: Uint8Array;
  readonly aad: Uint8Array;
  /** 128, 120, 112, 104, 96, 64 or 32 (SP 800-38D section 5.2.1.2). */
  readonly tagBits: number;
}

/** CK_CCM_PARAMS. */
export interface CcmParameters {
  /** Bytes of the plaintext. */
  readonly dataLength: number;
  /** 7 to 13 bytes; the longer, the shorter the data may be. */
  readonly nonce: Uint8Array;
  readonly aad: Uint8Array;
  /** 4, 6, 8, 10, 12, 14 or 16 bytes. */
  readonly macLength: number;
}

const GCM_TAG_BITS: readonly number[] = [128, 120, 112, 104, 96, 64, 32];
const GCM_MAX_IV = 256;
/** OpenSSL takes no longer one. */
const OPENSSL_MAX_IV = 128;
const NO_BYTES = new Uint8Array(0);

/** @returns ciphertext and tag @throws CryptoRefusal parameter, key-size */
export function encryptGcm(key: Uint8Array, parameters: GcmParameters, data: Uint8Array): Uint8Array {
  const tagLength = checkGcm(parameters);
  const { iv, aad } = parameters;
  if (iv.length > OPENSSL_MAX_IV) return encryptLongIv(key, iv, aad, data, tagLength);
  return seal(key, iv, aad, data, tagLength);
}

/** @throws CryptoRefusal parameter, encrypted-data-length, encrypted-data, key-size */
export function decryptGcm(key: Uint8Array, parameters: GcmParameters, data: Uint8Array): Uint8Array {
  const tagLength = checkGcm(parameters);
  if (data.length < tagLength) throw new CryptoRefusal('encrypted-data-length');
  const { iv, aad } = parameters;
  const ciphertext = data.subarray(0, data.length - tagLength);
  const tag = data.subarray(data.length - tagLength);
  if (iv.length > OPENSSL_MAX_IV) return decryptLongIv(key, iv, aad, ciphertext, tag);
  const decipher = createDecipheriv(`aes-${aesBits(key)}-gcm` as 'aes-128-gcm', key, iv, { authTagLength: tagLength });
  decipher.setAuthTag(tag).setAAD(aad);
  const plaintext = decipher.update(ciphertext);
  try {
    decipher.final();
  } catch {
    plaintext.fill(0);
    throw new CryptoRefusal('encrypted-data');
  }
  return plaintext;
}

function checkGcm({ iv, tagBits }: GcmParameters): number {
  if (iv.length === 0 || iv.length > GCM_MAX_IV) {
    throw new CryptoRefusal('parameter', `initialization vector of ${iv.length} bytes`);
  }
  if (!GCM_TAG_BITS.includes(tagBits)) throw new CryptoRefusal('parameter', `tag of ${tagBits} bits`);
  return tagBits / 8;
}

function seal(key: Uint8Array, iv: Uint8Array, aad: Uint8Array, data: Uint8Array, tagLength: number): Uint8Array {
  const cipher = createCipheriv(`aes-${aesBits(key)}-gcm` as 'aes-128-gcm', key, iv, { authTagLength: tagLength });
  cipher.setAAD(aad);
  const ciphertext = cipher.update(data);
  cipher.final();
  return Buffer.concat([ciphertext, cipher.getAuthTag()]);
}

/*
 * Initialization vectors that OpenSSL does not take. GHASH (SP 800-38D section 6.4) is taken out of OpenSSL's GCM: for data that
 * encrypts to C, the tag is GHASH(A, C) xor the block that encrypts the first counter.
 */

const HELPER_IV = new Uint8Array(12);

/** GHASH over padded `aad`, padded `text` and both lengths. */
function ghash(key: Uint8Array, aad: Uint8Array, text: Uint8Array): Uint8Array {
  const second = counterBlock(HELPER_IV, 2);
  const sealed = seal(key, HELPER_IV, aad, aesCtr(key, { counterBits: 32, block: second }, text), AES_BLOCK);
  return xor(sealed.subarray(text.length), encryptAesEcb(key, counterBlock(HELPER_IV, 1)));
}

function counterBlock(iv: Uint8Array, counter: number): Buffer {
  const block = Buffer.alloc(AES_BLOCK);
  block.set(iv);
  block.writeUInt32BE(counter, 12);
  return block;
}

function xor(left: Uint8Array, right: Uint8Array): Uint8Array {
  return left.map((byte, index) => byte ^ (right[index] as number));
}

/** The pre-counter block J0 of section 7.1 step 2 and GCTR from the block after it. */
function longIvCipher(key: Uint8Array, iv: Uint8Array): { first: Uint8Array; crypt(data: Uint8Array): Uint8Array } {
  const first = ghash(key, NO_BYTES, iv);
  return { first, crypt: (data) => gctr(key, first, data) };
}

/** Counts in the last 32 bits alone, which may wrap around here. */
function gctr(key: Uint8Array, first: Uint8Array, data: Uint8Array): Uint8Array {
  const start = (Buffer.from(first).readUInt32BE(12) + 1) >>> 0;
  const before = Math.min(data.length, AES_BLOCK * (2 ** 32 - start));
  const head = aesCtr(
    key,
    { counterBits: 32, block: counterBlock(first.subarray(0, 12), start) },
    data.subarray(0, before),
  );
  if (before === data.length) return head;
  const block = counterBlock(first.subarray(0, 12), 0);
  return Buffer.concat([head, aesCtr(key, { counterBits: 32, block }, data.subarray(before))]);
}

function longIvTag(key: Uint8Array, first: Uint8Array, aad: Uint8Array, ciphertext: Uint8Array): Uint8Array {
  return xor(ghash(key, aad, ciphertext), encryptAesEcb(key, first));
}

function encryptLongIv(
  key: Uint8Array,
  iv: Uint8Array,
  aad: Uint8Array,
  data: Uint8Array,
  tagLength: number,
): Uint8Array {
  const { first, crypt } = longIvCipher(key, iv);
  const ciphertext = crypt(data);
  return Buffer.concat([ciphertext, longIvTag(key, first, aad, ciphertext).subarray(0, tagLength)]);
}

function decryptLongIv(
  key: Uint8Array,
  iv: Uint8Array,
  aad: Uint8Array,
  ciphertext: Uint8Array,
  tag: Uint8Array,
): Uint8Array {
  const { first, crypt } = longIvCipher(key, iv);
  const expected = longIvTag(key, first, aad, ciphertext).subarray(0, tag.length);
  if (!timingSafeEqual(expected, tag)) throw new CryptoRefusal('encrypted-data');
  return crypt(ciphertext);
}

/** @returns ciphertext and MAC @throws CryptoRefusal parameter, data-length, key-size */
export function encryptCcm(key: Uint8Array, parameters: CcmParameters, data: Uint8Array): Uint8Array {
  checkCcm(parameters);
  const { nonce, aad, macLength, dataLength } = parameters;
  if (data.length !== dataLength) throw new CryptoRefusal('data-length', `${data.length} bytes, not ${dataLength}`);
  const options = { authTagLength: macLength };
  const cipher = createCipheriv(`aes-${aesBits(key)}-ccm` as 'aes-128-ccm', key, nonce, options);
  cipher.setAAD(aad, { plaintextLength: data.length });
  const ciphertext = cipher.update(data);
  cipher.final();
  return Buffer.concat([ciphertext, cipher.getAuthTag()]);
}

/** @throws CryptoRefusal parameter, encrypted-data-length, encrypted-data, key-size */
export function decryptCcm(key: Uint8Array, parameters: CcmParameters, data: Uint8Array): Uint8Array {
  checkCcm(parameters);
  const { nonce, aad, macLength, dataLength } = parameters;
  // PKCS#11 3.1 section 6.11.5: of what is decrypted, the length is that of the plaintext too.
  if (data.length !== dataLength + macLength) throw new CryptoRefusal('encrypted-data-length');
  const options = { authTagLength: macLength };
  const decipher = createDecipheriv(`aes-${aesBits(key)}-ccm` as 'aes-128-ccm', key, nonce, options);
  decipher.setAuthTag(data.subarray(dataLength)).setAAD(aad, { plaintextLength: dataLength });
  try {
    const plaintext = decipher.update(data.subarray(0, dataLength));
    decipher.final();
    return plaintext;
  } catch {
    throw new CryptoRefusal('encrypted-data');
  }
}

function checkCcm({ dataLength, nonce, macLength }: CcmParameters): void {
  if (nonce.length < 7 || nonce.length > 13) throw new CryptoRefusal('parameter', `nonce of ${nonce.length} bytes`);
  if (macLength < 4 || macLength > 16 || macLength % 2 !== 0) {
    throw new CryptoRefusal('parameter', `MAC of ${macLength} bytes`);
  }
  // The length is written in the 15 - n bytes that the nonce leaves (SP 800-38C appendix A.1).
  if (dataLength >= 256 ** (15 - nonce.length)) throw new CryptoRefusal('data-length', 'too long for the nonce');
}
