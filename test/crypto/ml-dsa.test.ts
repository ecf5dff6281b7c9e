import assert from 'node:assert/strict';
import { createHash, createPublicKey, randomBytes, verify } from 'node:crypto';
import { test } from 'node:test';

import { HASHES, digest, type HashName } from '#src/crypto/hashes.ts';
import { signMlDsa, verifyMlDsa } from '#src/crypto/ml-dsa.ts';
import { EvpOperation, native } from '#src/crypto/native.ts';
import { postQuantumSecrets } from '#src/crypto/post-quantum-key.ts';
import { POST_QUANTUM } from '#src/crypto/post-quantum.ts';
import { validatePrivateKey } from '#src/crypto/private-key.ts';
import { type SigningKey } from '#src/crypto/signing-key.ts';
import { Curve } from '#src/wire/enumerations.ts';

import { mlDsaVectors } from '../vectors/acvp.ts';
import { hex, rejectsAs, sameBytes } from './expect.ts';
import { type Pair, pairOf } from './post-quantum-keys.ts';

const NONE = Buffer.alloc(0);
const SETS = [Curve.ML_DSA_44, Curve.ML_DSA_65, Curve.ML_DSA_87];
const DETERMINISTIC = { hedge: 'deterministic', context: NONE } as const;
/** ML-DSA.Sign_internal without randomness (FIPS 204 algorithm 7). */
const signInternally = (privateKey: SigningKey, message: Uint8Array): Uint8Array =>
  native.evp(
    EvpOperation.SIGN_MESSAGE,
    privateKey.handle,
    ['message-encoding', 0, 'deterministic', 1],
    message,
    NONE,
  ) as Uint8Array;
const newPair = (curve: Curve): Pair => pairOf(curve, { seed: randomBytes(32) });

/** NIST ACVP ML-DSA-keyGen-FIPS204, tcId 1, 26 and 51: parameter set, seed, SHA-256 of public and private key. */
const KEYS: readonly [Curve, string, string, string][] = [
  [
    Curve.ML_DSA_44,
    '93ef2e6ef1fb08999d142abe0295482370d3f43bdb254a78e2b0d5168eca065f',
    '6995b20ecd5cde41719035028a712ccf35b1adf53b913030423d9d6fa188d673',
    '16a35d4b59f932aeada987dc689b075add0df57b4815bb103be7443ee3c1c561',
  ],
  [
    Curve.ML_DSA_65,
    '70cefb9aed5b68e018b079da8284b9d5cad5499ed9c265ff73588005d85c225c',
    '646b26b8d09dbc9e865b6a006c693a3127b065e62fab5fbe8b159c416462feb6',
    '3894dc56a4553781d68ff0d1b6fcf1b4876085ea602fb6f8738def50ed7d4c75',
  ],
  [
    Curve.ML_DSA_87,
    '38359fbcd79582cffe609e137ee2efe8a8dbcbad18ba92bb433ab4f09b49299d',
    'ea374a09356e5f89be784f28f4ef938e8976cb5c4db00fbacb257663491748d4',
    'a0cc3d4f703057c09b9261336ba45563d2c781d173f7fc634910698e95eee375',
  ],
];

test('keys are expanded from their seeds as NIST ACVP has them', () => {
  for (const [curve, seed, publicHash, privateHash] of KEYS) {
    const { value, pkcs8 } = pairOf(curve, { seed: hex(seed) });
    const secrets = postQuantumSecrets(pkcs8);
    sameBytes(digest('sha256', value), hex(publicHash));
    sameBytes(digest('sha256', secrets.value as Uint8Array), hex(privateHash));
    sameBytes(secrets.seed, hex(seed));
  }
});

test('the internal signatures of NIST ACVP come out, with keys that have no seed', () => {
  assert.equal(mlDsaVectors.length, 3);
  for (const { tcId, parameterSet, secret, message, signatureSha256 } of mlDsaVectors) {
    const { curve } = POST_QUANTUM.find(({ name }) => name === parameterSet) ?? assert.fail(parameterSet);
    const { privateKey } = pairOf(curve, { value: hex(secret) });
    const signature = signInternally(privateKey, hex(message));
    assert.equal(Buffer.from(digest('sha256', signature)).toString('hex'), signatureSha256, `tcId ${tcId}`);
  }
});

/**
 * C2SP CCTV, accumulated ML-DSA tests, 100 iterations: SHAKE128 of all public keys and deterministic signatures of nothing, with
 * seeds out of another SHAKE128.
 */
const ACCUMULATED: readonly [Curve, string][] = [
  [Curve.ML_DSA_44, 'd51148e1f9f4fa1a723a6cf42e25f2a99eb5c1b378b3d2dbbd561b1203beeae4'],
  [Curve.ML_DSA_65, '8358a1843220194417cadbc2651295cd8fc65125b5a5c1a239a16dc8b57ca199'],
  [Curve.ML_DSA_87, '8c3ad714777622b8f21ce31bb35f71394f23bc0fcf3c78ace5d608990f3b061b'],
];

test('a hundred keys and signatures are those of CCTV', async () => {
  const count = 100;
  const seeds = createHash('shake128', { outputLength: 32 * count }).digest();
  for (const [curve, expected] of ACCUMULATED) {
    const accumulated = createHash('shake128', { outputLength: 32 });
    for (let index = 0; index < count; index++) {
      const { privateKey, publicKey, value } = pairOf(curve, { seed: seeds.subarray(32 * index, 32 * index + 32) });
      const signature = await signMlDsa(privateKey, DETERMINISTIC, NONE);
      accumulated.update(value).update(signature);
      privateKey.destroy();
      publicKey.destroy();
    }
    assert.equal(accumulated.digest('hex'), expected);
  }
});

/** Wycheproof mldsa_44_sign_seed, tcId 1 and 3: context, start of the signature. */
const WYCHEPROOF: readonly [string, string][] = [
  [
    '',
    '1aa69cb5ed35204534f25f40a17eb0d767f8981f5e7cec46d3bf3252bfc78e09d02ef0c82da6dde973611c849472890106158cb15ffa6ca891615e888efa0d2d',
  ],
  [
    '436f6e74657874',
    'e11d24772c24efc107ae3abb0149817436f11684d3548748cba19fc0b373ddcb7c8f68f00407d964570c155a9a34823d5b33345a2bb4dfc43d2e178331bc6573',
  ],
];

test('deterministic signatures with and without context are those of Wycheproof', async () => {
  const { privateKey, publicKey } = pairOf(Curve.ML_DSA_44, { seed: Buffer.alloc(32, 0x2a) });
  for (const [context, start] of WYCHEPROOF) {
    const parameters = { hedge: 'deterministic', context: hex(context) } as const;
    const signature = await signMlDsa(privateKey, parameters, Buffer.from('Hello world'));
    sameBytes(signature.subarray(0, start.length / 2), hex(start));
    assert.equal(await verifyMlDsa(publicKey, parameters, Buffer.from('Hello world'), signature), true);
  }
});

test('hedged signatures differ each time, and node:crypto accepts them', async () => {
  for (const curve of SETS) {
    const { privateKey, publicKey, pkcs8, parameters } = newPair(curve);
    const key = createPublicKey({ key: Buffer.from(validatePrivateKey(pkcs8).spki), format: 'der', type: 'spki' });
    const message = randomBytes(1000);
    for (const hedge of ['preferred', 'required', 'deterministic'] as const) {
      const [first, second] = await Promise.all([
        signMlDsa(privateKey, { hedge, context: NONE }, message),
        signMlDsa(privateKey, { hedge, context: NONE }, message),
      ]);
      assert.equal(Buffer.from(first).equals(second), hedge === 'deterministic');
      assert.equal(first.length, parameters.signatureSize);
      assert.ok(verify(null, message, key, first));
      assert.equal(await verifyMlDsa(publicKey, DETERMINISTIC, message, first), true);
    }
  }
});

test('another message, context, key, length or bit is refused', async () => {
  for (const curve of SETS) {
    const { privateKey, publicKey } = newPair(curve);
    const context = randomBytes(255);
    const parameters = { hedge: 'preferred', context } as const;
    const signature = Buffer.from(await signMlDsa(privateKey, parameters, hex('0102')));
    assert.equal(await verifyMlDsa(publicKey, parameters, hex('0102'), signature), true);
    assert.equal(await verifyMlDsa(publicKey, parameters, hex('0103'), signature), false);
    assert.equal(
      await verifyMlDsa(publicKey, { ...parameters, context: context.subarray(1) }, hex('0102'), signature),
      false,
    );
    assert.equal(await verifyMlDsa(newPair(curve).publicKey, parameters, hex('0102'), signature), false);
    for (const other of [
      signature.subarray(1),
      Buffer.concat([signature, Buffer.of(0)]),
      Buffer.alloc(0),
      Buffer.alloc(signature.length),
    ]) {
      assert.equal(await verifyMlDsa(publicKey, parameters, hex('0102'), other), false);
    }
    for (let at = 0; at < signature.length; at += 211) {
      const changed = Buffer.from(signature);
      changed[at] = (changed[at] as number) ^ 1;
      assert.equal(await verifyMlDsa(publicKey, parameters, hex('0102'), changed), false, `byte ${at}`);
    }
    await rejectsAs('parameter', async () =>
      signMlDsa(privateKey, { ...parameters, context: Buffer.alloc(256) }, NONE),
    );
    await rejectsAs('key-type', async () => signMlDsa(publicKey, parameters, NONE));
  }
});

test('HashML-DSA signs 1 || length of context || context || identifier || hash by the internal function (FIPS 204 algorithm 4)', async () => {
  const { privateKey, publicKey } = newPair(Curve.ML_DSA_65);
  const internal = (message: Uint8Array): Uint8Array => signInternally(privateKey, message);
  const context = Buffer.from('context');
  const pure = await signMlDsa(privateKey, { hedge: 'deterministic', context }, hex('0102'));
  sameBytes(internal(Buffer.concat([Buffer.of(0, 7), context, hex('0102')])), pure);
  const identifiers: [HashName, string][] = [
    ['sha224', '0609608648016503040204'],
    ['sha256', '0609608648016503040201'],
    ['sha384', '0609608648016503040202'],
    ['sha512', '0609608648016503040203'],
    ['sha3-224', '0609608648016503040207'],
    ['sha3-256', '0609608648016503040208'],
    ['sha3-384', '0609608648016503040209'],
    ['sha3-512', '060960864801650304020a'],
    ['shake128', '060960864801650304020b'],
    ['shake256', '060960864801650304020c'],
  ];
  for (const [hash, identifier] of identifiers) {
    const value = digest(hash, Buffer.from('message'));
    const parameters = { hedge: 'deterministic', context, hash } as const;
    const signature = await signMlDsa(privateKey, parameters, value);
    sameBytes(signature, internal(Buffer.concat([Buffer.of(1, 7), context, hex(identifier), value])));
    assert.equal(await verifyMlDsa(publicKey, parameters, value, signature), true);
    assert.equal(await verifyMlDsa(publicKey, { ...parameters, context: NONE }, value, signature), false);
    assert.equal(await verifyMlDsa(publicKey, { ...parameters, hash: undefined }, value, signature), false);
    await rejectsAs('data-length', async () => signMlDsa(privateKey, parameters, value.subarray(1)));
  }
  assert.equal(HASHES.shake128.size, 32);
  assert.equal(HASHES.shake256.size, 64);
});

/** SHA-256 of deterministic HashML-DSA signatures of noble-post-quantum 0.7.1: seed of bytes 2a, context "context", message "message". */
const HASHED: readonly [Curve, HashName, string][] = [
  [Curve.ML_DSA_44, 'sha256', '2f9f3dd7c6f764c6f670bd0485afe58374f36a597aa0491edcf7e9616fb5c332'],
  [Curve.ML_DSA_44, 'shake128', '6b7989d9da75df50a54d5718a346d9fe7464b40522e585a43c1f437992ac24e5'],
  [Curve.ML_DSA_65, 'sha3-384', 'd44898ba14e0d94b74917fa4b6908a63b45a2cf44a9449fc407782a8ba898901'],
  [Curve.ML_DSA_65, 'sha512', '8e77fa562531dc034bce1c45b571d3fbc5ab073d0fb9fad7cb142b7b8b2330ca'],
  [Curve.ML_DSA_87, 'sha512', 'a959a82170a3465aac989febdfcbe188c77fa95e73e535b18660a6c04a2679da'],
  [Curve.ML_DSA_87, 'shake256', 'e778a5636e9c0451e2afc11fcd26e562d3cfad6dcd5dff2b058dd5b11ee295c2'],
];

test('HashML-DSA gives the signatures of an independent implementation', async () => {
  for (const [curve, hash, expected] of HASHED) {
    const { privateKey } = pairOf(curve, { seed: Buffer.alloc(32, 0x2a) });
    const parameters = { hedge: 'deterministic', context: Buffer.from('context'), hash } as const;
    const signature = await signMlDsa(privateKey, parameters, digest(hash, Buffer.from('message')));
    sameBytes(digest('sha256', signature), hex(expected));
  }
});

test('hashes that are broken are no part of HashML-DSA', async () => {
  const { privateKey } = newPair(Curve.ML_DSA_44);
  for (const hash of ['md5', 'sha1'] as const) {
    const parameters = { hedge: 'preferred', context: NONE, hash } as const;
    await rejectsAs('parameter', async () => signMlDsa(privateKey, parameters, Buffer.alloc(HASHES[hash].size)));
  }
});
