import assert from 'node:assert/strict';
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { test } from 'node:test';

import {
  aesCtr,
  decryptAesCbc,
  decryptAesCbcPad,
  decryptAesEcb,
  encryptAesCbc,
  encryptAesCbcPad,
  encryptAesEcb,
} from '#src/crypto/aes.ts';

import { hex, refuses, sameBytes } from './expect.ts';

/** SP 800-38A appendix F: the keys, the plaintext of all examples, and what becomes of it. */
const KEYS = [
  '2b7e151628aed2a6abf7158809cf4f3c',
  '8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b',
  '603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4',
].map(hex);
const PLAIN = hex(
  '6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51' +
    '30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710',
);
const IV = hex('000102030405060708090a0b0c0d0e0f');
const COUNTER = hex('f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff');
const ECB = [
  '3ad77bb40d7a3660a89ecaf32466ef97f5d3d58503b9699de785895a96fdbaaf43b1cd7f598ece23881b00e3ed0306887b0c785e27e8ad3f8223207104725dd4',
  'bd334f1d6e45f25ff712a214571fa5cc974104846d0ad3ad7734ecb3ecee4eefef7afd2270e2e60adce0ba2face6444e9a4b41ba738d6c72fb16691603c18e0e',
  'f3eed1bdb5d2a03c064b5a7e3db181f8591ccb10d410ed26dc5ba74a31362870b6ed21b99ca6f4f9f153e7b1beafed1d23304b7a39f9f3ff067d8d8f9e24ecc7',
];
const CBC = [
  '7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b273bed6b8e3c1743b7116e69e222295163ff1caa1681fac09120eca307586e1a7',
  '4f021db243bc633d7178183a9fa071e8b4d9ada9ad7dedf4e5e738763f69145a571b242012fb7ae07fa9baac3df102e008b0e27988598881d920a9e64f5615cd',
  'f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d39f23369a9d9bacfa530e26304231461b2eb05e2c39be9fcda6c19078c6a9d1b',
];
const CTR = [
  '874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff5ae4df3edbd5d35e5b4f09020db03eab1e031dda2fbe03d1792170a0f3009cee',
  '1abc932417521ca24f2b0459fe7e6e0b090339ec0aa6faefd5ccc2c6f4ce8e941e36b26bd1ebc670d1bd1d665620abf74f78a7f6d29809585a97daec58c6b050',
  '601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c52b0930daa23de94ce87017ba2d84988ddfc9c58db67aada613c2dd08457941a6',
];

test('ECB, CBC and CTR give the examples of SP 800-38A with all key sizes', () => {
  for (const [index, key] of KEYS.entries()) {
    sameBytes(encryptAesEcb(key, PLAIN), hex(ECB[index] as string));
    sameBytes(decryptAesEcb(key, hex(ECB[index] as string)), PLAIN);
    sameBytes(encryptAesCbc(key, IV, PLAIN), hex(CBC[index] as string));
    sameBytes(decryptAesCbc(key, IV, hex(CBC[index] as string)), PLAIN);
    for (const counterBits of [16, 32, 33, 64, 128]) {
      sameBytes(aesCtr(key, { counterBits, block: COUNTER }, PLAIN), hex(CTR[index] as string));
    }
  }
});

test('CBC with padding takes every length, and node:crypto reads it', () => {
  const [key] = KEYS as [Buffer];
  for (let length = 0; length <= 48; length++) {
    const data = randomBytes(length);
    const encrypted = encryptAesCbcPad(key, IV, data);
    assert.equal(encrypted.length, 16 * (Math.floor(length / 16) + 1));
    const judge = createDecipheriv('aes-128-cbc', key, IV);
    sameBytes(Buffer.concat([judge.update(encrypted), judge.final()]), data);
    sameBytes(decryptAesCbcPad(key, IV, encrypted), data);
  }
});

test('every wrong padding is refused, and with the same error', () => {
  const [key] = KEYS as [Buffer];
  const endings = [
    '00',
    '11',
    '0202'.replace('02', '01'),
    '030203',
    '04040304',
    'ff',
    `${'10'.repeat(14)}0f10`,
    `0f${'10'.repeat(15)}`,
  ];
  for (const ending of endings) {
    const block = Buffer.alloc(16, 0xaa);
    hex(ending).copy(block, 16 - ending.length / 2);
    const cipher = createCipheriv('aes-128-cbc', key, IV).setAutoPadding(false);
    refuses('encrypted-data', () => decryptAesCbcPad(key, IV, Buffer.concat([cipher.update(block), cipher.final()])));
  }
  refuses('encrypted-data-length', () => decryptAesCbcPad(key, IV, Buffer.alloc(0)));
  refuses('encrypted-data-length', () => decryptAesCbcPad(key, IV, Buffer.alloc(17)));
});

test('lengths that a mode cannot take are refused', () => {
  const [key] = KEYS as [Buffer];
  for (const length of [1, 15, 17, 31]) {
    refuses('data-length', () => encryptAesEcb(key, Buffer.alloc(length)));
    refuses('data-length', () => encryptAesCbc(key, IV, Buffer.alloc(length)));
    refuses('encrypted-data-length', () => decryptAesEcb(key, Buffer.alloc(length)));
    refuses('encrypted-data-length', () => decryptAesCbc(key, IV, Buffer.alloc(length)));
    refuses('parameter', () => encryptAesCbc(key, IV.subarray(0, length % 16), PLAIN));
    refuses('key-size', () => encryptAesEcb(Buffer.alloc(length), PLAIN));
  }
  assert.equal(encryptAesEcb(key, Buffer.alloc(0)).length, 0);
});

test('CTR works up to the last block of its counter and never starts it again', () => {
  const [key] = KEYS as [Buffer];
  const last = Buffer.alloc(16, 0xff);
  const nearly = Buffer.from(last);
  nearly[15] = 0xfe;
  for (const counterBits of [1, 3, 8, 32, 127, 128]) {
    assert.equal(aesCtr(key, { counterBits, block: last }, Buffer.alloc(16)).length, 16);
    assert.equal(aesCtr(key, { counterBits, block: nearly }, Buffer.alloc(32)).length, 32);
    refuses('data-length', () => aesCtr(key, { counterBits, block: last }, Buffer.alloc(17)));
    refuses('data-length', () => aesCtr(key, { counterBits, block: nearly }, Buffer.alloc(33)));
  }
  // With a longer counter the same start goes on.
  assert.equal(aesCtr(key, { counterBits: 9, block: hex(`${'00'.repeat(15)}ff`) }, Buffer.alloc(64)).length, 64);
  for (const counterBits of [0, 129, -1, 1.5]) {
    refuses('parameter', () => aesCtr(key, { counterBits, block: COUNTER }, PLAIN));
  }
  refuses('parameter', () => aesCtr(key, { counterBits: 32, block: COUNTER.subarray(1) }, PLAIN));
});
