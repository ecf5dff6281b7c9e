import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { CKR } from '#src/cryptoki/constants.ts';
import { CURVES } from '#src/cryptoki/curves.ts';
import {
  bitLength,
  ecPointOf,
  ecPublicKeyInfo,
  rsaNumbers,
  rsaPublicKeyInfo,
  subjectPublicKey,
} from '#src/cryptoki/public-key-info.ts';
import { CkrError } from '#src/wire/status.ts';

function spki(key: KeyObject): Buffer {
  return key.export({ type: 'spki', format: 'der' });
}

describe('public keys as OpenSSL encodes them', () => {
  for (const modulusLength of [1024, 2048, 4096]) {
    test(`RSA ${modulusLength}`, () => {
      const { publicKey } = generateKeyPairSync('rsa', { modulusLength });
      const { modulus, exponent } = rsaNumbers(spki(publicKey));
      const { n, e } = publicKey.export({ format: 'jwk' });
      assert.deepEqual(Buffer.from(modulus), Buffer.from(n ?? '', 'base64url'));
      assert.deepEqual(Buffer.from(exponent), Buffer.from(e ?? '', 'base64url'));
      assert.equal(bitLength(modulus), modulusLength);
      assert.deepEqual(Buffer.from(rsaPublicKeyInfo(modulus, exponent)), spki(publicKey));
    });
  }

  const keys = [
    generateKeyPairSync('ec', { namedCurve: 'P-256' }),
    generateKeyPairSync('ec', { namedCurve: 'P-384' }),
    generateKeyPairSync('ec', { namedCurve: 'P-521' }),
    generateKeyPairSync('ed25519'),
    generateKeyPairSync('ed448'),
    generateKeyPairSync('ec', { namedCurve: 'secp256k1' }),
    ...[256, 320, 384, 512].map((bits) => generateKeyPairSync('ec', { namedCurve: `brainpoolP${bits}r1` })),
    generateKeyPairSync('x25519'),
    generateKeyPairSync('x448'),
  ];
  // First bytes of CKA_EC_POINT: OCTET STRING and its length, then the form of the point for NIST curves.
  const heads = [
    '044104',
    '046104',
    '04818504',
    '0420',
    '0439',
    '044104',
    '044104',
    '045104',
    '046104',
    '04818104',
    '0420',
    '0438',
  ];
  for (const [index, curve] of CURVES.entries()) {
    test(curve.names[0] ?? '', () => {
      const key = spki((keys[index] as { publicKey: KeyObject }).publicKey);
      const point = ecPointOf(key);
      assert.ok(
        Buffer.from(point)
          .toString('hex')
          .startsWith(heads[index] as string),
      );
      assert.equal(subjectPublicKey(key).length, curve.pointSize);
      assert.deepEqual(Buffer.from(ecPublicKeyInfo(curve, point)), key);
      assert.deepEqual(Buffer.from(ecPublicKeyInfo(curve, subjectPublicKey(key))), key, 'a bare point');
      for (let length = 0; length < point.length; length++) {
        if (length === curve.pointSize) continue;
        assert.throws(() => ecPublicKeyInfo(curve, point.subarray(0, length)), { ckr: CKR.ATTRIBUTE_VALUE_INVALID });
      }
    });
  }
});

test('bits of a number', () => {
  for (const [hex, bits] of [
    ['', 0],
    ['01', 1],
    ['ff', 8],
    ['0100', 9],
    ['7fff', 15],
  ] as const) {
    assert.equal(bitLength(Buffer.from(hex, 'hex')), bits);
  }
});

test('other bytes are refused by a return value, whatever they are', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      for (const parse of [subjectPublicKey, rsaNumbers, ecPointOf]) {
        try {
          parse(bytes);
        } catch (error) {
          assert.ok(error instanceof CkrError);
        }
      }
    }),
  );
});
