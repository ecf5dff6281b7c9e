import assert from 'node:assert/strict';
import { createCipheriv, randomBytes } from 'node:crypto';
import { test } from 'node:test';

import { decryptCcm, decryptGcm, encryptCcm, encryptGcm, type GcmParameters } from '#src/crypto/aes-aead.ts';

import { hex, refuses, sameBytes } from './expect.ts';

/** The Galois/Counter Mode of Operation (McGrew, Viega), appendix B, of which SP 800-38D is the standard: key, IV, AAD, text, result. */
const GCM: readonly [number, string, string, string, string, string][] = [
  [1, '00000000000000000000000000000000', '000000000000000000000000', '', '', '58e2fccefa7e3061367f1d57a4e7455a'],
  [
    2,
    '00000000000000000000000000000000',
    '000000000000000000000000',
    '',
    '00000000000000000000000000000000',
    '0388dace60b6a392f328c2b971b2fe78ab6e47d42cec13bdf53a67b21257bddf',
  ],
  [
    4,
    'feffe9928665731c6d6a8f9467308308',
    'cafebabefacedbaddecaf888',
    'feedfacedeadbeeffeedfacedeadbeefabaddad2',
    'd9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39',
    '42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091' +
      '5bc94fbc3221a5db94fae95ae7121a47',
  ],
  [
    5,
    'feffe9928665731c6d6a8f9467308308',
    'cafebabefacedbad',
    'feedfacedeadbeeffeedfacedeadbeefabaddad2',
    'd9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39',
    '61353b4c2806934a777ff51fa22a4755699b2a714fcdc6f83766e5f97b6c742373806900e49f24b22b097544d4896b424989b5e1ebac0f07c23f4598' +
      '3612d2e79e3b0785561be14aaca2fccb',
  ],
  [
    6,
    'feffe9928665731c6d6a8f9467308308',
    '9313225df88406e555909c5aff5269aa6a7a9538534f7da1e4c303d2a318a728c3c0c95156809539fcf0e2429a6b525416aedbf5a0de6a57a637b39b',
    'feedfacedeadbeeffeedfacedeadbeefabaddad2',
    'd9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39',
    '8ce24998625615b603a033aca13fb894be9112a5c3a211a8ba262a3cca7e2ca701e4a9a4fba43c90ccdcb281d48c7c6fd62875d2aca417034c34aee5' +
      '619cc5aefffe0bfa462af43c1699d050',
  ],
  [
    13,
    '0000000000000000000000000000000000000000000000000000000000000000',
    '000000000000000000000000',
    '',
    '',
    '530f8afbc74536b9a963b4f1c4cb738b',
  ],
];

test('GCM gives the examples of its authors', () => {
  for (const [, key, iv, aad, text, result] of GCM) {
    const parameters = { iv: hex(iv), aad: hex(aad), tagBits: 128 };
    sameBytes(encryptGcm(hex(key), parameters, hex(text)), hex(result));
    sameBytes(decryptGcm(hex(key), parameters, hex(result)), hex(text));
  }
});

/** GHASH of SP 800-38D section 6.4 written down bit by bit, to judge initialization vectors longer than OpenSSL takes. */
function referenceGcm(key: Buffer, { iv, aad }: GcmParameters, text: Buffer): Buffer {
  const ecb = (block: Uint8Array): Buffer => {
    const cipher = createCipheriv(`aes-${8 * key.length}-ecb`, key, null).setAutoPadding(false);
    return Buffer.concat([cipher.update(block), cipher.final()]);
  };
  const number = (bytes: Uint8Array): bigint => BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
  const block = (value: bigint): Buffer => hex(value.toString(16).padStart(32, '0'));
  const h = number(ecb(Buffer.alloc(16)));
  const times = (x: bigint): bigint => {
    let [z, v] = [0n, h];
    for (let bit = 127n; bit >= 0n; bit--) {
      if ((x >> bit) & 1n) z ^= v;
      v = v & 1n ? (v >> 1n) ^ (0xe1n << 120n) : v >> 1n;
    }
    return z;
  };
  const pad = (bytes: Uint8Array): Buffer => Buffer.concat([bytes, Buffer.alloc(-bytes.length & 15)]);
  const lengths = (left: number, right: number): Buffer => block((BigInt(left * 8) << 64n) | BigInt(right * 8));
  const ghash = (bytes: Buffer): bigint => {
    let y = 0n;
    for (let at = 0; at < bytes.length; at += 16) y = times(y ^ number(bytes.subarray(at, at + 16)));
    return y;
  };
  const j0 =
    iv.length === 12
      ? number(Buffer.concat([iv, Buffer.of(0, 0, 0, 1)]))
      : ghash(Buffer.concat([pad(iv), lengths(0, iv.length)]));
  const next = (index: number): bigint => ((j0 >> 32n) << 32n) | ((j0 + BigInt(index)) & 0xffff_ffffn);
  const sealed = Buffer.from(text);
  for (let at = 0; at < text.length; at++) {
    sealed[at] = (text[at] as number) ^ (ecb(block(next(1 + (at >> 4))))[at & 15] as number);
  }
  const tag =
    ghash(Buffer.concat([pad(aad), pad(sealed), lengths(aad.length, sealed.length)])) ^ number(ecb(block(j0)));
  return Buffer.concat([sealed, block(tag)]);
}

test('GCM takes initialization vectors of 1 to 256 bytes and all key sizes', () => {
  for (const length of [1, 7, 8, 12, 13, 16, 127, 128, 129, 130, 200, 255, 256]) {
    for (const size of [16, 24, 32]) {
      const key = randomBytes(size);
      const parameters = { iv: randomBytes(length), aad: randomBytes(length % 40), tagBits: 128 };
      const text = randomBytes((7 * length) % 90);
      const sealed = encryptGcm(key, parameters, text);
      sameBytes(sealed, referenceGcm(key, parameters, text));
      sameBytes(decryptGcm(key, parameters, sealed), text);
    }
  }
});

test('GCM cuts the tag to each permitted length and checks all of it', () => {
  const key = randomBytes(32);
  for (const length of [12, 200]) {
    const iv = randomBytes(length);
    const whole = encryptGcm(key, { iv, aad: Buffer.of(1), tagBits: 128 }, Buffer.from('text'));
    for (const tagBits of [32, 64, 96, 104, 112, 120, 128]) {
      const parameters = { iv, aad: Buffer.of(1), tagBits };
      const sealed = encryptGcm(key, parameters, Buffer.from('text'));
      sameBytes(sealed, whole.subarray(0, 4 + tagBits / 8));
      for (let at = 0; at < sealed.length; at++) {
        const changed = Buffer.from(sealed);
        changed[at] = (changed[at] as number) ^ 0x80;
        refuses('encrypted-data', () => decryptGcm(key, parameters, changed));
      }
      refuses('encrypted-data', () => decryptGcm(key, { ...parameters, aad: Buffer.of(2) }, sealed));
      refuses('encrypted-data', () => decryptGcm(key, { ...parameters, iv: iv.subarray(1) }, sealed));
      refuses('encrypted-data-length', () => decryptGcm(key, parameters, sealed.subarray(0, tagBits / 8 - 1)));
    }
  }
});

test('GCM refuses lengths that are not permitted', () => {
  const key = Buffer.alloc(16);
  const good = { iv: Buffer.alloc(12), aad: Buffer.alloc(0), tagBits: 128 };
  for (const tagBits of [0, 8, 16, 24, 31, 40, 48, 56, 72, 80, 88, 100, 127, 129, 136, Number.NaN]) {
    refuses('parameter', () => encryptGcm(key, { ...good, tagBits }, Buffer.alloc(1)));
    refuses('parameter', () => decryptGcm(key, { ...good, tagBits }, Buffer.alloc(32)));
  }
  for (const length of [0, 257]) {
    refuses('parameter', () => encryptGcm(key, { ...good, iv: Buffer.alloc(length) }, Buffer.alloc(1)));
  }
  refuses('key-size', () => encryptGcm(Buffer.alloc(17), good, Buffer.alloc(1)));
});

/** SP 800-38C appendix C, examples 1 to 3; RFC 3610 section 8, packet vector 1: key, nonce, AAD, text, MAC length, result. */
const CCM: readonly [string, string, string, string, number, string][] = [
  ['404142434445464748494a4b4c4d4e4f', '10111213141516', '0001020304050607', '20212223', 4, '7162015b4dac255d'],
  [
    '404142434445464748494a4b4c4d4e4f',
    '1011121314151617',
    '000102030405060708090a0b0c0d0e0f',
    '202122232425262728292a2b2c2d2e2f',
    6,
    'd2a1f0e051ea5f62081a7792073d593d1fc64fbfaccd',
  ],
  [
    '404142434445464748494a4b4c4d4e4f',
    '101112131415161718191a1b',
    '000102030405060708090a0b0c0d0e0f10111213',
    '202122232425262728292a2b2c2d2e2f3031323334353637',
    8,
    'e3b201a9f5b71a7a9b1ceaeccd97e70b6176aad9a4428aa5484392fbc1b09951',
  ],
  [
    'c0c1c2c3c4c5c6c7c8c9cacbcccdcecf',
    '00000003020100a0a1a2a3a4a5',
    '0001020304050607',
    '08090a0b0c0d0e0f101112131415161718191a1b1c1d1e',
    8,
    '588c979a61c663d2f066d0c2c0f989806d5f6b61dac38417e8d12cfdf926e0',
  ],
];

test('CCM gives the examples of SP 800-38C and RFC 3610', () => {
  for (const [key, nonce, aad, text, macLength, result] of CCM) {
    const parameters = { nonce: hex(nonce), aad: hex(aad), macLength, dataLength: text.length / 2 };
    sameBytes(encryptCcm(hex(key), parameters, hex(text)), hex(result));
    sameBytes(decryptCcm(hex(key), parameters, hex(result)), hex(text));
  }
});

test('CCM refuses every change and every length that is not permitted', () => {
  const key = randomBytes(24);
  const parameters = { nonce: randomBytes(11), aad: randomBytes(5), macLength: 10, dataLength: 7 };
  const sealed = encryptCcm(key, parameters, Buffer.from('message'));
  for (let at = 0; at < sealed.length; at++) {
    const changed = Buffer.from(sealed);
    changed[at] = (changed[at] as number) ^ 1;
    refuses('encrypted-data', () => decryptCcm(key, parameters, changed));
  }
  refuses('encrypted-data', () => decryptCcm(key, { ...parameters, aad: Buffer.alloc(5) }, sealed));
  refuses('encrypted-data-length', () => decryptCcm(key, parameters, sealed.subarray(1)));
  refuses('data-length', () => encryptCcm(key, parameters, Buffer.from('messages')));
  refuses('key-size', () => encryptCcm(randomBytes(20), parameters, Buffer.from('message')));
  for (const length of [0, 6, 14]) {
    refuses('parameter', () => encryptCcm(key, { ...parameters, nonce: randomBytes(length) }, Buffer.from('message')));
  }
  for (const macLength of [0, 2, 3, 5, 15, 17, 18, Number.NaN]) {
    refuses('parameter', () => encryptCcm(key, { ...parameters, macLength }, Buffer.from('message')));
  }
  const long = { ...parameters, nonce: randomBytes(13), dataLength: 65_536 };
  refuses('data-length', () => encryptCcm(key, long, Buffer.alloc(65_536)));
  // Nothing but a MAC, and no associated data.
  const empty = { nonce: randomBytes(7), aad: Buffer.alloc(0), macLength: 16, dataLength: 0 };
  assert.equal(decryptCcm(key, empty, encryptCcm(key, empty, Buffer.alloc(0))).length, 0);
});
