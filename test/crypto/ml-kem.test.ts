import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { test } from 'node:test';

import { decapsulate, encapsulate, encapsulateWith } from '#src/crypto/ml-kem.ts';
import { postQuantumSecrets } from '#src/crypto/post-quantum-key.ts';
import { postQuantumPublicKey } from '#src/crypto/public-key.ts';
import { SigningKey } from '#src/crypto/signing-key.ts';
import { Curve } from '#src/wire/enumerations.ts';

import { hex, rejectsAs, sameBytes } from './expect.ts';
import { pairOf } from './post-quantum-keys.ts';

const SETS = [Curve.ML_KEM_512, Curve.ML_KEM_768, Curve.ML_KEM_1024];

test('a key is expanded from d and z as NIST ACVP has it (ML-KEM-keyGen-FIPS203, tcId 1)', () => {
  const d = '1eb4400a01629d517974e2cd85b9def59082de508e6f9c2b0e341e12965955ca';
  const z = '1a394111163803fe2e8519c335a6867556338eadafa22b5fc557430560ccd693';
  const { value } = pairOf(Curve.ML_KEM_512, { seed: hex(d + z) });
  const start =
    '5b318622f73e6fc6cba5571d0537894aa890426b835640489aa218972180bb2534bcc477c62cc839135934f3b14cd0808a11557d331103b30f9a8c0cb0fa8f0a';
  sameBytes(value.subarray(0, start.length / 2), hex(start));
});

/**
 * The accumulated tests of C2SP CCTV for FIPS 203, here 100 iterations: SHAKE128 of public key, private key, ciphertext, secret, and
 * the secret of a random ciphertext, with the inputs out of another SHAKE128. The values are of a run whose 10,000 iterations give
 * the published 705dcffc..., f959d18d... and e3bf82b0...
 */
const ACCUMULATED: readonly [Curve, string][] = [
  [Curve.ML_KEM_512, '449120c6e320ef3e9fbfa2316e5f2d2e1e6dd37d8ff5d086d5d2db7d42aff0a1'],
  [Curve.ML_KEM_768, '8d65b902f28edc683cebee2872962fd165a4d197c9e24ec74caa4470270df0b7'],
  [Curve.ML_KEM_1024, 'c3ffe9ebecfa479c142656cbfbc6417efa05b77e994fe538eef4daed166363df'],
];

test('a hundred keys, encapsulations and implicit rejections are those of CCTV', async () => {
  const count = 100;
  for (const [curve, expected] of ACCUMULATED) {
    const each = 96 + pairOf(curve, { seed: Buffer.alloc(64) }).parameters.ciphertextSize;
    const inputs = createHash('shake128', { outputLength: each * count }).digest();
    const accumulated = createHash('shake128', { outputLength: 32 });
    for (let index = 0; index < count; index++) {
      const input = inputs.subarray(each * index, each * (index + 1));
      const { privateKey, publicKey, pkcs8, value } = pairOf(curve, { seed: input.subarray(0, 64) });
      const { ciphertext, secret } = await encapsulateWith(publicKey, ['ikme', input.subarray(64, 96)]);
      sameBytes(await decapsulate(privateKey, ciphertext), secret);
      accumulated.update(value).update(postQuantumSecrets(pkcs8).value as Uint8Array);
      accumulated.update(ciphertext).update(secret);
      accumulated.update(await decapsulate(privateKey, input.subarray(96)));
      privateKey.destroy();
      publicKey.destroy();
    }
    assert.equal(accumulated.digest('hex'), expected);
  }
});

test('the value of Go for ML-KEM-768, which leaves out the private keys, comes out too', async () => {
  const each = 96 + 1088;
  const inputs = createHash('shake128', { outputLength: each * 100 }).digest();
  const accumulated = createHash('shake128', { outputLength: 32 });
  for (let index = 0; index < 100; index++) {
    const input = inputs.subarray(each * index, each * (index + 1));
    const { privateKey, publicKey, value } = pairOf(Curve.ML_KEM_768, { seed: input.subarray(0, 64) });
    const { ciphertext, secret } = await encapsulateWith(publicKey, ['ikme', input.subarray(64, 96)]);
    accumulated.update(value).update(ciphertext).update(secret);
    accumulated.update(await decapsulate(privateKey, input.subarray(96)));
    privateKey.destroy();
    publicKey.destroy();
  }
  assert.equal(accumulated.digest('hex'), '1114b1b6699ed191734fa339376afa7e285c9e6acf6ff0177d346696ce564415');
});

test('each encapsulation is another secret, and a changed ciphertext gives yet another', async () => {
  for (const curve of SETS) {
    const { privateKey, publicKey, parameters } = pairOf(curve, { seed: randomBytes(64) });
    const [first, second] = await Promise.all([encapsulate(publicKey), encapsulate(publicKey)]);
    assert.equal(first.ciphertext.length, parameters.ciphertextSize);
    assert.equal(first.secret.length, 32);
    assert.ok(!Buffer.from(first.secret).equals(second.secret));
    sameBytes(await decapsulate(privateKey, first.ciphertext), first.secret);
    // A private key encapsulates for itself.
    const own = await encapsulate(privateKey);
    sameBytes(await decapsulate(privateKey, own.ciphertext), own.secret);
    const changed = Buffer.from(first.ciphertext);
    changed[7] = (changed[7] as number) ^ 1;
    const rejected = await decapsulate(privateKey, changed);
    sameBytes(await decapsulate(privateKey, changed), rejected);
    assert.ok(!Buffer.from(rejected).equals(first.secret));
    for (const length of [0, parameters.ciphertextSize - 1, parameters.ciphertextSize + 1]) {
      await rejectsAs('encrypted-data-length', async () => decapsulate(privateKey, Buffer.alloc(length)));
    }
    await rejectsAs('key-type', async () => decapsulate(publicKey, first.ciphertext));
  }
});

test('public keys with coefficients that are not below the modulus are refused (FIPS 203 section 7.2)', () => {
  for (const curve of SETS) {
    const { value, parameters } = pairOf(curve, { seed: randomBytes(64) });
    const changed = Buffer.from(value);
    // The first coefficient of 12 bits becomes 4095; the modulus is 3329.
    changed[0] = 0xff;
    changed[1] = (changed[1] as number) | 0x0f;
    const { spki } = postQuantumPublicKey(parameters, changed);
    assert.throws(() => SigningKey.fromSpki(spki));
  }
});
