import assert from 'node:assert/strict';
import { createHmac, randomBytes } from 'node:crypto';
import { test } from 'node:test';

import { deriveKey } from '#src/crypto/derive-key.ts';

import { hex, sameBytes } from './expect.ts';

/** RFC 5869 sections 2.2 and 2.3. */
function referenceHkdf(key: Uint8Array, salt: Uint8Array, info: Uint8Array, length: number): Buffer {
  const hmac = (secret: Uint8Array, ...parts: Uint8Array[]): Buffer =>
    createHmac('sha256', secret).update(Buffer.concat(parts)).digest();
  const extracted = hmac(salt, key);
  let block: Buffer = Buffer.alloc(0);
  let output: Buffer = Buffer.alloc(0);
  for (let index = 1; output.length < length; index++) {
    block = hmac(extracted, block, info, Buffer.of(index));
    output = Buffer.concat([output, block]);
  }
  return output.subarray(0, length);
}

test('the reference of this test gives test cases 1 and 3 of RFC 5869', () => {
  const key = Buffer.alloc(22, 0x0b);
  assert.deepEqual(
    referenceHkdf(key, hex('000102030405060708090a0b0c'), hex('f0f1f2f3f4f5f6f7f8f9'), 42),
    hex('3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865'),
  );
  assert.deepEqual(
    referenceHkdf(key, Buffer.alloc(32), Buffer.alloc(0), 42),
    hex('8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8'),
  );
});

test('keys are derived as RFC 5869 says', () => {
  const key = randomBytes(32);
  const context = randomBytes(40);
  for (const length of [4, 32, 64, 100]) {
    const expected = referenceHkdf(
      key,
      Buffer.alloc(32),
      Buffer.concat([Buffer.from('key row v1\0'), context]),
      length,
    );
    sameBytes(deriveKey(key, 'key row v1', context, length), expected);
  }
});

test('key, label, context and the border between them all matter', () => {
  const key = Buffer.alloc(32, 1);
  const derived = [
    deriveKey(key, 'a', hex('6263'), 32),
    deriveKey(key, 'ab', hex('63'), 32),
    deriveKey(key, 'a', hex('6264'), 32),
    deriveKey(key, 'a', hex(''), 32),
    deriveKey(Buffer.alloc(32, 2), 'a', hex('6263'), 32),
  ].map((bytes) => Buffer.from(bytes).toString('hex'));
  assert.equal(new Set(derived).size, derived.length);
});
