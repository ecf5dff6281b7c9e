import assert from 'node:assert/strict';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, test } from 'node:test';
import { CKA, CKM, CKR } from '#src/cryptoki/constants.ts';
import { User } from '#src/wire/enumerations.ts';
import {
  ckr,
  type DeviceLink,
  DeviceUnderTest,
  logIn,
  NO_BYTES,
  NOBODY,
  pairArgs,
  setUp,
  SO,
  status,
  USER,
  WHEEL,
} from './device-under-test.ts';
import { attributes, loadSecret, makePair, OPEN, RSA_2048 } from './templates.ts';

const OPTIONS = ['--epoch', '00112233445566778899aabbccddeeff', '--erase-keys'];
const DIGEST = Buffer.alloc(32, 1);

describe('administration of a device', () => {
  let device: DeviceUnderTest;
  let link: DeviceLink;

  /** Runs a test on a device of its own. */
  async function withDevice(work: () => Promise<void>): Promise<void> {
    device = await DeviceUnderTest.create();
    try {
      link = await device.start(...OPTIONS);
      await setUp(link);
      await work();
    } finally {
      await device[Symbol.asyncDispose]();
    }
  }

  const login = (pin: string, user: User = User.NORMAL, connection = 50) =>
    link.call('LOGIN', connection, { user, pin: Buffer.from(pin) });
  const replace = (oldPin: string, newPin: string, connection = NOBODY, user: User = User.NORMAL) =>
    link.call('PIN_REPLACE', connection, { user, oldPin: Buffer.from(oldPin), newPin: Buffer.from(newPin) });
  const restart = async (signal: NodeJS.Signals): Promise<void> => {
    await link.kill(signal);
    link = await device.start(...OPTIONS);
  };

  test('whoever knows a PIN replaces it; until it is settled both are valid, also after a kill', () =>
    withDevice(async () => {
      await replace('user pin', 'new pin');
      await restart('SIGKILL');
      await login('user pin');
      await login('new pin');
      await link.call('PIN_SETTLE', 50, { user: User.NORMAL });
      await assert.rejects(login('user pin'), status('PIN_INCORRECT'));
      await login('new pin');
      // The same request again, its answer having been lost.
      await replace('new pin', 'third pin');
      await replace('new pin', 'third pin');
      await link.call('PIN_SETTLE', NOBODY, { user: User.NORMAL });
      await login('third pin');
      await assert.rejects(login('new pin'), status('PIN_INCORRECT'));
    }));

  test('a wrong old PIN is a failed login, and nothing changes', () =>
    withDevice(async () => {
      await assert.rejects(replace('wrong', 'new pin'), status('PIN_INCORRECT'));
      assert.equal((await link.call('DEVICE_STATUS', 0, {})).userFailures, 1);
      await assert.rejects(login('new pin'), status('PIN_INCORRECT'));
      await login('user pin');
      await assert.rejects(replace('user pin', 'abc'), status('BAD_ARGUMENTS'));
      await assert.rejects(replace('user pin', 'new pin', NOBODY, 7 as User), status('BAD_ARGUMENTS'));
      await replace('so pin', 'new so pin', NOBODY, User.SO);
      await login('new so pin', User.SO);
      await login('user pin');
    }));

  test('a replacement is taken back by the connection that made it, whatever its role', () =>
    withDevice(async () => {
      await replace('user pin', 'new pin', USER);
      await assert.rejects(link.call('PIN_ROLLBACK', NOBODY, { user: User.NORMAL }), status('FORBIDDEN'));
      await link.call('PIN_ROLLBACK', USER, { user: User.NORMAL });
      await login('user pin');
      await assert.rejects(login('new pin'), status('PIN_INCORRECT'));
      await assert.rejects(link.call('PIN_ROLLBACK', USER, { user: User.NORMAL }), status('FORBIDDEN'));
    }));

  test('the security officer, and nobody else, erases all keys', () =>
    withDevice(async () => {
      const made = await link.call('KEY_PAIR_CREATE', USER, pairArgs());
      await link.call('KEY_PAIR_CREATE', USER, pairArgs({ flags: 1, publicFlags: 1 }));
      await loadSecret(link, Buffer.alloc(16), { [CKA.DESTROYABLE]: false });
      const sign = { key: made.privateKey.key, mechanism: CKM.ECDSA, parameter: NO_BYTES, data: DIGEST };
      await link.call('KEY_SIGN', USER, sign);
      for (const connection of [NOBODY, USER, WHEEL]) {
        await assert.rejects(link.call('KEYS_ERASE', connection, {}), status('FORBIDDEN'));
      }
      await link.call('KEYS_ERASE', SO, {});
      await assert.rejects(link.call('KEY_SIGN', USER, sign), status('KEY_NOT_FOUND'));
      const counts = async () => {
        const { tokenKeys, volatileKeys } = await link.call('DEVICE_STATUS', 0, {});
        return { tokenKeys, volatileKeys };
      };
      assert.deepEqual(await counts(), { tokenKeys: 0, volatileKeys: 0 });
      await link.call('KEYS_ERASE', SO, {});
      await restart('SIGKILL');
      assert.deepEqual(await counts(), { tokenKeys: 0, volatileKeys: 0 });
      await logIn(link);
      await link.call('KEY_PAIR_CREATE', USER, pairArgs());
      // Whether it does so at all is the device's own setting.
      await link.kill('SIGTERM');
      link = await device.start();
      await logIn(link);
      await assert.rejects(link.call('KEYS_ERASE', SO, {}), status('FORBIDDEN'));
      assert.deepEqual(await counts(), { tokenKeys: 2, volatileKeys: 0 });
    }));

  test('a logout ends the ticket, also over a restart', () =>
    withDevice(async () => {
      const { ticket, user } = await link.call('LOGIN_TICKET', USER, {});
      const old = await link.call('LOGIN_TICKET', SO, {});
      const { ticket: newer } = await link.call('LOGIN_TICKET', SO, {});
      await link.call('LOGOUT', USER, {});
      await assert.rejects(link.call('LOGIN_RESUME', USER, { user, ticket }), status('FORBIDDEN'));
      await restart('SIGKILL');
      await assert.rejects(link.call('LOGIN_RESUME', USER, { user, ticket }), status('FORBIDDEN'));
      await assert.rejects(link.call('LOGIN_RESUME', SO, { user: old.user, ticket: old.ticket }), status('FORBIDDEN'));
      await link.call('LOGIN_RESUME', SO, { user: User.SO, ticket: newer });
      await link.call('KEYS_ERASE', SO, {});
    }));

  test('one damaged row is left out and told of; the other keys are listed', () =>
    withDevice(async () => {
      const { privateKey, publicKey } = await link.call('KEY_PAIR_CREATE', USER, pairArgs());
      await link.kill('SIGTERM');
      const database = new DatabaseSync(join(device.state, 'device-0', 'keystore.db'));
      database.prepare("UPDATE key SET attributes = x'0103' WHERE uuid = ?").run(publicKey.key);
      database.close();
      link = await device.start(...OPTIONS);
      await logIn(link);
      for (let i = 0; i < 3; i++) {
        const { keys, more } = await link.call('KEY_LIST', USER, { after: new Uint8Array(16), limit: 10 });
        assert.deepEqual(
          keys.map(({ key }) => key),
          [privateKey.key],
        );
        assert.equal(more, 0);
      }
      const lines = link.stderr.split('\n').filter((line) => line.includes(Buffer.from(publicKey.key).toString('hex')));
      assert.equal(lines.length, 1);
      assert.match(lines[0] ?? '', /ERROR.*cannot be read and is left out/);
    }));

  test('what was made unextractable later is not exported by vendor clients either', () =>
    withDevice(async () => {
      const { privateKey } = await makePair(
        link,
        RSA_2048,
        { [CKA.SIGN]: true, [CKA.EXTRACTABLE]: true },
        { [CKA.VERIFY]: true },
      );
      const { pkey: kekek } = await link.call('PKEY_GENERATE_RSA', USER, {
        session: 0,
        bits: 2048,
        exponent: Buffer.from([1, 0, 1]),
        flags: 0x0a,
      });
      const { pkey } = await link.call('PKEY_OPEN', USER, { session: 0, uuid: privateKey.key });
      const flags = async () => (await link.call('PKEY_GET_KEY_FLAGS', USER, { pkey })).flags;
      const args = { pkey, kekek, pkcs8Max: 6000, kekMax: 1000 };
      await link.call('PKEY_EXPORT', USER, args);
      assert.equal((await flags()) & 0x20, 0x20);
      const close = { key: privateKey.key, attributes: attributes({ [CKA.EXTRACTABLE]: false }) };
      await link.call('KEY_SET_ATTRIBUTES', USER, close);
      await assert.rejects(link.call('PKEY_EXPORT', USER, args), status('FORBIDDEN'));
      const trusting = { [CKA.SIGN]: true, [CKA.EXTRACTABLE]: true, [CKA.WRAP_WITH_TRUSTED]: true };
      const other = await makePair(link, RSA_2048, trusting, { [CKA.VERIFY]: true });
      const { pkey: otherKey } = await link.call('PKEY_OPEN', USER, { session: 0, uuid: other.privateKey.key });
      await assert.rejects(link.call('PKEY_EXPORT', USER, { ...args, pkey: otherKey }), status('FORBIDDEN'));
      assert.equal((await flags()) & 0x20, 0);
      const open = attributes({ [CKA.EXTRACTABLE]: true });
      await assert.rejects(link.call('PKEY_SET_ATTRIBUTES', USER, { pkey, attributes: open }), status('FORBIDDEN'));
      await assert.rejects(
        link.call('KEY_SET_ATTRIBUTES', USER, { key: privateKey.key, attributes: open }),
        ckr(CKR.ATTRIBUTE_READ_ONLY),
      );
    }));

  test('what a vendor client says of its key opens nothing', () =>
    withDevice(async () => {
      // A key that everybody knows, with attributes as if it were the device's own.
      const claims = attributes({
        [CKA.CLASS]: 4,
        [CKA.LOCAL]: true,
        [CKA.SENSITIVE]: false,
        [CKA.EXTRACTABLE]: true,
        [CKA.TRUSTED]: true,
        [CKA.WRAP]: true,
      });
      const { pkey } = await link.call('PKEY_GENERATE_RSA', USER, {
        session: 0,
        bits: 2048,
        exponent: Buffer.from([1, 0, 1]),
        flags: 0x0a,
      });
      await link.call('PKEY_SET_ATTRIBUTES', USER, { pkey, attributes: claims });
      const { keys } = await link.call('KEY_LIST', USER, { after: new Uint8Array(16), limit: 10 });
      const vendorKey = keys[0]?.key as Uint8Array;
      await assert.rejects(link.call('KEY_VALUE', USER, { key: vendorKey }), ckr(CKR.ATTRIBUTE_SENSITIVE));
      const { key } = await loadSecret(link, Buffer.alloc(16, 1), { ...OPEN, [CKA.SENSITIVE]: true });
      const wrap = { wrappingKey: vendorKey, mechanism: CKM.RSA_PKCS, parameter: NO_BYTES, key };
      await assert.rejects(link.call('KEY_WRAP', USER, wrap), { name: 'CkrError' });
    }));
});
