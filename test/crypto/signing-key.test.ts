import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash, generateKeyPairSync, type KeyObject, randomBytes, verify } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { CURVES, type CurveParameters } from '#src/crypto/curves.ts';
import { DerWriter } from '#src/crypto/der.ts';
import { validatePrivateKey } from '#src/crypto/private-key.ts';
import { type SignatureScheme, SigningKey } from '#src/crypto/signing-key.ts';
import { Curve, KeyType } from '#src/wire/enumerations.ts';

import { hex, sameBytes, throwsStatus } from './expect.ts';
import * as vendor from './vendor-vectors.ts';

const pkcs8Of = (key: KeyObject): Buffer => key.export({ format: 'der', type: 'pkcs8' });
const spkiOf = (key: KeyObject): Buffer => key.export({ format: 'der', type: 'spki' });
const ECDSA = CURVES.filter(({ form }) => form === 'weierstrass');
const SIGNING = CURVES.filter(({ form }) => form !== 'montgomery');

function newPair({ nodeName }: CurveParameters): { publicKey: KeyObject; privateKey: KeyObject } {
  if (nodeName === 'ed25519') return generateKeyPairSync('ed25519');
  if (nodeName === 'ed448') return generateKeyPairSync('ed448');
  return generateKeyPairSync('ec', { namedCurve: nodeName });
}

function edwardsKey(curve: Curve, secret: string): SigningKey {
  const oid = curve === Curve.ED25519 ? '2b6570' : '2b6571';
  const pkcs8 = DerWriter.sequence(
    DerWriter.unsigned(Buffer.of(0)),
    DerWriter.sequence(DerWriter.oid(oid)),
    DerWriter.octetString(DerWriter.octetString(hex(secret))),
  );
  return SigningKey.fromPkcs8(pkcs8);
}

test('ECDSA gives r||s of fixed length that node:crypto verifies', async () => {
  for (const parameters of ECDSA) {
    const { publicKey, privateKey } = newPair(parameters);
    const key = SigningKey.fromPkcs8(pkcs8Of(privateKey));
    const judge = SigningKey.fromSpki(spkiOf(publicKey));
    assert.equal(key.signatureLength, 2 * parameters.size);
    assert.equal(key.curve, parameters.curve);
    // Enough rounds to meet leading zeros in r and s.
    for (let round = 0; round < (parameters.curve === Curve.P256 ? 1500 : 40); round++) {
      const message = randomBytes(20);
      const digest = createHash('sha256').update(message).digest();
      const signature = await key.sign('ecdsa', digest);
      assert.equal(signature.length, 2 * parameters.size);
      assert.ok(verify('sha256', message, { key: publicKey, dsaEncoding: 'ieee-p1363' }, signature));
      if (round < 20) assert.ok(judge.verify('ecdsa', digest, signature));
    }
  }
});

test('ECDSA is done at once on P-256, and on the thread pool where it is slow', () => {
  const kinds = ECDSA.map((parameters) => {
    const key = SigningKey.fromPkcs8(pkcs8Of(newPair(parameters).privateKey));
    return key.sign('ecdsa', Buffer.alloc(32, 1)) instanceof Promise;
  });
  assert.deepEqual(kinds, [false, ...Array.from({ length: ECDSA.length - 1 }, () => true)]);
});

test('of a digest longer than the order the leftmost bits count', async () => {
  for (const parameters of ECDSA) {
    const { publicKey, privateKey } = newPair(parameters);
    const key = SigningKey.fromPkcs8(pkcs8Of(privateKey));
    const options = { key: publicKey, dsaEncoding: 'ieee-p1363' } as const;
    const message = Buffer.from('abc');
    for (const hash of ['sha1', 'sha224', 'sha384', 'sha512']) {
      const digest = createHash(hash).update(message).digest();
      const signature = await key.sign('ecdsa', digest);
      assert.ok(verify(hash, message, options, signature), `${parameters.nodeName} ${hash}`);
      assert.ok(key.verify('ecdsa', digest, signature));
    }
    const long = randomBytes(2000);
    const signature = await key.sign('ecdsa', long);
    assert.ok(key.verify('ecdsa', long, signature));
    assert.ok(key.verify('ecdsa', long.subarray(0, parameters.size + 1), signature));
  }
});

test('EdDSA gives the signatures of RFC 8032', () => {
  const ed25519: [string, string, string][] = [
    [
      '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
      '',
      'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
    ],
    [
      '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
      '72',
      '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
    ],
    [
      'c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7',
      'af82',
      '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
    ],
  ];
  const ed448: [string, string, string][] = [
    [
      '6c82a562cb808d10d632be89c8513ebf6c929f34ddfa8c9f63c9960ef6e348a3528c8a3fcc2f044e39a3fc5b94492f8f032e7549a20098f95b',
      '',
      '533a37f6bbe457251f023c0d88f976ae2dfb504a843e34d2074fd823d41a591f2b233f034f628281f2fd7a22ddd47d7828c59bd0a21bfd3980' +
        'ff0d2028d4b18a9df63e006c5d1c2d345b925d8dc00b4104852db99ac5c7cdda8530a113a0f4dbb61149f05a7363268c71d95808ff2e652600',
    ],
    [
      'c4eab05d357007c632f3dbb48489924d552b08fe0c353a0d4a1f00acda2c463afbea67c5e8d2877c5e3bc397a659949ef8021e954e0a12274e',
      '03',
      '26b8f91727bd62897af15e41eb43c377efb9c610d48f2335cb0bd0087810f4352541b143c4b981b7e18f62de8ccdf633fc1bf037ab7cd77980' +
        '5e0dbcc0aae1cbcee1afb2e027df36bc04dcecbf154336c19f0af7e0a6472905e799f1953d2a0ff3348ab21aa4adafd1d234441cf807c03a00',
    ],
  ];
  const check = (curve: Curve, vectors: [string, string, string][]): void => {
    for (const [secret, message, signature] of vectors) {
      const key = edwardsKey(curve, secret);
      assert.equal(Buffer.from(key.sign('eddsa', hex(message)) as Uint8Array).toString('hex'), signature);
      assert.equal(key.verify('eddsa', hex(message), hex(signature)), true);
      assert.equal(key.verify('eddsa', hex(`${message}00`), hex(signature)), false);
    }
  };
  check(Curve.ED25519, ed25519);
  check(Curve.ED448, ed448);
});

test('EdDSA signs long messages, and one key many in a row', () => {
  for (const curve of [Curve.ED25519, Curve.ED448]) {
    const { publicKey, privateKey } = newPair(CURVES.find((each) => each.curve === curve) as CurveParameters);
    const key = SigningKey.fromPkcs8(pkcs8Of(privateKey));
    for (const length of [0, 1, 64, 65_536, 1_000_000]) {
      const message = randomBytes(length);
      const signature = key.sign('eddsa', message) as Uint8Array;
      assert.ok(verify(null, message, publicKey, signature));
      assert.ok(key.verify('eddsa', message, signature));
    }
  }
});

test('wrong signatures of every kind are refused, also those that are no numbers below the order', async () => {
  for (const parameters of SIGNING) {
    const key = SigningKey.fromPkcs8(pkcs8Of(newPair(parameters).privateKey));
    const scheme: SignatureScheme = parameters.form === 'edwards' ? 'eddsa' : 'ecdsa';
    const input = Buffer.alloc(32, 1);
    const signature = Buffer.from(await key.sign(scheme, input));
    assert.equal(key.verify(scheme, input, signature), true);
    for (let index = 0; index < signature.length; index += 5) {
      const changed = Buffer.from(signature);
      changed[index] = (changed[index] as number) ^ 1;
      assert.equal(key.verify(scheme, input, changed), false);
    }
    const { length } = signature;
    for (const other of [
      Buffer.alloc(length),
      Buffer.alloc(length, 0xff),
      Buffer.concat([Buffer.alloc(length / 2), signature.subarray(length / 2)]),
      Buffer.concat([signature.subarray(0, length / 2), Buffer.alloc(length / 2)]),
      signature.subarray(0, -1),
      Buffer.concat([signature, Buffer.of(0)]),
      Buffer.alloc(0),
    ]) {
      assert.equal(key.verify(scheme, input, other), false);
    }
    assert.equal(key.verify(scheme, input, signature), true);
  }
  const rsa = SigningKey.fromPkcs8(vendor.KEKEK);
  for (const length of [0, 1, 10, 11, 127, 129, 5000]) {
    assert.equal(rsa.verify('rsa-pkcs1', vendor.DIGEST_INFO, Buffer.alloc(length, 1)), false);
  }
  assert.equal(rsa.verify('rsa-pkcs1', vendor.DIGEST_INFO, Buffer.alloc(128, 0xff)), false);
});

test('public keys cannot sign, keys refuse the schemes of others, destroyed keys refuse all', async () => {
  const rsa = SigningKey.fromPkcs8(vendor.KEKEK);
  const ec = SigningKey.fromPkcs8(vendor.EXPORTED_KEY);
  const ed = edwardsKey(Curve.ED25519, '11'.repeat(32));
  const keys: [SigningKey, SignatureScheme][] = [
    [rsa, 'rsa-pkcs1'],
    [ec, 'ecdsa'],
    [ed, 'eddsa'],
  ];
  const input = Buffer.alloc(32, 2);
  for (const [key, own] of keys) {
    for (const [, scheme] of keys) {
      if (scheme === own) continue;
      throwsStatus('UNSUPPORTED_KEY', () => key.sign(scheme, input));
      throwsStatus('UNSUPPORTED_KEY', () => key.verify(scheme, input, Buffer.alloc(64)));
    }
  }
  throwsStatus('BAD_ARGUMENTS', () => ec.sign('ecdsa', Buffer.alloc(0)));
  throwsStatus('BAD_ARGUMENTS', () => rsa.sign('rsa-pkcs1', Buffer.alloc(0)));
  assert.equal(ec.verify('ecdsa', Buffer.alloc(0), Buffer.alloc(64, 1)), false);
  assert.equal(rsa.verify('rsa-pkcs1', Buffer.alloc(0), vendor.SIGNATURE), false);
  const { spki } = validatePrivateKey(vendor.EXPORTED_KEY);
  throwsStatus('UNSUPPORTED_KEY', () => SigningKey.fromSpki(spki).sign('ecdsa', input));

  const pending = rsa.sign('rsa-pkcs1', vendor.DIGEST_INFO);
  for (const [key, scheme] of keys) {
    key.destroy();
    key.destroy();
    throwsStatus('KEY_NOT_FOUND', () => key.sign(scheme, input));
  }
  sameBytes(await pending, vendor.SIGNATURE);
});

test('nonsense is refused when a key is loaded', () => {
  for (const bytes of [Buffer.alloc(0), Buffer.of(0x30, 0), vendor.KEKEK.subarray(0, 100), vendor.DIGEST_INFO]) {
    throwsStatus('ASN1_PARSE_FAILED', () => SigningKey.fromPkcs8(bytes));
    assert.throws(() => SigningKey.fromSpki(bytes));
  }
  const offCurve = Buffer.from(validatePrivateKey(vendor.EXPORTED_KEY).spki);
  offCurve.writeUInt8(offCurve.readUInt8(60) ^ 1, 60);
  throwsStatus('KEY_NOT_ON_CURVE', () => SigningKey.fromSpki(offCurve));
});

test('the openssl program accepts the signatures', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'signing-key-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = (name: string, content: Uint8Array | string): string => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };
  const check = (key: SigningKey, publicKey: KeyObject, input: Uint8Array, signature: Uint8Array): void => {
    const pem = file('key.pem', publicKey.export({ format: 'pem', type: 'spki' }));
    const raw = key.type === KeyType.ED_PRIVATE ? ['-rawin'] : [];
    const files = ['-in', file('input', input), '-sigfile', file('signature', signature)];
    const output = execFileSync('openssl', ['pkeyutl', '-verify', '-pubin', '-inkey', pem, ...raw, ...files]);
    assert.match(output.toString(), /Signature Verified Successfully/);
  };
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const rsaKey = SigningKey.fromPkcs8(pkcs8Of(rsa.privateKey));
  check(rsaKey, rsa.publicKey, vendor.DIGEST_INFO, await rsaKey.sign('rsa-pkcs1', vendor.DIGEST_INFO));
  for (const parameters of SIGNING) {
    const { publicKey, privateKey } = newPair(parameters);
    const key = SigningKey.fromPkcs8(pkcs8Of(privateKey));
    const input = randomBytes(32);
    if (parameters.form === 'edwards') {
      check(key, publicKey, input, await key.sign('eddsa', input));
    } else {
      const signature = await key.sign('ecdsa', input);
      const [r, s] = [signature.subarray(0, parameters.size), signature.subarray(parameters.size)];
      check(key, publicKey, input, DerWriter.sequence(DerWriter.unsigned(r), DerWriter.unsigned(s)));
    }
  }
});
