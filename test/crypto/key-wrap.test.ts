import assert from 'node:assert/strict';
import { constants, createCipheriv, privateDecrypt, randomBytes } from 'node:crypto';
import { test } from 'node:test';

import { DerReader } from '#src/crypto/der.ts';
import { unwrapKey, wrapKey } from '#src/crypto/key-wrap.ts';

import { hex, rejectsStatus, sameBytes, throwsStatus } from './expect.ts';
import * as vendor from './vendor-vectors.ts';

/** RFC 5649 section 4.1 written down step by step, to judge the product by. */
function referenceWrap(kek: Uint8Array, plain: Uint8Array): Buffer {
  const ecb = (block: Uint8Array): Buffer => {
    const cipher = createCipheriv(`aes-${kek.length * 8}-ecb`, kek, null).setAutoPadding(false);
    return Buffer.concat([cipher.update(block), cipher.final()]);
  };
  const count = Math.ceil(plain.length / 8);
  let a = Buffer.from('a65959a600000000', 'hex');
  a.writeUInt32BE(plain.length, 4);
  const padded = Buffer.alloc(8 * count);
  padded.set(plain);
  if (count === 1) return ecb(Buffer.concat([a, padded]));
  for (let step = 1; step <= 6 * count; step++) {
    const at = 8 * ((step - 1) % count);
    const block = ecb(Buffer.concat([a, padded.subarray(at, at + 8)]));
    a = Buffer.from(block.subarray(0, 8));
    a.writeUInt32BE((a.readUInt32BE(4) ^ step) >>> 0, 4);
    padded.set(block.subarray(8), at);
  }
  return Buffer.concat([a, padded]);
}

test('the reference of this test gives the examples of RFC 5649 section 6', () => {
  const kek = hex('5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8');
  assert.deepEqual(
    referenceWrap(kek, hex('c37b7e6492584340bed12207808941155068f738')),
    hex('138bdeaa9b8fa7fc61f97742e72248ee5ae6ae5360d1ae6a5f54f373fa543b6a'),
  );
  assert.deepEqual(referenceWrap(kek, hex('466f7250617369')), hex('afbeb0f07dfbf5419200f2ccb50bb24f'));
});

test('wraps as RFC 5649 says, and unwraps again, at all lengths', () => {
  const kek = randomBytes(32);
  for (const length of [1, 7, 8, 9, 15, 16, 17, 20, 31, 32, 33, 138, 1217, 4000]) {
    const plain = randomBytes(length);
    const wrapped = wrapKey(kek, plain);
    assert.equal(wrapped.length, 8 * Math.ceil(length / 8) + 8);
    sameBytes(wrapped, referenceWrap(kek, plain));
    sameBytes(unwrapKey(kek, wrapped), plain);
  }
});

test('an export of a vendor device is unwrapped', () => {
  const content = (der: Uint8Array): Uint8Array => {
    const reader = new DerReader(der).sequence();
    reader.sequence();
    return reader.octetString();
  };
  const key = { key: vendor.KEKEK, format: 'der', type: 'pkcs8', padding: constants.RSA_PKCS1_PADDING } as const;
  const kek = privateDecrypt(key, content(vendor.EXPORTED_KEK));
  assert.deepEqual(kek, vendor.KEK);
  sameBytes(unwrapKey(kek, content(vendor.EXPORTED_PKCS8)), vendor.EXPORTED_KEY);
  sameBytes(wrapKey(kek, vendor.EXPORTED_KEY), content(vendor.EXPORTED_PKCS8));
});

test('changed bytes, another key and impossible lengths are refused', async () => {
  const kek = randomBytes(32);
  const wrapped = wrapKey(kek, randomBytes(50));
  for (let index = 0; index < wrapped.length; index++) {
    const changed = Buffer.from(wrapped);
    changed[index] = (changed[index] as number) ^ 1;
    throwsStatus('KEYWRAP_BAD_MAGIC', () => unwrapKey(kek, changed));
  }
  throwsStatus('KEYWRAP_BAD_MAGIC', () => unwrapKey(randomBytes(32), wrapped));
  throwsStatus('KEYWRAP_BAD_MAGIC', () => unwrapKey(kek, wrapped.subarray(0, -8)));
  for (const length of [0, 1, 8, 15, 17, 63]) {
    throwsStatus('KEYWRAP_BAD_LENGTH', () => unwrapKey(kek, wrapped.subarray(0, length)));
  }
  for (const length of [0, 16, 24, 31, 33]) {
    throwsStatus('MASTERKEY_BAD_LENGTH', () => wrapKey(Buffer.alloc(length), Buffer.of(1)));
    await rejectsStatus('MASTERKEY_BAD_LENGTH', async () => unwrapKey(Buffer.alloc(length), wrapped));
  }
});
