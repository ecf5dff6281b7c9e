/** Known answers, one for each family of algorithms and small enough to be checked at every start. */

import { aesCtr, encryptAesCbc, encryptAesEcb } from './aes.ts';
import { encryptCcm, encryptGcm } from './aes-aead.ts';
import { unwrapWithAes, wrapWithAes } from './aes-key-wrap.ts';
import { digest, type HashName } from './hashes.ts';
import { hkdfExpand, hkdfExtract } from './hkdf.ts';
import { kbkdf } from './kbkdf.ts';
import { x963Kdf } from './key-agreement.ts';
import { cmac, hmac } from './mac.ts';
import { pbkdf2 } from './pbkdf2.ts';

export interface KnownAnswer {
  readonly name: string;
  /** The answer as it comes out. */
  readonly compute: () => Uint8Array | Promise<Uint8Array>;
  /** What it must be, in hex. */
  readonly expected: string;
}

const hex = (text: string): Buffer => Buffer.from(text, 'hex');
const ascii = (text: string): Buffer => Buffer.from(text, 'latin1');

/** FIPS 180-4 and FIPS 202: hash values of "abc", here their first 20 bytes. */
const HASHES: readonly [HashName, string][] = [
  ['sha1', 'a9993e364706816aba3e25717850c26c9cd0d89d'],
  ['sha224', '23097d223405d8228642a477bda255b32aadbce4'],
  ['sha256', 'ba7816bf8f01cfea414140de5dae2223b00361a3'],
  ['sha384', 'cb00753f45a35e8bb5a03d699ac65007272c32ab'],
  ['sha512', 'ddaf35a193617abacc417349ae20413112e6fa4e'],
  ['sha3-224', 'e642824c3f8cf24ad09234ee7d3c766fc9a3a516'],
  ['sha3-256', '3a985da74fe225b2045c172d6bd390bd855f086e'],
  ['sha3-384', 'ec01498288516fc926459f58e2c6ad8df9b473cb'],
  ['sha3-512', 'b751850b1a57168a5693cd924b6b096e08f62182'],
];

/** SP 800-38A appendix F. */
const AES_KEY = hex('603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4');
const BLOCK = hex('6bc1bee22e409f96e93d7e117393172a');
const IV = hex('000102030405060708090a0b0c0d0e0f');

/** RFC 3394 section 4.6, RFC 5649 section 6. */
const KEK = hex('000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f');
const KWP_KEK = hex('5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8');

export const SYMMETRIC_ANSWERS: readonly KnownAnswer[] = [
  ...HASHES.map(([hash, expected]) => ({
    name: hash.toUpperCase(),
    compute: () => digest(hash, ascii('abc')).subarray(0, 20),
    expected,
  })),
  { name: 'AES-ECB', compute: () => encryptAesEcb(AES_KEY, BLOCK), expected: 'f3eed1bdb5d2a03c064b5a7e3db181f8' },
  { name: 'AES-CBC', compute: () => encryptAesCbc(AES_KEY, IV, BLOCK), expected: 'f58c4c04d6e5f1ba779eabfb5f7bfbd6' },
  {
    name: 'AES-CTR',
    compute: () => aesCtr(AES_KEY, { counterBits: 32, block: hex('f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff') }, BLOCK),
    expected: '601ec313775789a5b7a7f504bbf3d228',
  },
  {
    // The Galois/Counter Mode of Operation (McGrew, Viega), test case 5, and its key.
    name: 'AES-GCM',
    compute: () =>
      encryptGcm(
        hex('feffe9928665731c6d6a8f9467308308'),
        { iv: hex('cafebabefacedbad'), aad: hex('feedfacedeadbeeffeedfacedeadbeefabaddad2'), tagBits: 128 },
        hex(
          'd9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39',
        ),
      ).subarray(60),
    expected: '3612d2e79e3b0785561be14aaca2fccb',
  },
  {
    // SP 800-38C example 1.
    name: 'AES-CCM',
    compute: () =>
      encryptCcm(
        hex('404142434445464748494a4b4c4d4e4f'),
        { nonce: hex('10111213141516'), aad: hex('0001020304050607'), macLength: 4, dataLength: 4 },
        hex('20212223'),
      ),
    expected: '7162015b4dac255d',
  },
  {
    name: 'AES key wrap',
    compute: () => wrapWithAes(KEK, 'kw', hex('00112233445566778899aabbccddeeff')),
    expected: '64e8c3f9ce0f5ba263e9777905818a2a93c8191e7d6e8ae7',
  },
  {
    name: 'AES key wrap with padding',
    compute: () => unwrapWithAes(KWP_KEK, 'kwp', hex('afbeb0f07dfbf5419200f2ccb50bb24f')),
    expected: '466f7250617369',
  },
  {
    // RFC 4493 section 4.
    name: 'AES-CMAC',
    compute: async () => cmac(hex('2b7e151628aed2a6abf7158809cf4f3c'), BLOCK),
    expected: '070a16b46b4d4144f79bdd9dd04a287c',
  },
  {
    // RFC 4231 section 4.2.
    name: 'HMAC-SHA-256',
    compute: async () => hmac('sha256', new Uint8Array(20).fill(0x0b), ascii('Hi There')),
    expected: 'b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7',
  },
  {
    // NIST, HMAC_SHA3-256 example with a key of less than a block.
    name: 'HMAC-SHA3-256',
    compute: async () => hmac('sha3-256', KEK, ascii('Sample message for keylen<blocklen')),
    expected: '4fe8e202c4f058e8dddc23d8c34e467343e23555e24fc2f025d598f558f67205',
  },
  {
    // RFC 5869 appendix A.1.
    name: 'HKDF',
    compute: async () => {
      const key = await hkdfExtract('sha256', hex('000102030405060708090a0b0c'), new Uint8Array(22).fill(0x0b));
      return hkdfExpand('sha256', key, hex('f0f1f2f3f4f5f6f7f8f9'), 42);
    },
    expected: '3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865',
  },
  {
    // RFC 6070 section 2.
    name: 'PBKDF2',
    compute: async () => pbkdf2('sha1', ascii('password'), ascii('salt'), 2, 20),
    expected: 'ea6c014dc72d6f8ccd1ed92ace1d41f0d8de8957',
  },
  {
    // NIST CAVP, SP 800-108 counter mode with CMAC.
    name: 'SP 800-108 KDF',
    compute: async () =>
      kbkdf(
        'counter',
        { kind: 'cmac' },
        hex('dff1e50ac0b69dc40f1051d46c2b069c'),
        {
          fields: [
            { kind: 'iteration', bits: 8 },
            {
              kind: 'bytes',
              value: hex(
                'c16e6e02c5a3dcc8d78b9ac1306877761310455b4e41469951d9e6c2245a064b33fd8c3b01203a7824485bf0a64060c4648b707d2607935699316ea5',
              ),
            },
          ],
        },
        16,
      ),
    expected: '8be8f0869b3c0ba97b71863d1b9f7813',
  },
  {
    // NIST CAVP, ANSI X9.63 with SHA-256.
    name: 'X9.63 KDF',
    compute: () => x963Kdf('sha256', hex('96c05619d56c328ab95fe84b18264b08725b85e33fd34f08'), new Uint8Array(0), 16),
    expected: '443024c3dae66b95e6f5670601558f71',
  },
];
