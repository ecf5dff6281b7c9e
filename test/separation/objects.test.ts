/** What templates ask for is what a device makes, and its copies are granted. */

import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { CKA, CKC, CKK, CKM, CKO, CKR } from '#src/cryptoki/constants.ts';
import { createServerCertificate } from '#src/crypto/certificate.ts';
import { copyRequest } from '#src/cryptoki/copied-objects.ts';
import { derivedAttribute, objectOfKey } from '#src/cryptoki/key-objects.ts';
import { DEFAULT_POLICY } from '#src/cryptoki/separation.ts';
import { isTrue } from '#src/cryptoki/values.ts';
import { P256, template } from '#test/token/templates.ts';
import { OpenDevice } from './open-device.ts';
import { type Facts, list, Program, USER } from './program.ts';

let program: Program;

before(async () => {
  program = new Program(await OpenDevice.start(DEFAULT_POLICY));
});
after(() => program.device[Symbol.asyncDispose]());

const CERTIFICATE = createServerCertificate({
  commonName: 'hsm.example',
  addresses: [],
  notBefore: new Date('2026-01-01'),
  days: 30,
}).certPem.replaceAll(/-----[^-]+-----|\s/g, '');
const {
  d = '',
  x = '',
  y = '',
} = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' });
const hex = (text: string, encoding: 'base64' | 'base64url'): string =>
  `0x${Buffer.from(text, encoding).toString('hex')}`;

const KINDS: readonly [string, () => Promise<Facts[]>][] = [
  ['RSA', () => program.generatePair(CKM.RSA_PKCS_KEY_PAIR_GEN, { MODULUS_BITS: 2048 }, { ALWAYS_AUTHENTICATE: true })],
  ['EC', () => program.generatePair(CKM.EC_KEY_PAIR_GEN, { EC_PARAMS: P256 }, { DERIVE: true })],
  ['Edwards', () => program.generatePair(CKM.EC_EDWARDS_KEY_PAIR_GEN, { EC_PARAMS: '0x06032b6570' }, {})],
  ['Montgomery', () => program.generatePair(CKM.EC_MONTGOMERY_KEY_PAIR_GEN, { EC_PARAMS: '0x06032b656e' }, {})],
  ['ML-DSA', () => program.generatePair(CKM.ML_DSA_KEY_PAIR_GEN, { PARAMETER_SET: 1 }, {})],
  ['SLH-DSA', () => program.generatePair(CKM.SLH_DSA_KEY_PAIR_GEN, { PARAMETER_SET: 3 }, {})],
  ['ML-KEM', () => program.generatePair(CKM.ML_KEM_KEY_PAIR_GEN, { PARAMETER_SET: 2 }, {})],
  ['AES', async () => [await program.generate({ VALUE_LEN: 32, ALLOWED_MECHANISMS: '0x8710000000000000' })]],
  [
    'generic secret',
    async () => [await program.generate({ VALUE_LEN: 20, START_DATE: '20260101' }, CKM.GENERIC_SECRET_KEY_GEN)],
  ],
  [
    'HMAC',
    async () => [await program.generate({ VALUE_LEN: 32, KEY_TYPE: CKK.SHA256_HMAC }, CKM.GENERIC_SECRET_KEY_GEN)],
  ],
  [
    'imported AES',
    async () => [await program.create({ CLASS: CKO.SECRET_KEY, KEY_TYPE: CKK.AES, VALUE: `0x${'01'.repeat(16)}` })],
  ],
  [
    'imported EC',
    async () => [
      await program.create({ CLASS: CKO.PRIVATE_KEY, KEY_TYPE: CKK.EC, EC_PARAMS: P256, VALUE: hex(d, 'base64url') }),
      await program.create({
        CLASS: CKO.PUBLIC_KEY,
        KEY_TYPE: CKK.EC,
        EC_PARAMS: P256,
        EC_POINT: `0x04${hex(x, 'base64url').slice(2)}${hex(y, 'base64url').slice(2)}`,
      }),
    ],
  ],
  [
    'certificate',
    async () => [
      await program.create({ CLASS: CKO.CERTIFICATE, CERTIFICATE_TYPE: CKC.X_509, VALUE: hex(CERTIFICATE, 'base64') }),
    ],
  ],
  ['data', async () => [await program.create({ CLASS: CKO.DATA, VALUE: 'content', PRIVATE: false })]],
  ['private data', async () => [await program.create({ CLASS: CKO.DATA, VALUE: 'content' })]],
];

describe('objects and their copies', () => {
  for (const [name, make] of KINDS) {
    test(name, async () => {
      for (const facts of await make()) {
        const attributes = new Map(facts.attributes.map(({ type, value }) => [type, value]));
        const description = objectOfKey(facts.type, attributes) ?? assert.fail();
        const current = (type: number): Uint8Array | undefined => {
          const rule = description.rules.get(type);
          return rule?.sensitive === false
            ? (derivedAttribute(type, facts) ?? attributes.get(type) ?? rule.default)
            : undefined;
        };
        const values = template({ LABEL: 'the copy', COPYABLE: false });
        const request = copyRequest(description, current, values, 'user');
        const created = await program.copy(facts, request.flags, list(request.attributes));
        const copied = new Map(created.attributes.map(({ type, value }) => [type, value]));
        assert.equal(Buffer.from(copied.get(CKA.LABEL) ?? []).toString(), 'the copy');
        for (const [type, value] of attributes) {
          if (type !== CKA.LABEL && type !== CKA.COPYABLE) assert.deepEqual(copied.get(type), value, type.toString(16));
        }
        assert.deepEqual(
          await program.device.secretOf(USER, created.key),
          await program.device.secretOf(USER, facts.key),
        );
        assert.throws(() => copyRequest(description, (type) => copied.get(type), [], 'user'), {
          ckr: CKR.ACTION_PROHIBITED,
        });
      }
    });
  }

  test('a device notes where a key comes from', async () => {
    const [privateKey, publicKey] = await program.generatePair(CKM.EC_KEY_PAIR_GEN, { EC_PARAMS: P256 }, {});
    const imported = await program.create({ CLASS: CKO.SECRET_KEY, KEY_TYPE: CKK.AES, VALUE: `0x${'01'.repeat(16)}` });
    const local = (facts: Facts | undefined): boolean =>
      isTrue(facts?.attributes.find(({ type }) => type === CKA.LOCAL)?.value);
    assert.deepEqual([local(privateKey), local(publicKey), local(imported)], [true, true, false]);
  });
});
