import assert from 'node:assert/strict';
import { createPublicKey, randomBytes, verify } from 'node:crypto';
import { test } from 'node:test';

import { digest, HASHES, type HashName } from '#src/crypto/hashes.ts';
import { EvpOperation, native } from '#src/crypto/native.ts';
import { postQuantumSecrets } from '#src/crypto/post-quantum-key.ts';
import { POST_QUANTUM } from '#src/crypto/post-quantum.ts';
import { validatePrivateKey } from '#src/crypto/private-key.ts';
import { signSlhDsa, verifySlhDsa } from '#src/crypto/slh-dsa.ts';
import { Curve } from '#src/wire/enumerations.ts';

import { slhDsaVectors } from '../vectors/acvp.ts';
import { hex, rejectsAs, sameBytes } from './expect.ts';
import { type Pair, pairOf } from './post-quantum-keys.ts';

const NONE = Buffer.alloc(0);
const DETERMINISTIC = { hedge: 'deterministic', context: NONE } as const;

/** NIST ACVP SLH-DSA-keyGen-FIPS205, one test case of each parameter set: SK.seed || SK.prf || PK.seed, PK.root. */
const KEYS: readonly [Curve, string, string][] = [
  [
    Curve.SLH_DSA_SHA2_128S,
    'aa9cc7dca491fc86bcb15a709a15e9b3905c800b6e2fb9b54b6b050ee5e4de9afa5464d1c661fed38b2a51ca3eae71ba',
    'cae3d1865215e3d3850e8c1b8292bf42',
  ],
  [
    Curve.SLH_DSA_SHAKE_128S,
    'ecd0a05696c2ec6bfe85b8b1b2022486bfd8732b1a42cea236e9822aa9e724e637d664792198176c12e8121ccf69e684',
    'fcf6ffe2a04243dc3e8ed3ee6e44cdef',
  ],
  [
    Curve.SLH_DSA_SHA2_128F,
    'e2bdaa37c8cffe5e8d5676c23267890c31441758f573285881cdc82ab911dd8472dc8d26df6ef708f4c41af9fd04b65a',
    '8927927229891d47a60d67ecef3d2c17',
  ],
  [
    Curve.SLH_DSA_SHAKE_128F,
    'bbc74306f75dc2daf7372b3c9841a4d6852c17b459f1692b8e9a1a0dace5ba26380c99304a0ddd32f344b95144e1fdef',
    '60bbc2340e08770fb41a80a76cb08e34',
  ],
  [
    Curve.SLH_DSA_SHA2_192S,
    'c4d462d66a8c00a70dcc01415ec3bd35ab9c8718a5a98d61c43c27677ebdc29f619862922c248ef84f0a5ee3c3aac060' +
      '447ba0ddb26574b3d7c8d8dd5744e5b8fe75c4f7a3ff7832',
    '98d97c0f31fc08e625cbe5187c26ecbdf54f206f598970c6',
  ],
  [
    Curve.SLH_DSA_SHAKE_192S,
    '2d5748b1acda8299e2e905545d2e66dfcec02461bc3673dd9d830416b1b82a665dd435a3f3a8e2124df59a0e2bc2ec73' +
      '633ff65c724ae17045c094617549081c940f2ef4d4a10e75',
    '59c7503fe1e96fb67b0e32acdcf712fbef610f8d21daac86',
  ],
  [
    Curve.SLH_DSA_SHA2_192F,
    '942dd588b0e0636060b1023baf1df36002b9d3c7256904f948596f0f2f17505585f022423433b3a3ef50977b98b01e8e' +
      '3e1d7dcf880c2ea3c8872122a996d5d6233bdfbd57fa641f',
    'ad3c81bbe6778b1f788195131b3fca91854ff3b075bf0009',
  ],
  [
    Curve.SLH_DSA_SHAKE_192F,
    'c08286ee7358390675eccf027b138e466caa538de34eb858e68c7c546932c68f36cd9469e8f0ac71c8937a3ae1c912fb' +
      '710b04df56094afbcc31c8897be88d36d140c587d69cde56',
    '831937bfb90afca815a51f00c68c31fbd35041632bdf72e4',
  ],
  [
    Curve.SLH_DSA_SHA2_256S,
    'ae6ca8664ec0b9179d4e33c4defe01fcd589f60ba4502fe7416f2acd96e139f13fda2069147f44eabd5bbf29c74a20cb0f0cc2a12bab5834b773530af504900a' +
      '134d5ed3c60b46344a84a45d4683b1ac55fb22886ba9478ea9ca93f27b9aa2c2',
    '7c5c9908f086e57956f85de84b438ef1f082cd176dff3c5b8be710bc8699a143',
  ],
  [
    Curve.SLH_DSA_SHAKE_256S,
    'a653918fa557b5250d11e96a74f5d8c62b5ff67152acf227aaf4bf5211aa600e961b4e679ceb9d4e24df86ed22f405d8ede5623672f4737fc2fb65f8bf3b556c' +
      '315a5e795b701676e6b8309c89cc6ad0c3d69ff4f7f432dc61329fbb1be6069f',
    '0887b1a8f1b3a8b9770a0871630e46dd0479c5bd123e8eeb6be70f2999c466a1',
  ],
  [
    Curve.SLH_DSA_SHA2_256F,
    'a15d8300b7f610971f278f22dd603d17eeb9863aa4fa92f07dc7e73b231120026d7c0ff12a8bf1f8720c3534dc7d1a04d0d7f899088210ccbbfe627315a522c1' +
      'bdcad4d6821d32168c6d8105e6b226399f861e0d1110a53eb47aa3e118e25934',
    '09a049ce3b61c4a6fd6ca1613a4b47281585e92de822bf798429b2e9257a2e60',
  ],
  [
    Curve.SLH_DSA_SHAKE_256F,
    'd50f77713cf59193fe5f10b8aaf1876b0d3e7e4181ed3fae346876269801758436c22b81940403157446d44f04c09fd28df72c6d4021b271544055783081b7c0' +
      '46d2ac50751a0c71ec850bb7d16a679a66901eee05389d4615940efd89c0182f',
    'debcfbf3527cc768c5ec6cb5b6cc10a674390745d8612d0920187df658d3b7ef',
  ],
];

function pairFor(curve: Curve): Pair {
  const [, seed, root] = KEYS.find(([each]) => each === curve) as (typeof KEYS)[number];
  return pairOf(curve, { value: hex(seed + root) });
}

test('keys of all twelve parameter sets are generated as NIST ACVP has them', async () => {
  assert.equal(new Set(KEYS.map(([curve]) => curve)).size, 12);
  for (const [curve, seed, root] of KEYS) {
    const parameters = POST_QUANTUM.find((each) => each.curve === curve);
    assert.ok(parameters);
    const pkcs8 = await native.evpOnPool(EvpOperation.GENERATE, parameters.name, ['seed', hex(seed)], NONE, NONE);
    assert.ok(pkcs8);
    sameBytes(postQuantumSecrets(pkcs8).value, hex(seed + root));
    sameBytes(pairOf(curve, postQuantumSecrets(pkcs8)).value, hex(seed.slice(-2 * (parameters.publicSize / 2)) + root));
  }
});

test('the internal signature of a NIST ACVP test case comes out (SLH-DSA-sigGen-FIPS205, SHA2-128s)', async () => {
  const secret =
    '62b1973a4de0963d74c1cb30fc8f5675cfc84880e4f0e1b446b4f5d13b2d31cccb23eb45529e00d5f5e951507a9b90e98b6e7a284ba3f63a69e69a789083bef6';
  const { privateKey } = pairOf(Curve.SLH_DSA_SHA2_128S, { value: hex(secret) });
  const parameters = ['message-encoding', 0, 'deterministic', 1];
  const operation = EvpOperation.SIGN_MESSAGE;
  const signature = await native.evpOnPool(operation, privateKey.handle, parameters, hex('9ddf'), NONE);
  assert.ok(signature);
  // SHA-256 of the signature, as OpenSSL's slh_dsa.inc writes it down.
  sameBytes(digest('sha256', signature), hex('c7dff0ed253849ef511e90be0e2eb7716598912317529a61dae4329bf149ef8b'));
});

test('fast sets sign with and without context, hedged and not, and node:crypto accepts it', async () => {
  for (const curve of [Curve.SLH_DSA_SHA2_128F, Curve.SLH_DSA_SHAKE_128F, Curve.SLH_DSA_SHA2_256F]) {
    const { privateKey, publicKey, pkcs8, parameters } = pairFor(curve);
    const key = createPublicKey({ key: Buffer.from(validatePrivateKey(pkcs8).spki), format: 'der', type: 'spki' });
    const message = randomBytes(100);
    const [first, second] = await Promise.all([
      signSlhDsa(privateKey, DETERMINISTIC, message),
      signSlhDsa(privateKey, DETERMINISTIC, message),
    ]);
    sameBytes(first, second);
    assert.equal(first.length, parameters.signatureSize);
    assert.ok(verify(null, message, key, first));
    const hedged = await signSlhDsa(privateKey, { hedge: 'preferred', context: Buffer.from('context') }, message);
    assert.ok(!Buffer.from(hedged).equals(first));
    const check = async (context: Buffer, text: Uint8Array, signature: Uint8Array): Promise<boolean> =>
      verifySlhDsa(publicKey, { hedge: 'preferred', context }, text, signature);
    assert.equal(await check(Buffer.from('context'), message, hedged), true);
    assert.equal(await check(NONE, message, hedged), false);
    assert.equal(await check(NONE, message, first), true);
    assert.equal(await check(NONE, message.subarray(1), first), false);
    assert.equal(await check(NONE, message, first.subarray(1)), false);
    for (const at of [0, 5000, first.length - 1]) {
      const changed = Buffer.from(first);
      changed[at] = (changed[at] as number) ^ 1;
      assert.equal(await check(NONE, message, changed), false);
    }
    await rejectsAs('parameter', async () =>
      signSlhDsa(privateKey, { ...DETERMINISTIC, context: Buffer.alloc(256) }, NONE),
    );
    await rejectsAs('key-type', async () => signSlhDsa(publicKey, DETERMINISTIC, NONE));
  }
});

test('HashSLH-DSA signs 1 || length of context || context || identifier || hash (FIPS 205 algorithm 23)', async () => {
  const { privateKey, publicKey } = pairFor(Curve.SLH_DSA_SHA2_128F);
  const context = Buffer.from('ctx');
  for (const [hash, identifier] of [
    ['sha256', '0609608648016503040201'],
    ['sha3-512', '060960864801650304020a'],
    ['shake128', '060960864801650304020b'],
  ] as const) {
    const value = digest(hash, Buffer.from('message'));
    const parameters = { hedge: 'deterministic', context, hash } as const;
    const signature = await signSlhDsa(privateKey, parameters, value);
    const message = Buffer.concat([Buffer.of(1, 3), context, hex(identifier), value]);
    const raw = ['message-encoding', 0, 'deterministic', 1];
    sameBytes(signature, native.evp(EvpOperation.SIGN_MESSAGE, privateKey.handle, raw, message, NONE) as Uint8Array);
    assert.equal(await verifySlhDsa(publicKey, parameters, value, signature), true);
    assert.equal(await verifySlhDsa(publicKey, { ...parameters, hash: undefined }, value, signature), false);
    await rejectsAs('data-length', async () => signSlhDsa(privateKey, parameters, value.subarray(1)));
  }
});

test('a key whose root does not belong to its seeds signs nothing', async () => {
  const [, seed, root] = KEYS[2] as (typeof KEYS)[number];
  const { privateKey } = pairOf(Curve.SLH_DSA_SHA2_128F, { value: hex(seed + root.replace('89', '8a')) });
  await assert.rejects(async () => signSlhDsa(privateKey, DETERMINISTIC, NONE));
});

test('SLH-DSA with all parameter sets and HashSLH-DSA with all hashes give the signatures of NIST ACVP', async () => {
  const hashes = new Set<string | undefined>();
  const sets = new Set<string>();
  for (const { tcId, parameterSet, hash, secret, message, context, signatureSha256 } of slhDsaVectors) {
    const { curve } = POST_QUANTUM.find(({ name }) => name === parameterSet) ?? assert.fail(parameterSet);
    const { privateKey } = pairOf(curve, { value: hex(secret) });
    const input = hash ? digest(hash, hex(message)) : hex(message);
    const signature = await signSlhDsa(privateKey, { hedge: 'deterministic', context: hex(context), hash }, input);
    assert.equal(Buffer.from(digest('sha256', signature)).toString('hex'), signatureSha256, `tcId ${tcId}`);
    hashes.add(hash);
    sets.add(parameterSet);
  }
  assert.equal(sets.size, 12);
  const approved = Object.keys(HASHES).filter((hash) => hash !== 'md5' && hash !== 'sha1');
  assert.deepEqual(
    approved.filter((hash) => !hashes.has(hash)),
    [],
  );
});

/** SHA-256 of deterministic signatures of noble-post-quantum 0.7.1: keys as above, context "context", message "message". */
const INDEPENDENT: readonly [Curve, HashName | undefined, string][] = [
  [Curve.SLH_DSA_SHA2_128F, undefined, '217fd43f263dfd8547c8b505d2c901b61931b1321058db1db675d544280f6f56'],
  [Curve.SLH_DSA_SHA2_128F, 'sha256', '200067374fe1b5d6083b15fe9c69b637a6311e4d88417f6f984c45d5ef00986f'],
  [Curve.SLH_DSA_SHAKE_128F, undefined, 'fa990cd1550ebebe4f1167b2ffccca23dad80c0c9cc4c0ac86413290a26d4b91'],
  [Curve.SLH_DSA_SHAKE_128F, 'shake128', 'dd10261baa550d47d33bbb0a002506519ab19ff6a6ca8161a3953d4143407f36'],
];

test('SLH-DSA and HashSLH-DSA give the signatures of an independent implementation', async () => {
  for (const [curve, hash, expected] of INDEPENDENT) {
    const { privateKey } = pairFor(curve);
    const message = Buffer.from('message');
    const parameters = { hedge: 'deterministic', context: Buffer.from('context'), hash } as const;
    const signature = await signSlhDsa(privateKey, parameters, hash ? digest(hash, message) : message);
    sameBytes(digest('sha256', signature), hex(expected));
  }
});
