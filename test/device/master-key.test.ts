import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CKM } from '#src/cryptoki/constants.ts';
import { MasterKeyState, MasterKeyVerdict } from '#src/wire/enumerations.ts';
import {
  type DeviceLink,
  DeviceUnderTest,
  logIn,
  NO_BYTES,
  pairArgs,
  setUp,
  status,
  USER,
  WHEEL,
} from './device-under-test.ts';

const DIGEST = Buffer.alloc(32, 3);

const sign = (link: DeviceLink, key: Uint8Array) =>
  link.call('KEY_SIGN', USER, { key, mechanism: CKM.ECDSA, parameter: NO_BYTES, data: DIGEST });
const setKey = (link: DeviceLink, key: Uint8Array) => link.call('MASTERKEY_SET', WHEEL, { key });
const stateOf = async (link: DeviceLink) => (await link.call('DEVICE_STATUS', 0, {})).masterKey;

async function newKey(link: DeviceLink, flags = 0x09): Promise<Uint8Array> {
  const { privateKey } = await link.call('KEY_PAIR_CREATE', USER, pairArgs({ flags, publicFlags: flags }));
  return privateKey.key;
}

describe('master key', () => {
  test('a random one is given back once set; a given one is taken as it is', async () => {
    await using device = await DeviceUnderTest.create();
    const link = await device.start();
    assert.equal(await stateOf(link), MasterKeyState.NOT_SET);
    const { masterKey } = await setUp(link);
    assert.equal(masterKey.length, 32);
    assert.notDeepEqual((await setKey(link, NO_BYTES)).key, masterKey);
    assert.deepEqual((await setKey(link, masterKey)).key, masterKey);
    assert.equal(await stateOf(link), MasterKeyState.SET);
    for (const length of [1, 16, 31]) {
      await assert.rejects(setKey(link, Buffer.alloc(length)), status('MASTERKEY_BAD_LENGTH'));
    }
  });

  test('without one nothing is made or used, everything else works', async () => {
    await using device = await DeviceUnderTest.create();
    const link = await device.start();
    await setUp(link);
    const key = await newKey(link);
    const sessionKey = await newKey(link, 0x01);
    await link.call('MASTERKEY_CLEAR', WHEEL, {});
    assert.equal(await stateOf(link), MasterKeyState.NOT_SET);
    await assert.rejects(sign(link, key), status('MASTERKEY_NOT_SET'));
    await assert.rejects(sign(link, sessionKey), status('KEY_NOT_FOUND'));
    const rsa = pairArgs({ type: 1, curve: 0, bits: 8192, exponent: Buffer.from([1, 0, 1]) });
    await assert.rejects(link.call('KEY_PAIR_CREATE', USER, rsa), status('MASTERKEY_NOT_SET'));
    const { pkey } = await link.call('PKEY_OPEN', USER, { session: 0, uuid: key });
    assert.equal((await link.call('PKEY_GET_PUBLIC_KEY_LEN', USER, { pkey })).length, 0);
    await assert.rejects(link.call('PKEY_GET_PUBLIC_KEY', USER, { pkey, derMax: 1000 }), status('MASTERKEY_NOT_SET'));
    const { keys } = await link.call('KEY_LIST', USER, { after: new Uint8Array(16), limit: 10 });
    assert.equal(keys.length, 2);
    // Attributes are bound to it.
    const change = { key, attributes: [{ type: 3, value: DIGEST }] };
    await assert.rejects(link.call('KEY_SET_ATTRIBUTES', USER, change), status('MASTERKEY_NOT_SET'));
    await link.call('KEY_DELETE', USER, { keys: [key] });
  });

  test('a restart of the device keeps it, a restart of the holder loses it', async () => {
    await using device = await DeviceUnderTest.create();
    const link = await device.start();
    const { masterKey } = await setUp(link);
    const key = await newKey(link);
    await link.kill('SIGKILL');

    const second = await device.start();
    assert.equal(await stateOf(second), MasterKeyState.SET);
    await logIn(second);
    await sign(second, key);
    const sessionKey = await newKey(second, 0x01);

    await device.endHolder();
    // The device hears of it by its own connection to the holder, which may be behind our request.
    while ((await stateOf(second)) === MasterKeyState.SET);
    assert.equal(await stateOf(second), MasterKeyState.FAILED);
    await assert.rejects(sign(second, key), status('MASTERKEY_FAIL'));
    await assert.rejects(setKey(second, masterKey), status('MASTERKEY_FAIL'));
    await device.startHolder();
    assert.equal(await stateOf(second), MasterKeyState.NOT_SET);
    await assert.rejects(sign(second, key), status('MASTERKEY_NOT_SET'));
    await setKey(second, masterKey);
    await sign(second, key);
    await assert.rejects(sign(second, sessionKey), status('KEY_NOT_FOUND'));
  });

  test('a wrong one: old keys are errors on use and revive with the right one', async () => {
    await using device = await DeviceUnderTest.create();
    const link = await device.start();
    const { masterKey } = await setUp(link);
    const verdict = async (key: Uint8Array) => (await link.call('MASTERKEY_CHECK', WHEEL, { key })).verdict;
    assert.equal(await verdict(NO_BYTES), MasterKeyVerdict.NO_KEYS);
    assert.equal(await verdict(masterKey), MasterKeyVerdict.NO_KEYS);
    const { privateKey, publicKey } = await link.call('KEY_PAIR_CREATE', USER, pairArgs());
    const { signature } = await sign(link, privateKey.key);
    assert.equal(await verdict(masterKey), MasterKeyVerdict.SAME);
    assert.equal(await verdict(NO_BYTES), MasterKeyVerdict.DIFFERENT);
    assert.equal(await verdict(Buffer.alloc(32)), MasterKeyVerdict.DIFFERENT);
    await assert.rejects(verdict(Buffer.alloc(5)), status('MASTERKEY_BAD_LENGTH'));

    const { key: other } = await setKey(link, NO_BYTES);
    await assert.rejects(sign(link, privateKey.key), status('KEYWRAP_BAD_MAGIC'));
    const check = { key: publicKey.key, mechanism: CKM.ECDSA, parameter: NO_BYTES, data: DIGEST, signature };
    await assert.rejects(link.call('KEY_VERIFY', USER, check), status('KEYWRAP_BAD_MAGIC'));
    assert.equal((await link.call('KEY_LIST', USER, { after: new Uint8Array(16), limit: 10 })).keys.length, 2);
    const newer = await newKey(link);
    await sign(link, newer);
    assert.equal(await verdict(other), MasterKeyVerdict.DIFFERENT);

    await setKey(link, masterKey);
    await sign(link, privateKey.key);
    await link.call('KEY_VERIFY', USER, check);
    await assert.rejects(sign(link, newer), status('KEYWRAP_BAD_MAGIC'));
  });

  test('a device that starts before the holder is ready, and finds the key when it is needed', async () => {
    await using device = new DeviceUnderTest();
    const link = await device.start();
    assert.equal(await stateOf(link), MasterKeyState.FAILED);
    assert.match(link.stderr, /master key holder/);
    await device.startHolder();
    await setUp(link);
    await newKey(link);
  });
});
