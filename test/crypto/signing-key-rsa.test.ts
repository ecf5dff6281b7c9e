import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync, type KeyObject, randomBytes, verify } from 'node:crypto';
import { test } from 'node:test';

import { readPrivateKey, validatePrivateKey, writeRsaKey } from '#src/crypto/private-key.ts';
import { SigningKey } from '#src/crypto/signing-key.ts';
import { KeyType } from '#src/wire/enumerations.ts';

import { rejectsStatus, sameBytes, throwsStatus } from './expect.ts';
import * as vendor from './vendor-vectors.ts';

const pkcs8Of = (key: KeyObject): Buffer => key.export({ format: 'der', type: 'pkcs8' });
const spkiOf = (key: KeyObject): Buffer => key.export({ format: 'der', type: 'spki' });

test('RSA gives the signature that a vendor device gives', async () => {
  const key = SigningKey.fromPkcs8(vendor.KEKEK);
  assert.equal(key.signatureLength, 128);
  assert.equal(key.type, KeyType.RSA_PRIVATE);
  const signature = await key.sign('rsa-pkcs1', vendor.DIGEST_INFO);
  sameBytes(signature, vendor.SIGNATURE);
  assert.equal(key.verify('rsa-pkcs1', vendor.DIGEST_INFO, signature), true);
});

test('RSA of every size signs what node:crypto verifies, many at a time', async () => {
  for (const bits of [1024, 2048, 3072, 4096]) {
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: bits });
    const key = SigningKey.fromPkcs8(pkcs8Of(privateKey));
    assert.equal(key.bits, bits);
    const prefix = vendor.DIGEST_INFO.subarray(0, -32);
    await Promise.all(
      Array.from({ length: 8 }, async () => {
        const message = randomBytes(100);
        const input = Buffer.concat([prefix, createHash('sha256').update(message).digest()]);
        const pending = key.sign('rsa-pkcs1', input);
        assert.ok(pending instanceof Promise);
        // The input belongs to the caller again as soon as the call returns.
        input.fill(0);
        assert.equal(verify('sha256', message, publicKey, await pending), true);
      }),
    );
  }
});

test('RSA input is limited to k - 11 bytes', async () => {
  const key = SigningKey.fromPkcs8(vendor.KEKEK);
  const publicKey = SigningKey.fromSpki(validatePrivateKey(vendor.KEKEK).spki);
  for (const length of [1, 2, 117]) {
    const input = Buffer.alloc(length, 0x7a);
    const signature = await key.sign('rsa-pkcs1', input);
    assert.equal(publicKey.verify('rsa-pkcs1', input, signature), true);
    assert.equal(publicKey.verify('rsa-pkcs1', Buffer.alloc(length, 0x7b), signature), false);
    assert.equal(publicKey.verify('rsa-pkcs1', Buffer.alloc(length + 1, 0x7a), signature), false);
  }
  throwsStatus('RESULT_TOO_LONG', () => key.sign('rsa-pkcs1', Buffer.alloc(118)));
  throwsStatus('RESULT_TOO_LONG', () => key.sign('rsa-pkcs1', Buffer.alloc(100_000)));
  assert.equal(key.verify('rsa-pkcs1', Buffer.alloc(118), vendor.SIGNATURE), false);
});

test('an RSA key with damaged numbers never releases a signature that is wrong', async () => {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const fields = readPrivateKey(pkcs8Of(privateKey));
  assert.ok(fields.kind === 'rsa');
  const { numbers } = fields;
  const judge = SigningKey.fromSpki(spkiOf(publicKey));
  const damage = (...indexes: number[]): Uint8Array => {
    const damaged = numbers.map((number) => Buffer.from(number));
    for (const index of indexes) damaged[index]?.writeUInt8((damaged[index].readUInt8(20) ^ 1) & 0xff, 20);
    return writeRsaKey(damaged);
  };
  const [D, P, Q, DP, DQ, Q_INVERSE] = [2, 3, 4, 5, 6, 7];
  // OpenSSL notices a wrong CRT result itself and falls back to the plain exponent, so a right signature may come out.
  for (const index of [P, Q, DP, DQ, Q_INVERSE]) {
    throwsStatus('ASN1_PARSE_FAILED', () => validatePrivateKey(damage(index)));
    const key = SigningKey.fromPkcs8(damage(index));
    try {
      assert.equal(
        judge.verify('rsa-pkcs1', vendor.DIGEST_INFO, await key.sign('rsa-pkcs1', vendor.DIGEST_INFO)),
        true,
      );
    } catch (error) {
      assert.ok(error instanceof Error && /no valid signature/.test(error.message), String(error));
    }
  }
  // With the plain exponent wrong too there is no right signature, and none must appear.
  for (const index of [P, DP, DQ, Q_INVERSE]) {
    const key = SigningKey.fromPkcs8(damage(index, D));
    await rejectsStatus('ASSERTION_FAILED', async () => key.sign('rsa-pkcs1', vendor.DIGEST_INFO));
  }
  // The failures leave nothing behind that spoils the next signature.
  const good = SigningKey.fromPkcs8(pkcs8Of(privateKey));
  const signature = await good.sign('rsa-pkcs1', vendor.DIGEST_INFO);
  assert.equal(judge.verify('rsa-pkcs1', vendor.DIGEST_INFO, signature), true);
});
