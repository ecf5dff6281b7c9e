import assert from 'node:assert/strict';
import { createPrivateKey, createPublicKey, randomBytes } from 'node:crypto';
import { test } from 'node:test';

import fc from 'fast-check';

import { contextTag, DerWriter } from '#src/crypto/der.ts';
import { generateKey } from '#src/crypto/generate-key.ts';
import { postQuantumSecrets, writePostQuantumPrivateKey } from '#src/crypto/post-quantum-key.ts';
import { POST_QUANTUM, type PostQuantumParameters } from '#src/crypto/post-quantum.ts';
import { validatePrivateKey } from '#src/crypto/private-key.ts';
import { parsePublicKey, postQuantumPublicKey, publicKeyAttributes } from '#src/crypto/public-key.ts';
import { Curve } from '#src/wire/enumerations.ts';
import { HalError } from '#src/wire/status.ts';

import { sameBytes, throwsStatus } from './expect.ts';
import { pairOf } from './post-quantum-keys.ts';

const SEEDED = POST_QUANTUM.filter(({ seedSize }) => seedSize > 0);
const FAST = POST_QUANTUM.filter(({ seedSize, name }) => seedSize > 0 || name.endsWith('f'));

/** PKCS#8 around any content. */
function wrap(oid: string, content: Uint8Array): Uint8Array {
  const algorithm = DerWriter.sequence(DerWriter.oid(oid));
  return DerWriter.sequence(DerWriter.unsigned(Buffer.of(0)), algorithm, DerWriter.octetString(content));
}

test('generated keys of every kind are stored in one form that node:crypto reads', async () => {
  for (const { curve, privateType, publicType, publicSize, secretSize, seedSize } of FAST) {
    const { pkcs8, spki } = await generateKey(privateType, curve, 0);
    const checked = validatePrivateKey(pkcs8);
    assert.deepEqual([checked.type, checked.curve, checked.bits], [privateType, curve, 8 * publicSize]);
    sameBytes(checked.pkcs8, pkcs8);
    sameBytes(checked.spki, spki);
    const { seed, value } = postQuantumSecrets(pkcs8);
    assert.equal(value?.length, secretSize);
    assert.equal(seed?.length ?? 0, seedSize);
    const key = createPrivateKey({ key: Buffer.from(pkcs8), format: 'der', type: 'pkcs8' });
    sameBytes(createPublicKey(key).export({ format: 'der', type: 'spki' }), spki);
    const parsed = parsePublicKey(spki);
    assert.deepEqual([parsed.type, parsed.curve, parsed.value?.length], [publicType, curve, publicSize]);
  }
});

test('seed, private value or both give the same key', () => {
  for (const { curve, seedSize } of SEEDED) {
    const seed = randomBytes(seedSize);
    const whole = pairOf(curve, { seed });
    const { value } = postQuantumSecrets(whole.pkcs8);
    sameBytes(pairOf(curve, { seed, value }).pkcs8, whole.pkcs8);
    const alone = pairOf(curve, { value });
    sameBytes(alone.value, whole.value);
    assert.equal(postQuantumSecrets(alone.pkcs8).seed, undefined);
    sameBytes(postQuantumSecrets(alone.pkcs8).value, value as Uint8Array);
  }
});

test('parts that do not belong together, and lengths that no part has, are refused', () => {
  for (const { curve, seedSize, oid } of SEEDED) {
    const { value } = postQuantumSecrets(pairOf(curve, { seed: randomBytes(seedSize) }).pkcs8);
    assert.ok(value);
    throwsStatus('ASN1_PARSE_FAILED', () => pairOf(curve, { seed: randomBytes(seedSize), value }));
    for (const change of [-1, 1]) {
      const wrongSeed = randomBytes(seedSize + change);
      throwsStatus('ASN1_PARSE_FAILED', () => writePostQuantumPrivateKey(curve, { seed: wrongSeed }));
      throwsStatus('ASN1_PARSE_FAILED', () =>
        validatePrivateKey(wrap(oid, DerWriter.element(contextTag(0, false), wrongSeed))),
      );
    }
    throwsStatus('ASN1_PARSE_FAILED', () => writePostQuantumPrivateKey(curve, { value: value.subarray(1) }));
    throwsStatus('ASN1_PARSE_FAILED', () => writePostQuantumPrivateKey(curve, {}));
    for (const content of [Buffer.alloc(0), Buffer.of(0x30, 0), value, Buffer.of(4, 0)]) {
      throwsStatus('ASN1_PARSE_FAILED', () => validatePrivateKey(wrap(oid, content)));
    }
  }
  throwsStatus('UNSUPPORTED_KEY', () => writePostQuantumPrivateKey(Curve.P256, { seed: randomBytes(32) }));
});

test('a damaged private value is noticed where it can be computed again', () => {
  for (const { curve, seedSize, algorithm } of SEEDED) {
    const { value } = postQuantumSecrets(pairOf(curve, { seed: randomBytes(seedSize) }).pkcs8);
    assert.ok(value);
    // The hash of the public key: tr of ML-DSA, H(ek) of ML-KEM.
    const at = algorithm === 'ML-DSA' ? 70 : value.length - 40;
    const changed = Buffer.from(value);
    changed[at] = (changed[at] as number) ^ 1;
    throwsStatus('ASN1_PARSE_FAILED', () => pairOf(curve, { value: changed }));
  }
});

test('public keys of another length, truncated DER and bytes behind the end are refused', () => {
  for (const parameters of POST_QUANTUM) {
    for (const change of [-1, 1]) {
      const value = Buffer.alloc(parameters.publicSize + change);
      throwsStatus('ASN1_PARSE_FAILED', () => postQuantumPublicKey(parameters, value));
    }
  }
  const { pkcs8, parameters, value } = pairOf(Curve.ML_DSA_44, { seed: randomBytes(32) });
  const { spki } = postQuantumPublicKey(parameters, value);
  for (const der of [pkcs8, spki]) {
    const parse = der === pkcs8 ? validatePrivateKey : parsePublicKey;
    for (let length = 0; length < der.length; length += 1 + Math.floor(length / 4)) {
      throwsStatus('ASN1_PARSE_FAILED', () => parse(der.subarray(0, length)));
    }
    throwsStatus('ASN1_PARSE_FAILED', () => parse(Buffer.concat([der, Buffer.of(0)])));
  }
});

test('the attributes of PKCS#11 3.2 are parameter set and value', () => {
  const { parameters, value } = pairOf(Curve.ML_KEM_768, { seed: randomBytes(64) });
  const publicKey = postQuantumPublicKey(parameters, value);
  const set = { type: 0x61d, value: Buffer.from('0200000000000000', 'hex') };
  assert.deepEqual(publicKeyAttributes(publicKey, true), [set]);
  assert.deepEqual(publicKeyAttributes(publicKey, false), [set, { type: 0x11, value: new Uint8Array(value) }]);
  const numbers = (algorithm: PostQuantumParameters['algorithm']): number[] =>
    POST_QUANTUM.filter((each) => each.algorithm === algorithm).map(({ parameterSet }) => parameterSet);
  assert.deepEqual(numbers('ML-DSA'), [1, 2, 3]);
  assert.deepEqual(numbers('ML-KEM'), [1, 2, 3]);
  assert.deepEqual(numbers('SLH-DSA'), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
});

test('whatever is changed in a key, the answer is a key or a refusal', () => {
  const keys = [
    pairOf(Curve.ML_DSA_44, { seed: randomBytes(32) }).pkcs8,
    pairOf(Curve.ML_KEM_512, { seed: randomBytes(64) }).pkcs8,
    DerWriter.sequence(
      DerWriter.unsigned(Buffer.of(0)),
      DerWriter.sequence(DerWriter.oid('608648016503040314')),
      DerWriter.octetString(randomBytes(64)),
    ),
  ];
  fc.assert(
    fc.property(
      fc.constantFrom(...keys),
      fc.array(fc.tuple(fc.nat(120), fc.nat(255)), { minLength: 1, maxLength: 3 }),
      fc.nat(200),
      (key, changes, cut) => {
        const bytes = Buffer.from(key.subarray(0, cut < 100 ? key.length : key.length - cut + 100));
        for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
        try {
          assert.ok(validatePrivateKey(bytes).pkcs8.length > 0);
        } catch (error) {
          assert.ok(error instanceof HalError, String(error));
        }
      },
    ),
    { numRuns: 300 },
  );
});
