import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { suite, test } from 'node:test';
import { generateKey } from '#src/crypto/generate-key.ts';
import { SigningKey, type SigningTask } from '#src/crypto/signing-key.ts';
import { Curve, KeyType } from '#src/wire/enumerations.ts';

/** A private key that signs at once, and its public half. */
async function pair(type: KeyType, curve: Curve) {
  const { pkcs8, spki } = await generateKey(type, curve, 0);
  return { key: SigningKey.fromPkcs8(pkcs8), publicKey: SigningKey.fromSpki(spki) };
}

suite('signing together', async () => {
  const p256 = await pair(KeyType.EC_PRIVATE, Curve.P256);
  const ed25519 = await pair(KeyType.ED_PRIVATE, Curve.ED25519);

  for (const count of [1, 2, 3, 7, 40, 300]) {
    test(`${count} inputs under two keys: each signature is the one of its input`, () => {
      const jobs = Array.from({ length: count }, (_, i) =>
        i % 3 === 0
          ? { ...p256, scheme: 'ecdsa' as const, input: randomBytes(32) }
          : { ...ed25519, scheme: 'eddsa' as const, input: randomBytes(i) },
      );
      const signatures = SigningKey.signTogether(jobs);
      assert.equal(signatures.length, count);
      jobs.forEach(({ publicKey, scheme, input }, i) => {
        const signature = signatures[i] as Uint8Array;
        assert.equal(signature.length, 64);
        assert.ok(publicKey.verify(scheme, input, signature), `signature ${i}`);
      });
    });
  }

  test('again and again, so that helpers meet new lists', () => {
    for (let round = 0; round < 300; round++) {
      const inputs = Array.from({ length: 8 }, () => randomBytes(16));
      const tasks = inputs.map((input): SigningTask => ({ key: ed25519.key, scheme: 'eddsa', input }));
      SigningKey.signTogether(tasks).forEach((signature, i) =>
        assert.ok(ed25519.publicKey.verify('eddsa', inputs[i] as Uint8Array, signature)),
      );
    }
  });

  test('a scheme that does not fit, an empty digest, a public key, a destroyed key: refused, and the others can still be signed', async () => {
    const good: SigningTask = { key: p256.key, scheme: 'ecdsa', input: randomBytes(32) };
    const destroyed = (await pair(KeyType.EC_PRIVATE, Curve.P256)).key;
    destroyed.destroy();
    const bad: SigningTask[] = [
      { key: p256.key, scheme: 'eddsa', input: good.input },
      { key: p256.key, scheme: 'ecdsa', input: new Uint8Array(0) },
      { key: p256.publicKey, scheme: 'ecdsa', input: good.input },
      { key: destroyed, scheme: 'ecdsa', input: good.input },
    ];
    for (const task of bad) assert.throws(() => SigningKey.signTogether([good, task]), { name: 'HalError' });
    assert.ok(p256.publicKey.verify('ecdsa', good.input, SigningKey.signTogether([good])[0] as Uint8Array));
  });
});
