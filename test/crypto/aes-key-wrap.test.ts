import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';

import { unwrapWithAes, wrapWithAes } from '#src/crypto/aes-key-wrap.ts';
import { decryptAesEcb, encryptAesEcb } from '#src/crypto/aes.ts';

import { hex, refuses, sameBytes } from './expect.ts';

/** RFC 3394 section 4: wrapping key, key, result. */
const KW = [
  [
    '000102030405060708090a0b0c0d0e0f',
    '00112233445566778899aabbccddeeff',
    '1fa68b0a8112b447aef34bd8fb5a7b829d3e862371d2cfe5',
  ],
  [
    '000102030405060708090a0b0c0d0e0f1011121314151617',
    '00112233445566778899aabbccddeeff',
    '96778b25ae6ca435f92b5b97c050aed2468ab8a17ad84e5d',
  ],
  [
    '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f',
    '00112233445566778899aabbccddeeff',
    '64e8c3f9ce0f5ba263e9777905818a2a93c8191e7d6e8ae7',
  ],
  [
    '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f',
    '00112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f',
    '28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21',
  ],
] as const;

/** RFC 5649 section 6. */
const KWP = [
  [
    '5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8',
    'c37b7e6492584340bed12207808941155068f738',
    '138bdeaa9b8fa7fc61f97742e72248ee5ae6ae5360d1ae6a5f54f373fa543b6a',
  ],
  ['5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8', '466f7250617369', 'afbeb0f07dfbf5419200f2ccb50bb24f'],
] as const;

test('the examples of RFC 3394 and RFC 5649 come out', () => {
  for (const [kek, plain, wrapped] of KW) {
    sameBytes(wrapWithAes(hex(kek), 'kw', hex(plain)), hex(wrapped));
    sameBytes(unwrapWithAes(hex(kek), 'kw', hex(wrapped)), hex(plain));
  }
  for (const [kek, plain, wrapped] of KWP) {
    sameBytes(wrapWithAes(hex(kek), 'kwp', hex(plain)), hex(wrapped));
    sameBytes(unwrapWithAes(hex(kek), 'kwp', hex(wrapped)), hex(plain));
  }
});

test('every length comes back, with padding where the mode has it', () => {
  const kek = randomBytes(32);
  for (let length = 1; length <= 64; length++) {
    const plain = randomBytes(length);
    sameBytes(unwrapWithAes(kek, 'kwp', wrapWithAes(kek, 'kwp', plain)), plain);
    if (length < 8) {
      refuses('data-length', () => wrapWithAes(kek, 'pkcs7', plain));
    } else {
      const wrapped = wrapWithAes(kek, 'pkcs7', plain);
      sameBytes(unwrapWithAes(kek, 'pkcs7', wrapped), plain);
      const padding = 8 - (length % 8);
      sameBytes(unwrapWithAes(kek, 'kw', wrapped), Buffer.concat([plain, Buffer.alloc(padding, padding)]));
    }
    if (length % 8 === 0 && length >= 16) sameBytes(unwrapWithAes(kek, 'kw', wrapWithAes(kek, 'kw', plain)), plain);
    else refuses('data-length', () => wrapWithAes(kek, 'kw', plain));
  }
});

test('another initial value must be the same on both sides', () => {
  const kek = randomBytes(16);
  const plain = randomBytes(24);
  for (const [mode, size] of [
    ['kw', 8],
    ['pkcs7', 8],
    ['kwp', 4],
  ] as const) {
    const iv = randomBytes(size);
    const wrapped = wrapWithAes(kek, mode, plain, iv);
    sameBytes(unwrapWithAes(kek, mode, wrapped, iv), plain);
    refuses('wrapped-key', () => unwrapWithAes(kek, mode, wrapped));
    for (const length of [0, size - 1, size + 1, 16]) {
      refuses('parameter', () => wrapWithAes(kek, mode, plain, randomBytes(length)));
    }
  }
});

test('every changed bit and every wrong key is one and the same refusal', () => {
  const kek = randomBytes(32);
  const plain = randomBytes(16);
  for (const mode of ['kw', 'kwp', 'pkcs7'] as const) {
    const wrapped = wrapWithAes(kek, mode, plain);
    for (let at = 0; at < wrapped.length; at++) {
      const changed = Buffer.from(wrapped);
      changed[at] = (changed[at] as number) ^ (1 << (at % 8));
      refuses('wrapped-key', () => unwrapWithAes(kek, mode, changed));
    }
    refuses('wrapped-key', () => unwrapWithAes(randomBytes(32), mode, wrapped));
    for (const length of [0, 8, 15, 17, 23, 25]) {
      refuses('wrapped-key-length', () => unwrapWithAes(kek, mode, Buffer.alloc(length)));
    }
  }
  refuses('wrapped-key-length', () => unwrapWithAes(kek, 'kw', Buffer.alloc(16)));
  refuses('key-size', () => wrapWithAes(Buffer.alloc(8), 'kw', plain));
});

test('padding that a forger with the key chose is refused: lengths and bytes of RFC 5649 section 3, and PKCS#7', () => {
  const kek = randomBytes(16);
  const block = (length: number, text: string): Buffer =>
    Buffer.from(
      encryptAesEcb(kek, Buffer.concat([hex('a65959a6'), hex(length.toString(16).padStart(8, '0')), hex(text)])),
    );
  sameBytes(unwrapWithAes(kek, 'kwp', block(5, '0102030405000000')), hex('0102030405'));
  for (const [length, text] of [
    [0, '0000000000000000'],
    [9, '0102030405060708'],
    [5, '0102030405000001'],
    [0x8000_0005, '0102030405000000'],
  ] as const) {
    refuses('wrapped-key', () => unwrapWithAes(kek, 'kwp', block(length, text)));
  }
  assert.equal(decryptAesEcb(kek, block(0, '0000000000000000')).length, 16);
  for (const ending of ['00', '09', '0303', '080808080808ff08']) {
    const padded = Buffer.alloc(24, 0xaa);
    hex(ending).copy(padded, 24 - ending.length / 2);
    refuses('wrapped-key', () => unwrapWithAes(kek, 'pkcs7', wrapWithAes(kek, 'kw', padded)));
  }
});
