import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CKA, CKK, CKM, CKR } from '#src/cryptoki/constants.ts';
import { ulongOf } from '#src/cryptoki/values.ts';
import { Curve, KeyType } from '#src/wire/enumerations.ts';
import {
  ckr,
  deviceForSuite,
  type DeviceLink,
  type DeviceUnderTest,
  freshName,
  logIn,
  NO_BYTES,
  NOBODY,
  PINS,
  SO,
  status,
  USER,
} from './device-under-test.ts';
import { attributes, type Facts, loadSecret, makePair, OPEN, RSA_2048, secret, valueOf } from './templates.ts';

const DIGEST = Buffer.alloc(32, 1);
const P256 = { type: KeyType.EC_PRIVATE, curve: Curve.P256, bits: 0 } as const;

describe('uses of keys', () => {
  let device: DeviceUnderTest;
  let link: DeviceLink;
  deviceForSuite((started, own) => {
    link = started;
    device = own;
  });

  const sign = ({ key }: Facts) =>
    link.call('KEY_SIGN', USER, { key, mechanism: CKM.ECDSA, parameter: NO_BYTES, data: DIGEST });
  const limited = async (limit: number): Promise<Facts> => {
    const { privateKey } = await makePair(
      link,
      P256,
      { [CKA.SIGN]: true, [CKA.DKS_USE_LIMIT]: limit },
      { [CKA.VERIFY]: true },
    );
    return privateKey;
  };
  const count = async ({ key }: Facts): Promise<bigint | undefined> =>
    ulongOf(valueOf(await link.call('KEY_SET_ATTRIBUTES', USER, { key, attributes: [] }), CKA.DKS_USE_COUNT));
  const restart = async (signal: NodeJS.Signals): Promise<void> => {
    await link.kill(signal);
    link = await device.start();
    await logIn(link);
  };

  test('a limit holds, also for many at once, and no end by force gives a use back', async () => {
    const key = await limited(5);
    await sign(key);
    await sign(key);
    await restart('SIGKILL');
    assert.equal(await count(key), 2n);
    const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => sign(key)));
    assert.equal(outcomes.filter(({ status: outcome }) => outcome === 'fulfilled').length, 3);
    await assert.rejects(sign(key), ckr(CKR.KEY_FUNCTION_NOT_PERMITTED));
    await restart('SIGKILL');
    await assert.rejects(sign(key), ckr(CKR.KEY_FUNCTION_NOT_PERMITTED));
    assert.equal(await count(key), 5n);
    const { pkey } = await link.call('PKEY_OPEN', USER, { session: 0, uuid: key.key });
    await assert.rejects(
      link.call('PKEY_SIGN', USER, { pkey, hash: 0, input: DIGEST, sigMax: 100 }),
      status('FORBIDDEN'),
    );
  });

  test('a limit is lowered, not raised, and what failed is no use', async () => {
    const key = await limited(3);
    const set = (limit: number) =>
      link.call('KEY_SET_ATTRIBUTES', USER, { key: key.key, attributes: attributes({ [CKA.DKS_USE_LIMIT]: limit }) });
    await assert.rejects(set(4), ckr(CKR.ATTRIBUTE_READ_ONLY));
    await assert.rejects(
      link.call('KEY_SET_ATTRIBUTES', USER, { key: key.key, attributes: [{ type: CKA.DKS_USE_LIMIT, value: null }] }),
      ckr(CKR.ATTRIBUTE_READ_ONLY),
    );
    const wrong = { key: key.key, mechanism: CKM.ECDSA, parameter: NO_BYTES, data: NO_BYTES };
    await assert.rejects(link.call('KEY_SIGN', USER, wrong));
    assert.equal(await count(key), 0n);
    await sign(key);
    await set(1);
    await assert.rejects(sign(key), ckr(CKR.KEY_FUNCTION_NOT_PERMITTED));
  });

  test('two copies of a limited key would have two limits', async () => {
    const key = await limited(3);
    const copy = { key: key.key, session: 0, name: freshName(), flags: key.flags, attributes: key.attributes };
    await assert.rejects(link.call('KEY_COPY', USER, copy), ckr(CKR.ACTION_PROHIBITED));
    await assert.rejects(
      link.call('KEY_SEND', USER, { key: key.key, invitation: freshName() }),
      ckr(CKR.KEY_UNEXTRACTABLE),
    );
  });

  test('uses without a limit are counted too, and kept when the device ends in order', async () => {
    const { privateKey } = await makePair(link, P256, { [CKA.SIGN]: true }, { [CKA.VERIFY]: true });
    const mac = await loadSecret(
      link,
      Buffer.alloc(32, 5),
      { [CKA.SIGN]: true, [CKA.VERIFY]: true },
      CKK.GENERIC_SECRET,
    );
    for (let i = 0; i < 7; i++) await sign(privateKey);
    const args = { key: mac.key, mechanism: CKM.SHA256_HMAC, parameter: NO_BYTES, data: DIGEST };
    const { signature } = await link.call('KEY_SIGN', USER, args);
    await link.call('KEY_VERIFY', USER, { ...args, signature });
    assert.deepEqual([await count(privateKey), await count(mac)], [7n, 1n]);
    await restart('SIGTERM');
    await sign(privateKey);
    assert.deepEqual([await count(privateKey), await count(mac)], [8n, 1n]);
    const listed = await link.call('KEY_LIST', USER, { after: new Uint8Array(16), limit: 1024 });
    assert.ok(listed.keys.every((facts) => valueOf(facts, CKA.DKS_USE_COUNT) === undefined));
    const claim = { key: mac.key, attributes: attributes({ [CKA.DKS_USE_COUNT]: 0 }) };
    await assert.rejects(link.call('KEY_SET_ATTRIBUTES', USER, claim), ckr(CKR.ATTRIBUTE_READ_ONLY));
  });

  test('a session key has a limit as well', async () => {
    const args = secret(CKK.AES, 0, { ...OPEN, [CKA.ENCRYPT]: true, [CKA.DKS_USE_LIMIT]: 2 }, false);
    const { loaded } = await link.call('OBJECT_LOAD', USER, { ...args, value: Buffer.alloc(16) });
    const encrypt = () =>
      link.call('KEY_ENCRYPT', USER, {
        key: loaded.key,
        mechanism: CKM.AES_ECB,
        parameter: NO_BYTES,
        data: Buffer.alloc(16),
      });
    await encrypt();
    await encrypt();
    await assert.rejects(encrypt(), ckr(CKR.KEY_FUNCTION_NOT_PERMITTED));
  });
});

describe('CKA_ALWAYS_AUTHENTICATE', () => {
  let link: DeviceLink;
  let rsa: { privateKey: Facts; publicKey: Facts };
  deviceForSuite(async (started) => {
    link = started;
    rsa = await makePair(link, RSA_2048, { [CKA.SIGN]: true, [CKA.ALWAYS_AUTHENTICATE]: true }, { [CKA.VERIFY]: true });
  });

  const sign = (connection = USER) =>
    link.call('KEY_SIGN', connection, {
      key: rsa.privateKey.key,
      mechanism: CKM.RSA_PKCS,
      parameter: NO_BYTES,
      data: DIGEST,
    });
  const authenticate = (pin: string, connection = USER) =>
    link.call('KEY_AUTHENTICATE', connection, { key: rsa.privateKey.key, pin: Buffer.from(pin) });

  test('one PIN, one use, of this connection only', async () => {
    await assert.rejects(sign(), ckr(CKR.USER_NOT_LOGGED_IN));
    await authenticate('user pin');
    const other = 77;
    await link.call('LOGIN', other, { user: 1, pin: Buffer.from('user pin') });
    await assert.rejects(sign(other), ckr(CKR.USER_NOT_LOGGED_IN));
    await sign();
    await assert.rejects(sign(), ckr(CKR.USER_NOT_LOGGED_IN));
    const { pkey } = await link.call('PKEY_OPEN', USER, { session: 0, uuid: rsa.privateKey.key });
    await assert.rejects(
      link.call('PKEY_SIGN', USER, { pkey, hash: 0, input: DIGEST, sigMax: 1000 }),
      status('FORBIDDEN'),
    );
  });

  test('a PIN that was shown for a signature unwraps no key', async () => {
    const usage = { [CKA.SIGN]: true, [CKA.UNWRAP]: true, [CKA.ALWAYS_AUTHENTICATE]: true };
    const { privateKey } = await makePair(link, RSA_2048, usage, { [CKA.VERIFY]: true });
    await link.call('KEY_AUTHENTICATE', USER, { key: privateKey.key, pin: Buffer.from('user pin') });
    const wrapped = { mechanism: CKM.RSA_PKCS, parameter: NO_BYTES, wrapped: Buffer.alloc(256, 1) };
    const unwrap = { ...secret(CKK.AES, 0), unwrappingKey: privateKey.key, ...wrapped };
    await assert.rejects(link.call('KEY_UNWRAP', USER, unwrap), ckr(CKR.USER_NOT_LOGGED_IN));
    const args = { mechanism: CKM.SHA256_RSA_PKCS, parameter: NO_BYTES, data: DIGEST };
    await link.call('KEY_SIGN', USER, { key: privateKey.key, ...args });
  });

  test('a logout takes it back', async () => {
    const other = 78;
    await link.call('LOGIN', other, { user: 1, pin: Buffer.from('user pin') });
    await authenticate('user pin', other);
    await link.call('LOGOUT', other, {});
    await link.call('LOGIN', other, { user: 1, pin: Buffer.from('user pin') });
    await assert.rejects(sign(other), ckr(CKR.USER_NOT_LOGGED_IN));
  });

  test('a wrong PIN counts as a wrong login', async () => {
    const failures = async () => (await link.call('DEVICE_STATUS', 0, {})).userFailures;
    assert.equal(await failures(), 0);
    await assert.rejects(authenticate('wrong'), status('PIN_INCORRECT'));
    assert.equal(await failures(), 1);
    await assert.rejects(sign(), ckr(CKR.USER_NOT_LOGGED_IN));
    await authenticate('user pin');
    assert.equal(await failures(), 0);
    await sign();
    await assert.rejects(authenticate('user pin', NOBODY), status('FORBIDDEN'));
    await assert.rejects(authenticate(PINS[2].toString(), SO), status('FORBIDDEN'));
    const plain = await makePair(link, P256, { [CKA.SIGN]: true }, { [CKA.VERIFY]: true });
    const args = { key: plain.privateKey.key, pin: Buffer.from('user pin') };
    await assert.rejects(link.call('KEY_AUTHENTICATE', USER, args), ckr(CKR.OPERATION_NOT_INITIALIZED));
    await assert.rejects(link.call('KEY_AUTHENTICATE', USER, { ...args, key: freshName() }), status('KEY_NOT_FOUND'));
  });
});
