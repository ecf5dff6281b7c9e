import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { describe, test } from 'node:test';
import { CK_UNAVAILABLE_INFORMATION, CKK, CKM, CKO, CKR } from '#src/cryptoki/constants.ts';
import { ulongValue } from '#src/cryptoki/values.ts';
import { HalError } from '#src/wire/status.ts';
import { randomUuid, rejectsWith, startToken } from './start-token.ts';
import { ED25519, P256, P521, template, type Template } from './templates.ts';

const EC = CKM.EC_KEY_PAIR_GEN;
const TOKEN = { TOKEN: true };

describe('C_CreateObject', () => {
  const { publicKey: rsa } = generateKeyPairSync('rsa', { modulusLength: 1024 });
  const modulus = Buffer.from(rsa.export({ format: 'jwk' }).n as string, 'base64url');
  const rsaTemplate = { CLASS: CKO.PUBLIC_KEY, KEY_TYPE: CKK.RSA, MODULUS: modulus, PUBLIC_EXPONENT: '0x010001' };
  const { publicKey: p521 } = generateKeyPairSync('ec', { namedCurve: 'P-521' });
  const point = p521.export({ type: 'spki', format: 'der' }).subarray(-133);
  const ecTemplate = { CLASS: CKO.PUBLIC_KEY, KEY_TYPE: CKK.EC, EC_PARAMS: P521 };
  const der = (content: Uint8Array) => Buffer.concat([Buffer.from('048185', 'hex'), content]);

  test('public keys, also without login', async () => {
    const { user, visitor } = startToken();
    const created = await visitor.create({ ...rsaTemplate, ENCRYPT: false, VERIFY: true, WRAP: false, TOKEN: false });
    created.assertHas(
      {
        ...rsaTemplate,
        LOCAL: false,
        KEY_GEN_MECHANISM: ulongValue(CK_UNAVAILABLE_INFORMATION),
        MODULUS_BITS: 1024,
        PRIVATE: false,
        ID: '',
      },
      'RSA',
    );
    assert.deepEqual(
      Buffer.from(created.get('PUBLIC_KEY_INFO') ?? '', 'hex'),
      rsa.export({ type: 'spki', format: 'der' }),
    );
    (await user.create({ ...rsaTemplate, MODULUS: Buffer.concat([Buffer.of(0), modulus]), ...TOKEN })).assertHas(
      { MODULUS: modulus, VERIFY: true, TOKEN: true },
      'a leading zero',
    );
    for (const given of [point, der(point)]) {
      const ec = await user.create({ ...ecTemplate, EC_POINT: given });
      ec.assertHas({ EC_POINT: der(point), EC_PARAMS: P521 }, 'EC');
      assert.deepEqual(
        Buffer.from(ec.get('PUBLIC_KEY_INFO') ?? '', 'hex'),
        p521.export({ type: 'spki', format: 'der' }),
      );
    }
    const ed = generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'der' });
    const edTemplate = { CLASS: CKO.PUBLIC_KEY, KEY_TYPE: CKK.EC_EDWARDS, EC_PARAMS: ED25519 };
    const created2 = await user.create({ ...edTemplate, EC_POINT: ed.subarray(-32) });
    assert.equal(created2.get('EC_POINT'), `0420${ed.subarray(-32).toString('hex')}`);
    assert.deepEqual(Buffer.from(created2.get('PUBLIC_KEY_INFO') ?? '', 'hex'), ed);
    const named = { ...edTemplate, EC_PARAMS: '0x130c656477617264733235353139', EC_POINT: ed.subarray(-32) };
    (await user.create(named)).assertHas({ EC_PARAMS: named.EC_PARAMS }, 'as it was given');
  });

  test('the same request twice gives the same object, but not to another application', async () => {
    const { user, visitor, fleet } = startToken();
    const request = randomUuid();
    const first = await user.create(rsaTemplate, request);
    assert.deepEqual(await user.create(rsaTemplate, request), first);
    assert.equal(fleet.keys.size, 1);
    await assert.rejects(visitor.create(rsaTemplate, request));
  });

  test('a device error leaves nothing behind', async () => {
    const { user, fleet } = startToken();
    fleet.failNext = { name: 'loadKey', error: new HalError('IO_TIMEOUT') };
    await rejectsWith(user.create(rsaTemplate), CKR.DEVICE_ERROR);
    assert.equal(fleet.keys.size, 0);
  });

  const refused: [string, Template, number][] = [
    ['no class', { KEY_TYPE: CKK.RSA }, CKR.TEMPLATE_INCOMPLETE],
    ['no key type', { CLASS: CKO.PUBLIC_KEY }, CKR.TEMPLATE_INCOMPLETE],
    ['no modulus', { CLASS: CKO.PUBLIC_KEY, KEY_TYPE: CKK.RSA, PUBLIC_EXPONENT: '0x03' }, CKR.TEMPLATE_INCOMPLETE],
    ['no point', ecTemplate, CKR.TEMPLATE_INCOMPLETE],
    ['the trust object of NSS', { CLASS: 0xce534353, TOKEN: true }, CKR.ATTRIBUTE_VALUE_INVALID],
    ['an unknown class', { CLASS: 0x77 }, CKR.ATTRIBUTE_VALUE_INVALID],
    ['half a private key', { CLASS: CKO.PRIVATE_KEY, KEY_TYPE: CKK.RSA, MODULUS: modulus }, CKR.TEMPLATE_INCOMPLETE],
    ['a secret key without value', { CLASS: CKO.SECRET_KEY, KEY_TYPE: CKK.AES }, CKR.TEMPLATE_INCOMPLETE],
    ['a certificate of no type', { CLASS: CKO.CERTIFICATE }, CKR.TEMPLATE_INCOMPLETE],
    ['a profile', { CLASS: CKO.PROFILE, TOKEN: true }, CKR.TEMPLATE_INCONSISTENT],
    ['an AES public key', { CLASS: CKO.PUBLIC_KEY, KEY_TYPE: CKK.AES }, CKR.ATTRIBUTE_VALUE_INVALID],
    ['a wrong size', { ...rsaTemplate, MODULUS_BITS: 2048 }, CKR.ATTRIBUTE_READ_ONLY],
    ['another family', { ...ecTemplate, EC_PARAMS: ED25519, EC_POINT: new Uint8Array(32) }, CKR.TEMPLATE_INCONSISTENT],
    ['a truncated point', { ...ecTemplate, EC_POINT: der(point).subarray(0, -1) }, CKR.ATTRIBUTE_VALUE_INVALID],
    [
      'a point and a byte',
      { ...ecTemplate, EC_POINT: Buffer.concat([der(point), Buffer.of(0)]) },
      CKR.ATTRIBUTE_VALUE_INVALID,
    ],
    ['an empty point', { ...ecTemplate, EC_POINT: '' }, CKR.ATTRIBUTE_VALUE_INVALID],
    [
      'a point off the curve',
      { ...ecTemplate, EC_POINT: der(Buffer.concat([point.subarray(0, -1), Buffer.of((point.at(-1) as number) ^ 1)])) },
      CKR.ATTRIBUTE_VALUE_INVALID,
    ],
  ];
  for (const [name, values, ckr] of refused) {
    test(name, async () => {
      const { user, fleet } = startToken();
      await rejectsWith(user.create(values), ckr, name);
      assert.equal(fleet.keys.size, 0);
    });
  }

  test('token and private objects need a login', async () => {
    const { visitor } = startToken();
    await rejectsWith(visitor.create({ ...rsaTemplate, ...TOKEN }), CKR.USER_NOT_LOGGED_IN);
    await rejectsWith(visitor.create({ ...rsaTemplate, PRIVATE: true }), CKR.USER_NOT_LOGGED_IN);
  });

  test('4096 session objects and no more', async () => {
    const { user } = startToken();
    const values = template(rsaTemplate);
    for (let i = 0; i < 4096; i++) {
      await user.call('OBJECT_CREATE', { session: 1 + (i % 2), request: randomUuid(), template: values });
    }
    await rejectsWith(user.create(rsaTemplate), CKR.DEVICE_MEMORY);
    await rejectsWith(user.generate(EC, { EC_PARAMS: P256 }, TOKEN), CKR.DEVICE_MEMORY);
    await user.create({ ...rsaTemplate, ...TOKEN });
    await user.call('SESSION_CLOSE', { session: 2 });
    assert.equal((await user.find({ TOKEN: false })).length, 2048);
    await user.create(rsaTemplate);
  });
});
