import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { test } from 'node:test';

import { digest } from '#src/crypto/hashes.ts';
import { KNOWN_RSA_KEY } from '#src/crypto/known-rsa.ts';
import { EvpOperation, native } from '#src/crypto/native.ts';
import { signRsaPss } from '#src/crypto/rsa-signature.ts';
import { SigningKey } from '#src/crypto/signing-key.ts';

import { hex, sameBytes } from './expect.ts';

type Evp = (...evpArguments: unknown[]) => Uint8Array | undefined;
const evp = native.evp as Evp;
const NONE = new Uint8Array(0);

test('arguments of another kind are refused with an exception, on both threads', () => {
  const key = SigningKey.fromPkcs8(KNOWN_RSA_KEY).handle;
  const good = [EvpOperation.SIGN, key, ['pad-mode', 'none'], Buffer.alloc(256), NONE];
  const wrong: unknown[][] = [
    [],
    good.slice(0, 4),
    [99, ...good.slice(1)],
    [-1, ...good.slice(1)],
    ['0', ...good.slice(1)],
    [good[0], {}, ...good.slice(2)],
    [good[0], null, ...good.slice(2)],
    [good[0], 'RSA', ...good.slice(2)],
    [EvpOperation.MAC, key, ...good.slice(2)],
    [good[0], key, {}, ...good.slice(3)],
    [good[0], key, ['pad-mode'], ...good.slice(3)],
    [good[0], key, [1, 'none'], ...good.slice(3)],
    [good[0], key, ['pad-mode', null], ...good.slice(3)],
    [good[0], key, ['pad-mode', []], ...good.slice(3)],
    [good[0], key, ['pad-mode', new Uint16Array(2)], ...good.slice(3)],
    [good[0], key, Array.from({ length: 18 }, () => 'a'), ...good.slice(3)],
    [good[0], key, good[2], 'text', NONE],
    [good[0], key, good[2], Buffer.alloc(1), undefined],
  ];
  for (const each of wrong) {
    assert.throws(() => evp(...each), TypeError);
    assert.throws(() => (native.evpOnPool as unknown as Evp)(...each), TypeError);
  }
  assert.equal(evp(...good)?.length, 256);
});

test('what OpenSSL refuses is undefined and leaves no error behind', async () => {
  const key = SigningKey.fromPkcs8(KNOWN_RSA_KEY).handle;
  for (const parameters of [
    ['digest', 'none-such'],
    ['pad-mode', 'pss', 'saltlen', 1000, 'digest', 'sha256'],
  ]) {
    const call = [EvpOperation.SIGN, key, parameters, Buffer.alloc(32), NONE] as const;
    assert.equal(native.evp(...call), undefined);
    assert.equal(await native.evpOnPool(...call), undefined);
  }
  assert.equal(native.evp(EvpOperation.MAC, 'none-such', [], NONE, NONE), undefined);
  assert.equal(native.evp(EvpOperation.GENERATE, 'none-such', [], NONE, NONE), undefined);
  assert.equal(native.evp(EvpOperation.AGREE, key, [], NONE, NONE), undefined);
  assert.equal(native.evp(EvpOperation.READ, key, [], Buffer.from('none-such'), NONE), undefined);
  sameBytes(createHash('sha1').update('abc').digest(), hex('a9993e364706816aba3e25717850c26c9cd0d89d'));
});

test('names longer than OpenSSL has are cut, not written behind the end', () => {
  assert.equal(native.evp(EvpOperation.MAC, 'HMAC'.repeat(100), [], NONE, NONE), undefined);
  const parameters = ['digest'.repeat(100), 'sha256'.repeat(100)];
  assert.equal(native.evp(EvpOperation.MAC, 'HMAC', parameters, NONE, NONE), undefined);
});

test('the inputs may be overwritten, and the key destroyed, as soon as the call returns', async () => {
  const key = SigningKey.fromPkcs8(KNOWN_RSA_KEY);
  const other = SigningKey.fromPkcs8(KNOWN_RSA_KEY);
  const value = Buffer.from(digest('sha256', Buffer.from('message')));
  const parameters = { hash: 'sha256', mgf: 'sha256', saltLength: 0 } as const;
  const expected = await signRsaPss(other, parameters, value);
  const many = Array.from({ length: 20 }, async () => signRsaPss(key, parameters, value));
  key.destroy();
  value.fill(0);
  for (const signature of await Promise.all(many)) sameBytes(signature, expected);
  await assert.rejects(async () => signRsaPss(key, parameters, value));
});

test('many operations at once do not disturb each other', async () => {
  const keys = Array.from({ length: 50 }, () => randomBytes(32));
  const macs = await Promise.all(
    keys.map(async (key) => native.evpOnPool(EvpOperation.MAC, 'HMAC', ['digest', 'sha256'], key, key)),
  );
  for (const [index, key] of keys.entries()) {
    sameBytes(macs[index], native.evp(EvpOperation.MAC, 'HMAC', ['digest', 'sha256'], key, key) as Uint8Array);
  }
});
