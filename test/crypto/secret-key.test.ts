import assert from 'node:assert/strict';
import { test } from 'node:test';

import { isPair } from '#src/crypto/pairwise-check.ts';
import { generateKey } from '#src/crypto/generate-key.ts';
import { keyCheckValue, randomSecret } from '#src/crypto/secret-key.ts';
import { SigningKey } from '#src/crypto/signing-key.ts';
import { Curve, KeyType } from '#src/wire/enumerations.ts';

import { hex, refuses, rejectsStatus, sameBytes } from './expect.ts';

test('random secrets have the length asked for and are never the same', () => {
  for (const length of [1, 16, 32, 65_536]) assert.equal(randomSecret(length).length, length);
  assert.equal(new Set(Array.from({ length: 100 }, () => Buffer.from(randomSecret(16)).toString('hex'))).size, 100);
  for (const length of [0, -1, 1.5, 65_537, Number.NaN]) refuses('parameter', () => randomSecret(length));
});

test('check values are the start of an encrypted zero block, or of SHA-1', () => {
  // FIPS 197 with a key of zeros; SHA-1 of "abc".
  sameBytes(keyCheckValue('aes', Buffer.alloc(16)), hex('66e94b'));
  sameBytes(keyCheckValue('aes', Buffer.alloc(32)), hex('dc95c0'));
  sameBytes(keyCheckValue('generic', Buffer.from('abc')), hex('a9993e'));
  refuses('key-size', () => keyCheckValue('aes', Buffer.alloc(15)));
});

const KINDS: readonly [KeyType, Curve, number][] = [
  [KeyType.RSA_PRIVATE, Curve.NONE, 1024],
  [KeyType.EC_PRIVATE, Curve.SECP256K1, 0],
  [KeyType.ED_PRIVATE, Curve.ED448, 0],
  [KeyType.ML_DSA_PRIVATE, Curve.ML_DSA_44, 0],
  [KeyType.SLH_DSA_PRIVATE, Curve.SLH_DSA_SHA2_128F, 0],
  [KeyType.ML_KEM_PRIVATE, Curve.ML_KEM_512, 0],
];

test('the check of new pairs notices halves of different pairs', async () => {
  for (const [type, curve, bits] of KINDS) {
    const [one, other] = await Promise.all([generateKey(type, curve, bits), generateKey(type, curve, bits)]);
    const privateKey = SigningKey.fromPkcs8(one.pkcs8);
    assert.equal(await isPair(privateKey, SigningKey.fromSpki(one.spki)), true);
    assert.equal(await isPair(privateKey, SigningKey.fromSpki(other.spki)), false, `type ${type}`);
  }
});

test('RSA takes other public exponents, and odd ones from 3 on alone', async () => {
  for (const exponent of [3, 17, 2 ** 31 - 1]) {
    const { spki } = await generateKey(KeyType.RSA_PRIVATE, Curve.NONE, 1024, exponent);
    const key = SigningKey.fromSpki(spki);
    assert.equal(key.bits, 1024);
    const digits = exponent.toString(16);
    assert.ok(
      Buffer.from(spki)
        .toString('hex')
        .endsWith(digits.padStart(digits.length + (digits.length % 2), '0')),
    );
  }
  for (const exponent of [0, 1, 2, 4, -3, 3.5, 2 ** 31 + 1]) {
    await rejectsStatus('UNSUPPORTED_KEY', async () => generateKey(KeyType.RSA_PRIVATE, Curve.NONE, 1024, exponent));
  }
});
