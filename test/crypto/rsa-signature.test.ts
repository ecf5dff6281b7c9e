import assert from 'node:assert/strict';
import { constants, createHash, publicDecrypt, sign, verify } from 'node:crypto';
import { test } from 'node:test';

import { digest, digestInfo, HASHES, type HashName } from '#src/crypto/hashes.ts';
import { KNOWN_PSS_SIGNATURE, KNOWN_RSA_KEY } from '#src/crypto/known-rsa.ts';
import {
  signRsaDigest,
  signRsaPss,
  signRsaRaw,
  verifyRsaDigest,
  verifyRsaPss,
  verifyRsaRaw,
} from '#src/crypto/rsa-signature.ts';
import { SigningKey } from '#src/crypto/signing-key.ts';

import { hex, refuses, rejectsAs, sameBytes } from './expect.ts';
import { FIXED, judge, judgePrivate, privateKey, publicKey, small, spki } from './rsa-keys.ts';

const MESSAGE = Buffer.from('message');

test('DigestInfo has the bytes of RFC 8017 section 9.2', () => {
  const prefixes: [HashName, string][] = [
    ['md5', '3020300c06082a864886f70d020505000410'],
    ['sha1', '3021300906052b0e03021a05000414'],
    ['sha224', '302d300d06096086480165030402040500041c'],
    ['sha256', '3031300d060960864801650304020105000420'],
    ['sha384', '3041300d060960864801650304020205000430'],
    ['sha512', '3051300d060960864801650304020305000440'],
    ['sha512-224', '302d300d06096086480165030402050500041c'],
    ['sha512-256', '3031300d060960864801650304020605000420'],
  ];
  for (const [hash, prefix] of prefixes) {
    const value = digest(hash, MESSAGE);
    sameBytes(digestInfo(hash, value), Buffer.concat([hex(prefix), value]));
  }
  for (const hash of FIXED) {
    for (const change of [-1, 1])
      refuses('data-length', () => digestInfo(hash, Buffer.alloc(HASHES[hash].size + change)));
  }
  refuses('parameter', () => digestInfo('shake128', Buffer.alloc(32)));
});

test('PKCS#1 v1.5 with every hash gives the signature of node:crypto', async () => {
  for (const hash of FIXED) {
    const value = createHash(hash).update(MESSAGE).digest();
    const signature = await signRsaDigest(privateKey, hash, value);
    sameBytes(signature, sign(hash, MESSAGE, judgePrivate));
    for (const key of [privateKey, publicKey]) assert.equal(await verifyRsaDigest(key, hash, value, signature), true);
    const changed = Buffer.from(signature);
    changed[100] = (changed[100] as number) ^ 1;
    assert.equal(await verifyRsaDigest(publicKey, hash, value, changed), false);
    assert.equal(
      await verifyRsaDigest(
        publicKey,
        hash,
        value.map((byte) => byte ^ 1),
        signature,
      ),
      false,
    );
    assert.equal(await verifyRsaDigest(publicKey, hash, value, signature.subarray(1)), false);
  }
  const value = digest('sha256', MESSAGE);
  const signature = await signRsaDigest(privateKey, 'sha256', value);
  // The same length of hash, another identifier.
  assert.equal(await verifyRsaDigest(publicKey, 'sha3-256', value, signature), false);
  await rejectsAs('data-length', async () => signRsaDigest(privateKey, 'sha256', Buffer.alloc(20)));
  await rejectsAs('key-type', async () => signRsaDigest(publicKey, 'sha256', value));
});

/** Wycheproof rsa_pss_2048_sha256_mgf1_32: message, signature. */
const PSS: readonly [string, Buffer][] = [
  ['', KNOWN_PSS_SIGNATURE],
  [
    '54657374',
    hex(
      '401eb03cdb47ca88033e3030f6bdecbac8f5c8fc1dd6a13d23d379ed9a2b309891d13d74fea9d21d159b9e6d8f37efa2489962e24555f56dd434ff1d31ce4f9f' +
        '5abd3f22cbea8b691d6a11e44efb83e2bca155e6a164325e0fde2a8865afd5c9f51161a9d615f62af7ec2e31b3e5ab649c164490d31d88cfae35b84aea792569' +
        '0f929a144b6d2f48e8fb894a52deecd1b9a6496990c4ecf1588699a42cacd10c53af350514e4291ea9a058e77f101e32c1c0cefa61d945f7bc931f8bd19e7ba3' +
        '169358a60e5a8b0123bc3199b9fdcafe8e519c41ba675491a27b85e44ef2d77277c10fe107293c8290186913bc9a99b640d8da041b64f31eab1d35920985f4a5',
    ),
  ],
];

test('PSS signatures of Wycheproof are accepted with their parameters alone', async () => {
  const parameters = { hash: 'sha256', mgf: 'sha256', saltLength: 32 } as const;
  for (const [message, signature] of PSS) {
    const value = digest('sha256', hex(message));
    assert.equal(await verifyRsaPss(publicKey, parameters, value, signature), true);
    assert.equal(await verifyRsaPss(publicKey, { ...parameters, mgf: 'sha1' }, value, signature), false);
    for (const saltLength of [0, 31, 33]) {
      assert.equal(await verifyRsaPss(publicKey, { ...parameters, saltLength }, value, signature), false);
    }
    assert.equal(await verifyRsaPss(publicKey, { ...parameters, hash: 'sha3-256' }, value, signature), false);
  }
  // A PKCS#1 v1.5 signature over the same hash is none.
  const value = digest('sha256', MESSAGE);
  const other = await signRsaDigest(privateKey, 'sha256', value);
  assert.equal(await verifyRsaPss(publicKey, parameters, value, other), false);
});

test('PSS takes every hash, MGF hash and salt length, and node:crypto accepts it', async () => {
  for (const hash of FIXED) {
    const value = digest(hash, MESSAGE);
    const room = 256 - HASHES[hash].size - 2;
    for (const saltLength of [0, 1, HASHES[hash].size, room]) {
      const signature = await signRsaPss(privateKey, { hash, mgf: hash, saltLength }, value);
      const key = { key: judge, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength };
      assert.ok(verify(hash, MESSAGE, key, signature), `${hash}, ${saltLength}`);
      assert.equal(await verifyRsaPss(publicKey, { hash, mgf: hash, saltLength }, value, signature), true);
    }
    for (const mgf of ['sha1', 'sha512', 'sha3-224'] as const) {
      const signature = await signRsaPss(privateKey, { hash, mgf, saltLength: 20 }, value);
      assert.equal(await verifyRsaPss(publicKey, { hash, mgf, saltLength: 20 }, value, signature), true);
      const wrong = mgf === 'sha1' ? 'sha256' : 'sha1';
      assert.equal(await verifyRsaPss(publicKey, { hash, mgf: wrong, saltLength: 20 }, value, signature), false);
    }
    await rejectsAs('parameter', async () => signRsaPss(privateKey, { hash, mgf: hash, saltLength: room + 1 }, value));
  }
  for (const saltLength of [-1, 1.5, Number.NaN]) {
    const parameters = { hash: 'sha256', mgf: 'sha256', saltLength } as const;
    await rejectsAs('parameter', async () => signRsaPss(privateKey, parameters, Buffer.alloc(32)));
  }
  // SHA-512 with its usual salt does not fit 1024 bits.
  const large = { hash: 'sha512', mgf: 'sha512', saltLength: 64 } as const;
  await rejectsAs('parameter', async () => signRsaPss(small, large, Buffer.alloc(64)));
  await rejectsAs('data-length', async () => signRsaPss(privateKey, { ...large, saltLength: 0 }, Buffer.alloc(32)));
  await rejectsAs('key-type', async () => signRsaPss(publicKey, large, Buffer.alloc(64)));
});

test('the bare operation signs what is below the modulus, filled up with zeros', async () => {
  const modulus = Buffer.from(spki).subarray(-261, -5);
  const below = Buffer.from(modulus);
  below[255] = (below[255] as number) - 1;
  for (const input of [Buffer.of(2), MESSAGE, Buffer.alloc(255, 0xff), below]) {
    const signature = await signRsaRaw(privateKey, input);
    const padded = Buffer.concat([Buffer.alloc(256 - input.length), input]);
    sameBytes(publicDecrypt({ key: judge, padding: constants.RSA_NO_PADDING }, signature), padded);
    assert.equal(await verifyRsaRaw(publicKey, input, signature), true);
    assert.equal(await verifyRsaRaw(publicKey, padded, signature), true);
    assert.equal(await verifyRsaRaw(publicKey, Buffer.of(3), signature), false);
    assert.equal(await verifyRsaRaw(publicKey, input, signature.subarray(1)), false);
  }
  await rejectsAs('data', async () => signRsaRaw(privateKey, modulus));
  await rejectsAs('data', async () => signRsaRaw(privateKey, Buffer.alloc(256, 0xff)));
  await rejectsAs('data-length', async () => signRsaRaw(privateKey, Buffer.alloc(257)));
  await rejectsAs('data-length', async () => signRsaRaw(privateKey, Buffer.alloc(0)));
  await rejectsAs('key-type', async () => signRsaRaw(publicKey, MESSAGE));
});

test('a damaged CRT value never gives a signature away', async () => {
  const damaged = Buffer.from(KNOWN_RSA_KEY);
  // Inside qInv, the last number.
  damaged[damaged.length - 10] = (damaged.at(-10) as number) ^ 1;
  const key = SigningKey.fromPkcs8(damaged);
  const pss = { hash: 'sha256', mgf: 'sha256', saltLength: 32 } as const;
  const value = digest('sha256', MESSAGE);
  const ways: [() => Promise<Uint8Array>, (signature: Uint8Array) => Promise<boolean>][] = [
    [async () => signRsaDigest(key, 'sha256', value), async (it) => verifyRsaDigest(publicKey, 'sha256', value, it)],
    [async () => signRsaPss(key, pss, value), async (it) => verifyRsaPss(publicKey, pss, value, it)],
    [async () => signRsaRaw(key, MESSAGE), async (it) => verifyRsaRaw(publicKey, MESSAGE, it)],
  ];
  for (const [make, isRight] of ways) {
    // OpenSSL may notice by itself and compute without the remainders; anything but a right signature must not come out.
    const signature = await make().catch(() => undefined);
    assert.ok(signature === undefined || (await isRight(signature)));
  }
});
