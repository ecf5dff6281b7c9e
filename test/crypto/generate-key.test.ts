import assert from 'node:assert/strict';
import { createPrivateKey, createPublicKey } from 'node:crypto';
import { test } from 'node:test';

import { CURVES } from '#src/crypto/curves.ts';
import { generateKey } from '#src/crypto/generate-key.ts';
import { PRIVATE_TYPES, readPrivateKey, validatePrivateKey } from '#src/crypto/private-key.ts';
import { Curve, KeyType } from '#src/wire/enumerations.ts';

import { rejectsStatus } from './expect.ts';

function toBigInt(bytes: Uint8Array | undefined): bigint {
  return BigInt(`0x${Buffer.from(bytes ?? []).toString('hex')}`);
}

function gcd(a: bigint, b: bigint): bigint {
  return b === 0n ? a : gcd(b, a % b);
}

test('RSA keys have the size asked for and d = e^-1 mod lcm(p-1, q-1)', async () => {
  for (const bits of [1024, 1032, 1536, 2048, 3072]) {
    const { pkcs8, spki } = await generateKey(KeyType.RSA_PRIVATE, Curve.NONE, bits);
    const fields = readPrivateKey(pkcs8);
    assert.ok(fields.kind === 'rsa');
    const [n, e, d, p, q] = fields.numbers.map(toBigInt) as [bigint, bigint, bigint, bigint, bigint];
    assert.equal(n.toString(2).length, bits);
    assert.equal(p.toString(2).length, bits / 2);
    assert.equal(q.toString(2).length, bits / 2);
    assert.equal(e, 65537n);
    const lcm = ((p - 1n) * (q - 1n)) / gcd(p - 1n, q - 1n);
    assert.equal((d * e) % lcm, 1n);
    assert.ok(d < lcm, `${bits}: d is not the smallest`);
    // OpenSSL writes the same bytes again.
    const key = createPrivateKey({ key: Buffer.from(pkcs8), format: 'der', type: 'pkcs8' });
    assert.deepEqual(key.export({ format: 'der', type: 'pkcs8' }), Buffer.from(pkcs8));
    assert.deepEqual(createPublicKey(key).export({ format: 'der', type: 'spki' }), Buffer.from(spki));
  }
});

test('keys on curves are stored as OpenSSL and vendor devices write them', async () => {
  for (const { curve, form, bits } of CURVES) {
    const type = PRIVATE_TYPES[form];
    const { pkcs8, spki } = await generateKey(type, curve, 0);
    const key = createPrivateKey({ key: Buffer.from(pkcs8), format: 'der', type: 'pkcs8' });
    assert.deepEqual(key.export({ format: 'der', type: 'pkcs8' }), Buffer.from(pkcs8));
    assert.deepEqual(createPublicKey(key).export({ format: 'der', type: 'spki' }), Buffer.from(spki));
    const checked = validatePrivateKey(pkcs8);
    assert.deepEqual([checked.type, checked.curve, checked.bits], [type, curve, bits]);
  }
  const { pkcs8 } = await generateKey(KeyType.EC_PRIVATE, Curve.P256, 256);
  assert.equal(pkcs8.length, 138);
});

test('many keys asked for at once are all different', async () => {
  const keys = await Promise.all([
    ...Array.from({ length: 4 }, async () => generateKey(KeyType.RSA_PRIVATE, Curve.NONE, 1024)),
    ...Array.from({ length: 20 }, async () => generateKey(KeyType.EC_PRIVATE, Curve.P256, 0)),
  ]);
  assert.equal(new Set(keys.map(({ spki }) => Buffer.from(spki).toString('hex'))).size, keys.length);
});

test('sizes, curves and types that we do not serve are refused at once', async () => {
  for (const bits of [0, 1, 1023, 1025, 2047, 2048.5, Number.NaN]) {
    await rejectsStatus('BAD_ARGUMENTS', async () => generateKey(KeyType.RSA_PRIVATE, Curve.NONE, bits));
  }
  for (const bits of [8, 512, 1016, 8200, 65_536]) {
    await rejectsStatus('UNSUPPORTED_KEY', async () => generateKey(KeyType.RSA_PRIVATE, Curve.NONE, bits));
  }
  await rejectsStatus('BAD_ARGUMENTS', async () => generateKey(KeyType.EC_PRIVATE, Curve.NONE, 0));
  await rejectsStatus('BAD_ARGUMENTS', async () => generateKey(KeyType.EC_PRIVATE, 4 as Curve, 0));
  await rejectsStatus('UNSUPPORTED_KEY', async () => generateKey(KeyType.EC_PRIVATE, Curve.ED25519, 0));
  await rejectsStatus('UNSUPPORTED_KEY', async () => generateKey(KeyType.ED_PRIVATE, Curve.P256, 0));
  await rejectsStatus('UNSUPPORTED_KEY', async () => generateKey(KeyType.RSA_PUBLIC, Curve.NONE, 2048));
  await rejectsStatus('UNSUPPORTED_KEY', async () => generateKey(KeyType.HASHSIG_PRIVATE, Curve.NONE, 0));
});
