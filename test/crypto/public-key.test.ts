import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { test } from 'node:test';

import { CURVES } from '#src/crypto/curves.ts';
import { DerWriter } from '#src/crypto/der.ts';
import { curveOfEcParams, ecParamsOf, parsePublicKey, publicKeyAttributes } from '#src/crypto/public-key.ts';
import { Curve, KeyType } from '#src/wire/enumerations.ts';

import { hex, sameBytes, throwsStatus } from './expect.ts';

const spkiOf = (key: KeyObject): Buffer => key.export({ format: 'der', type: 'spki' });

function newSpki(curve: Curve): Buffer {
  const parameters = CURVES.find((each) => each.curve === curve);
  assert.ok(parameters);
  const { form, nodeName } = parameters;
  if (form !== 'weierstrass') return spkiOf(generateKeyPairSync(nodeName as 'x25519').publicKey);
  return spkiOf(generateKeyPairSync('ec', { namedCurve: nodeName }).publicKey);
}

const TYPES = { weierstrass: KeyType.EC_PUBLIC, edwards: KeyType.ED_PUBLIC, montgomery: KeyType.X_PUBLIC } as const;

const rsa = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey;

test('keys of OpenSSL are understood and kept byte for byte', () => {
  const parsed = parsePublicKey(spkiOf(rsa));
  const { n, e } = rsa.export({ format: 'jwk' });
  assert.equal(parsed.type, KeyType.RSA_PUBLIC);
  assert.equal(parsed.bits, 1024);
  assert.equal(parsed.curve, Curve.NONE);
  assert.deepEqual(parsed.modulus && Buffer.from(parsed.modulus).toString('base64url'), n);
  assert.deepEqual(parsed.exponent && Buffer.from(parsed.exponent).toString('base64url'), e);
  sameBytes(parsed.spki, spkiOf(rsa));
  for (const { curve, bits, form, pointSize } of CURVES) {
    // Ten keys: both signs of x, both parities, leading zeros now and then.
    for (let round = 0; round < 10; round++) {
      const spki = newSpki(curve);
      const key = parsePublicKey(spki);
      assert.equal(key.type, TYPES[form]);
      assert.equal(key.curve, curve);
      assert.equal(key.bits, bits);
      assert.deepEqual(key.point && Buffer.from(key.point), spki.subarray(-pointSize));
      sameBytes(key.spki, spki);
    }
  }
});

test('RSA without the NULL parameters is accepted and brought into the usual form', () => {
  const { modulus, exponent } = parsePublicKey(spkiOf(rsa));
  assert.ok(modulus && exponent);
  const key = DerWriter.sequence(DerWriter.unsigned(modulus), DerWriter.unsigned(exponent));
  const bare = DerWriter.sequence(DerWriter.sequence(DerWriter.oid('2a864886f70d010101')), DerWriter.bitString(key));
  sameBytes(parsePublicKey(bare).spki, spkiOf(rsa));
});

test('truncation at every byte and bytes behind the end are refused', () => {
  for (const spki of [spkiOf(rsa), newSpki(Curve.P256), newSpki(Curve.ED25519)]) {
    for (let length = 0; length < spki.length; length++) {
      throwsStatus('ASN1_PARSE_FAILED', () => parsePublicKey(spki.subarray(0, length)));
    }
    throwsStatus('ASN1_PARSE_FAILED', () => parsePublicKey(Buffer.concat([spki, Buffer.of(0)])));
  }
});

test('points off the curve are refused', () => {
  for (const { curve, pointSize, form, prime, size } of CURVES) {
    // Of these curves every string of bytes is a point.
    if (form === 'montgomery') continue;
    const edwards = form === 'edwards';
    const spki = newSpki(curve);
    let refused = 0;
    for (let bit = 0; bit < 8; bit++) {
      const changed = Buffer.from(spki);
      const at = changed.length - Math.floor(pointSize / 2);
      changed[at] = (changed[at] as number) ^ (1 << bit);
      try {
        parsePublicKey(changed);
      } catch {
        throwsStatus('KEY_NOT_ON_CURVE', () => parsePublicKey(changed));
        refused += 1;
      }
    }
    // Half of all y of an Edwards curve belong to a point.
    assert.ok(edwards ? refused > 0 : refused === 8, `${refused} of 8`);
    // A coordinate that is not below the prime.
    const large = Buffer.from(spki);
    const digits = hex(prime.toString(16).padStart(2 * size, '0'));
    large.set(edwards ? digits.reverse() : digits, large.length - size);
    throwsStatus('KEY_NOT_ON_CURVE', () => parsePublicKey(large));
  }
});

test('compressed points, explicit parameters, other curves and algorithms are refused', () => {
  const spki = newSpki(Curve.P256);
  const point = spki.subarray(-65);
  const algorithm = DerWriter.sequence(DerWriter.oid('2a8648ce3d0201'), DerWriter.oid('2a8648ce3d030107'));
  const compressed = Buffer.concat([Buffer.of(2 + ((point.at(-1) as number) & 1)), point.subarray(1, 33)]);
  const build = (bytes: Uint8Array): Uint8Array => DerWriter.sequence(algorithm, DerWriter.bitString(bytes));
  throwsStatus('ASN1_PARSE_FAILED', () => parsePublicKey(build(compressed)));
  throwsStatus('ASN1_PARSE_FAILED', () => parsePublicKey(build(Buffer.of(0))));
  throwsStatus('ASN1_PARSE_FAILED', () => parsePublicKey(build(Buffer.alloc(65))));
  throwsStatus('KEY_NOT_ON_CURVE', () => parsePublicKey(build(Buffer.concat([Buffer.of(4), Buffer.alloc(64)]))));

  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256', paramEncoding: 'explicit' });
  throwsStatus('ASN1_PARSE_FAILED', () => parsePublicKey(spkiOf(publicKey)));
  const koblitz = generateKeyPairSync('ec', { namedCurve: 'secp224k1' }).publicKey;
  throwsStatus('UNSUPPORTED_KEY', () => parsePublicKey(spkiOf(koblitz)));
  const { publicKey: dsa } = generateKeyPairSync('dsa', { modulusLength: 1024 });
  throwsStatus('UNSUPPORTED_KEY', () => parsePublicKey(spkiOf(dsa)));
});

test('RSA sizes and exponents out of bounds are refused', () => {
  const build = (modulus: Uint8Array, exponent: Uint8Array): Uint8Array =>
    DerWriter.sequence(
      DerWriter.sequence(DerWriter.oid('2a864886f70d010101'), DerWriter.null()),
      DerWriter.bitString(DerWriter.sequence(DerWriter.unsigned(modulus), DerWriter.unsigned(exponent))),
    );
  const odd = (bytes: number): Buffer => Buffer.alloc(bytes, 0xff);
  assert.equal(parsePublicKey(build(odd(1024), hex('03'))).bits, 8192);
  throwsStatus('UNSUPPORTED_KEY', () => parsePublicKey(build(odd(1025), hex('010001'))));
  throwsStatus('UNSUPPORTED_KEY', () => parsePublicKey(build(odd(127), hex('010001'))));
  throwsStatus('UNSUPPORTED_KEY', () => parsePublicKey(build(odd(256), odd(9))));
  for (const exponent of ['00', '01', '02', '010000']) {
    throwsStatus('UNSUPPORTED_KEY', () => parsePublicKey(build(odd(256), hex(exponent))));
  }
  throwsStatus('ASN1_PARSE_FAILED', () => parsePublicKey(build(Buffer.alloc(256, 0xfe), hex('010001'))));
});

test('attributes have the encodings of the vendor library', () => {
  const rsaKey = parsePublicKey(spkiOf(rsa));
  const { modulus } = rsaKey;
  assert.deepEqual(publicKeyAttributes(rsaKey, true).map(plain), [
    [0x120, modulus && Buffer.from(modulus).toString('hex')],
    [0x122, '010001'],
  ]);
  assert.deepEqual(publicKeyAttributes(rsaKey, false).map(plain), [
    [0x120, modulus && Buffer.from(modulus).toString('hex')],
    [0x121, '0004000000000000'],
    [0x122, '010001'],
  ]);
  const spki = newSpki(Curve.P256);
  const ecKey = parsePublicKey(spki);
  assert.deepEqual(publicKeyAttributes(ecKey, true).map(plain), [[0x180, '06082a8648ce3d030107']]);
  assert.deepEqual(publicKeyAttributes(ecKey, false).map(plain), [
    [0x180, '06082a8648ce3d030107'],
    [0x181, `0441${spki.subarray(-65).toString('hex')}`],
  ]);
  const edwards = newSpki(Curve.ED448);
  assert.deepEqual(publicKeyAttributes(parsePublicKey(edwards), false).map(plain), [
    [0x180, '06032b6571'],
    [0x181, `0439${edwards.subarray(-57).toString('hex')}`],
  ]);
});

function plain({ type, value }: { type: number; value: Uint8Array }): [number, string] {
  return [type, Buffer.from(value).toString('hex')];
}

test('CKA_EC_PARAMS names curves by identifier or, for those of RFC 7748 and RFC 8032, by name', () => {
  for (const { curve } of CURVES) assert.equal(curveOfEcParams(ecParamsOf(curve)), curve);
  assert.equal(curveOfEcParams(hex(`130c${Buffer.from('edwards25519').toString('hex')}`)), Curve.ED25519);
  assert.equal(curveOfEcParams(hex(`130a${Buffer.from('edwards448').toString('hex')}`)), Curve.ED448);
  assert.equal(curveOfEcParams(hex(`130a${Buffer.from('curve25519').toString('hex')}`)), Curve.X25519);
  assert.equal(curveOfEcParams(hex(`1308${Buffer.from('curve448').toString('hex')}`)), Curve.X448);
  for (const other of ['', '06', '06052b81040020', '0500', '06032b6570ff', '06082a8648ce3d03010700']) {
    assert.equal(curveOfEcParams(hex(other)), undefined);
  }
  assert.equal(ecParamsOf(Curve.NONE).length, 0);
});
