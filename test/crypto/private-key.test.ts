import assert from 'node:assert/strict';
import { createPublicKey, createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { test } from 'node:test';

import { CURVES } from '#src/crypto/curves.ts';
import { contextTag, DerReader, DerWriter } from '#src/crypto/der.ts';
import { readPrivateKey, validatePrivateKey, writeRsaKey } from '#src/crypto/private-key.ts';
import { Curve, KeyType } from '#src/wire/enumerations.ts';

import { hex, sameBytes, throwsStatus } from './expect.ts';
import * as vendor from './vendor-vectors.ts';

const pkcs8Of = (key: KeyObject): Buffer => key.export({ format: 'der', type: 'pkcs8' });

function newKey(curve: Curve): Buffer {
  if (curve === Curve.ED25519) return pkcs8Of(generateKeyPairSync('ed25519').privateKey);
  if (curve === Curve.ED448) return pkcs8Of(generateKeyPairSync('ed448').privateKey);
  const namedCurve = CURVES.find((each) => each.curve === curve)?.nodeName as string;
  return pkcs8Of(generateKeyPairSync('ec', { namedCurve }).privateKey);
}

function derivedSpki(pkcs8: Uint8Array): Buffer {
  const key = createPrivateKey({ key: Buffer.from(pkcs8), format: 'der', type: 'pkcs8' });
  return createPublicKey(key).export({ format: 'der', type: 'spki' });
}

const P256 = DerWriter.sequence(DerWriter.oid('2a8648ce3d0201'), DerWriter.oid('2a8648ce3d030107'));

/** PKCS#8 of an EC key from its parts. */
function ecKey(algorithm: Uint8Array, secret: Uint8Array, ...rest: Uint8Array[]): Uint8Array {
  const key = DerWriter.sequence(DerWriter.unsigned(Buffer.of(1)), DerWriter.octetString(secret), ...rest);
  return DerWriter.sequence(DerWriter.unsigned(Buffer.of(0)), algorithm, DerWriter.octetString(key));
}

const explicitPoint = (point: Uint8Array): Uint8Array =>
  DerWriter.element(contextTag(1, true), DerWriter.bitString(point));

test('keys of OpenSSL and of a vendor device are understood and kept byte for byte', () => {
  const cases: [Buffer, KeyType, Curve, number][] = [
    [vendor.KEKEK, KeyType.RSA_PRIVATE, Curve.NONE, 1024],
    [vendor.EXPORTED_KEY, KeyType.EC_PRIVATE, Curve.P256, 256],
    [pkcs8Of(generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey), KeyType.RSA_PRIVATE, Curve.NONE, 2048],
    [newKey(Curve.P384), KeyType.EC_PRIVATE, Curve.P384, 384],
    [newKey(Curve.P521), KeyType.EC_PRIVATE, Curve.P521, 521],
    [newKey(Curve.ED25519), KeyType.ED_PRIVATE, Curve.ED25519, 255],
    [newKey(Curve.ED448), KeyType.ED_PRIVATE, Curve.ED448, 448],
  ];
  for (const [pkcs8, type, curve, bits] of cases) {
    const key = validatePrivateKey(pkcs8);
    assert.deepEqual({ type: key.type, curve: key.curve, bits: key.bits }, { type, curve, bits });
    sameBytes(key.pkcs8, pkcs8);
    sameBytes(key.spki, derivedSpki(pkcs8));
  }
});

test('truncation at every byte and bytes behind the end are refused', () => {
  for (const pkcs8 of [vendor.KEKEK, vendor.EXPORTED_KEY, newKey(Curve.ED25519)]) {
    for (let length = 0; length < pkcs8.length; length++) {
      throwsStatus('ASN1_PARSE_FAILED', () => validatePrivateKey(pkcs8.subarray(0, length)));
    }
    throwsStatus('ASN1_PARSE_FAILED', () => validatePrivateKey(Buffer.concat([pkcs8, Buffer.of(5, 0)])));
  }
});

test('a wrong bit anywhere in an RSA key is noticed', () => {
  for (let index = 0; index < vendor.KEKEK.length; index++) {
    const changed = Buffer.from(vendor.KEKEK);
    changed[index] = (changed[index] as number) ^ 0x10;
    assert.throws(() => validatePrivateKey(changed), `byte ${index}`);
  }
});

test('RSA numbers that do not fit together are refused, one by one', () => {
  const fields = readPrivateKey(vendor.KEKEK);
  assert.ok(fields.kind === 'rsa');
  const { numbers } = fields;
  // Encoding and parity stay as they were: only arithmetic can find these.
  for (let index = 0; index < numbers.length; index++) {
    const number = Buffer.from(numbers[index] as Uint8Array);
    number[Math.floor(number.length / 2)] = (number[Math.floor(number.length / 2)] as number) ^ 4;
    throwsStatus('ASN1_PARSE_FAILED', () => validatePrivateKey(writeRsaKey(numbers.with(index, number))));
    throwsStatus('ASN1_PARSE_FAILED', () => validatePrivateKey(writeRsaKey(numbers.slice(0, index))));
  }
  const [n, e, d, p, q, dp, dq, qInverse] = numbers as Buffer[];
  const exchanged = [n, e, d, q, p, dq, dp, qInverse] as Buffer[];
  throwsStatus('ASN1_PARSE_FAILED', () => validatePrivateKey(writeRsaKey(exchanged)));
});

test('the blinding values that a vendor device adds to an RSA key are read over and dropped', () => {
  const fields = readPrivateKey(vendor.KEKEK);
  assert.ok(fields.kind === 'rsa');
  const zero = DerWriter.unsigned(Buffer.alloc(1));
  const extras = [512, 512, 256, 256, 256, 256].map((size, index) =>
    DerWriter.element(0xc0 + index, Buffer.alloc(size, index + 1)),
  );
  const build = (...more: Uint8Array[]): Uint8Array => {
    const key = DerWriter.sequence(zero, ...fields.numbers.map((number) => DerWriter.unsigned(number)), ...more);
    const algorithm = DerWriter.sequence(DerWriter.oid('2a864886f70d010101'), DerWriter.null());
    return DerWriter.sequence(zero, algorithm, DerWriter.octetString(key));
  };
  sameBytes(validatePrivateKey(build(...extras)).pkcs8, vendor.KEKEK);
  sameBytes(validatePrivateKey(build(...extras.slice(0, 2))).pkcs8, vendor.KEKEK);
  throwsStatus('ASN1_PARSE_FAILED', () => validatePrivateKey(build(DerWriter.element(0xc6, Buffer.of(1)))));
  throwsStatus('ASN1_PARSE_FAILED', () => validatePrivateKey(build(DerWriter.null())));
  throwsStatus('ASN1_PARSE_FAILED', () => validatePrivateKey(build(Buffer.of(0xc0, 5, 1))));
});

test('EC keys of other software are brought into the stored form', () => {
  const pkcs8 = vendor.EXPORTED_KEY;
  const point = pkcs8.subarray(-65);
  const secret = hex('ef574506671555514e7219d6db1ec637d90c98967b22abf6685502ce7db76391');
  const parameters = DerWriter.element(contextTag(0, true), DerWriter.oid('2a8648ce3d030107'));
  for (const form of [
    ecKey(P256, secret),
    ecKey(P256, secret, parameters),
    ecKey(P256, secret, parameters, explicitPoint(point)),
  ]) {
    sameBytes(validatePrivateKey(form).pkcs8, pkcs8);
  }
  // A private key with leading zeros, written short by old software.
  const short = validatePrivateKey(ecKey(P256, Buffer.of(5)));
  assert.equal(short.pkcs8.length, 138);
  sameBytes(short.spki, derivedSpki(Buffer.from(short.pkcs8)));
});

test('EC keys that contradict themselves are refused', () => {
  const secret = Buffer.alloc(32, 3);
  const { spki } = validatePrivateKey(ecKey(P256, secret));
  const point = Buffer.from(spki).subarray(-65);
  const other = Buffer.from(validatePrivateKey(ecKey(P256, Buffer.of(7))).spki).subarray(-65);
  const offCurve = Buffer.from(point);
  offCurve[40] = (offCurve[40] as number) ^ 1;
  throwsStatus('KEY_NOT_ON_CURVE', () => validatePrivateKey(ecKey(P256, secret, explicitPoint(offCurve))));
  throwsStatus('ASN1_PARSE_FAILED', () => validatePrivateKey(ecKey(P256, secret, explicitPoint(other))));
  throwsStatus('ASN1_PARSE_FAILED', () => validatePrivateKey(ecKey(P256, secret, explicitPoint(point.subarray(1)))));
  const p384 = DerWriter.element(contextTag(0, true), DerWriter.oid('2b81040022'));
  throwsStatus('ASN1_PARSE_FAILED', () => validatePrivateKey(ecKey(P256, secret, p384)));
});

test('private keys that are zero, not below the order, or too long are refused', () => {
  for (const { curve, order, oid, size } of CURVES) {
    if (order === undefined) continue;
    const algorithm = DerWriter.sequence(DerWriter.oid('2a8648ce3d0201'), DerWriter.oid(oid));
    const bytes = (value: bigint): Buffer => hex(value.toString(16).padStart(2 * size, '0'));
    assert.equal(validatePrivateKey(ecKey(algorithm, bytes(order - 1n))).curve, curve);
    assert.equal(validatePrivateKey(ecKey(algorithm, bytes(1n))).curve, curve);
    for (const secret of [bytes(order), bytes(0n), Buffer.alloc(0), Buffer.alloc(size, 0xff), Buffer.alloc(size + 1)]) {
      throwsStatus('ASN1_PARSE_FAILED', () => validatePrivateKey(ecKey(algorithm, secret)));
    }
  }
});

test('explicit parameters, other curves and other algorithms are refused', () => {
  const explicit = generateKeyPairSync('ec', { namedCurve: 'P-256', paramEncoding: 'explicit' }).privateKey;
  throwsStatus('ASN1_PARSE_FAILED', () => validatePrivateKey(pkcs8Of(explicit)));
  const koblitz = generateKeyPairSync('ec', { namedCurve: 'secp224k1' }).privateKey;
  throwsStatus('UNSUPPORTED_KEY', () => validatePrivateKey(pkcs8Of(koblitz)));
  const dsa = generateKeyPairSync('dsa', { modulusLength: 1024 }).privateKey;
  throwsStatus('UNSUPPORTED_KEY', () => validatePrivateKey(pkcs8Of(dsa)));
  throwsStatus('UNSUPPORTED_KEY', () =>
    validatePrivateKey(pkcs8Of(generateKeyPairSync('rsa', { modulusLength: 768 }).privateKey)),
  );
  // A SubjectPublicKeyInfo is not a private key.
  throwsStatus('ASN1_PARSE_FAILED', () => validatePrivateKey(derivedSpki(vendor.KEKEK)));
});

test('Ed25519 with its public key inside (RFC 8410 section 10.3) is accepted if both belong together', () => {
  const build = (point: Uint8Array): Uint8Array =>
    DerWriter.sequence(
      DerWriter.unsigned(Buffer.of(1)),
      DerWriter.sequence(DerWriter.oid('2b6570')),
      DerWriter.octetString(DerWriter.octetString(Buffer.alloc(32, 1))),
      DerWriter.element(contextTag(1, false), Buffer.of(0), point),
    );
  const plain = DerWriter.sequence(
    DerWriter.unsigned(Buffer.of(0)),
    DerWriter.sequence(DerWriter.oid('2b6570')),
    DerWriter.octetString(DerWriter.octetString(Buffer.alloc(32, 1))),
  );
  const point = derivedSpki(plain).subarray(-32);
  sameBytes(validatePrivateKey(build(point)).pkcs8, plain);
  const other = validatePrivateKey(newKey(Curve.ED25519)).spki.subarray(-32);
  throwsStatus('ASN1_PARSE_FAILED', () => validatePrivateKey(build(other)));
  throwsStatus('ASN1_PARSE_FAILED', () => validatePrivateKey(build(point.subarray(1))));
});

test('the stored form has no attributes and version 0', () => {
  const reader = new DerReader(validatePrivateKey(newKey(Curve.P256)).pkcs8).sequence();
  assert.equal(reader.smallInteger(), 0);
  reader.sequence();
  const key = new DerReader(reader.octetString()).sequence();
  reader.end();
  assert.equal(key.smallInteger(), 1);
  assert.equal(key.octetString().length, 32);
  key.element(contextTag(1, true));
  key.end();
});
