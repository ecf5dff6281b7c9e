import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { CKA, CKK, CKM, CKR } from '#src/cryptoki/constants.ts';
import { Invitations } from '#src/device/invitations.ts';
import { User } from '#src/wire/enumerations.ts';
import {
  ckr,
  type DeviceLink,
  DeviceUnderTest,
  freshName,
  logIn,
  NO_BYTES,
  NOBODY,
  PINS,
  setUp,
  SO,
  status,
  USER,
  WHEEL,
} from './device-under-test.ts';
import { OPEN, secret } from './templates.ts';

describe('keys that go to another device', () => {
  let device: DeviceUnderTest;
  let first: DeviceLink;
  let second: DeviceLink;
  before(async () => {
    device = await DeviceUnderTest.create();
    [first, second] = await Promise.all([device.start(), device.start('--index', '1')]);
    for (const link of [first, second]) await setUp(link);
  });
  after(() => device[Symbol.asyncDispose]());

  const send = async (key: Uint8Array, connection = USER) => {
    const { invitation } = await second.call('KEY_INVITE', connection, {});
    return (await first.call('KEY_SEND', connection, { key, invitation })).sealed;
  };
  const receive = async (sealed: Uint8Array, connection = USER) =>
    (await second.call('KEY_RECEIVE', connection, { session: 9, sealed })).received;

  test('arrive whole, once, and work there', async () => {
    const kind = { [CKA.ENCRYPT]: true, [CKA.DECRYPT]: true, [CKA.LABEL]: Buffer.from('moved') };
    const made = (
      await first.call('KEY_CREATE', USER, {
        ...secret(CKK.AES, 256, kind),
        mechanism: CKM.AES_KEY_GEN,
        parameter: NO_BYTES,
      })
    ).created;
    const sealed = await send(made.key);
    const received = await receive(sealed);
    assert.deepEqual({ ...received, key: made.key }, made);
    assert.deepEqual(await receive(sealed), received);
    const args = { mechanism: CKM.AES_ECB, parameter: NO_BYTES, data: Buffer.alloc(32, 6) };
    const { result } = await first.call('KEY_ENCRYPT', USER, { key: made.key, ...args });
    const { result: back } = await second.call('KEY_DECRYPT', USER, { key: received.key, ...args, data: result });
    assert.deepEqual(Buffer.from(back), args.data);
    // It still is what the device made, not what somebody brought along.
    await assert.rejects(second.call('KEY_VALUE', USER, { key: received.key }), ckr(CKR.ATTRIBUTE_SENSITIVE));
  });

  test('a seal is good once, for the device and the connection that asked for it', async () => {
    const make = async () =>
      (await first.call('OBJECT_LOAD', USER, { ...secret(CKK.AES, 0), value: Buffer.alloc(16, 4) })).loaded;
    const { key } = await make();
    const sealed = await send(key);
    await assert.rejects(receive(sealed, WHEEL), status('KEYWRAP_BAD_MAGIC'));
    const received = await receive(sealed);
    await second.call('KEY_DELETE', USER, { keys: [received.key] });
    await assert.rejects(receive(sealed), status('KEYWRAP_BAD_MAGIC'), 'destroyed keys do not come back');
    const { sealed: uninvited } = await first.call('KEY_SEND', USER, { key, invitation: freshName() });
    await assert.rejects(receive(uninvited), status('KEYWRAP_BAD_MAGIC'));
    // For the other device, which has not asked.
    const other = await make();
    const { invitation } = await second.call('KEY_INVITE', USER, {});
    const { sealed: elsewhere } = await second.call('KEY_SEND', USER, {
      key: (await receive(await send(other.key))).key,
      invitation,
    });
    await first.call('KEY_DELETE', USER, { keys: [other.key] });
    await assert.rejects(
      first.call('KEY_RECEIVE', USER, { session: 0, sealed: elsewhere }),
      status('KEYWRAP_BAD_MAGIC'),
    );
    // A logout ends what was asked for, and so does a restart.
    const late = await send(key);
    await second.call('LOGOUT', USER, {});
    await second.call('LOGIN', USER, { user: User.NORMAL, pin: PINS[User.NORMAL] });
    await assert.rejects(receive(late), status('KEYWRAP_BAD_MAGIC'));
    const lost = await send(key);
    await second.kill('SIGKILL');
    second = await device.start('--index', '1');
    await logIn(second);
    await assert.rejects(receive(lost), status('KEYWRAP_BAD_MAGIC'));
    assert.deepEqual((await receive(await send(key))).name, received.name);
  });

  test('an invitation ends by itself, and a connection has a few', () => {
    const invitations = new Invitations();
    const taken = (number: Uint8Array, now: number) => () => invitations.take(1, number, now);
    const [first, late] = [invitations.issue(1, 0), invitations.issue(1, 0)];
    assert.throws(() => invitations.take(2, first, 1), status('KEYWRAP_BAD_MAGIC'));
    taken(first, 9999)();
    assert.throws(taken(first, 9999), status('KEYWRAP_BAD_MAGIC'));
    assert.throws(taken(late, 10_000), status('KEYWRAP_BAD_MAGIC'));
    const many = Array.from({ length: 65 }, () => invitations.issue(1, 0));
    assert.throws(taken(many[0] as Uint8Array, 1), status('KEYWRAP_BAD_MAGIC'));
    for (const number of many.slice(1)) taken(number, 1)();
  });

  test('invitations of ever more connections take no more room', () => {
    const invitations = new Invitations();
    const [first, ...others] = Array.from({ length: 1025 }, (_, connection) => invitations.issue(connection, 0));
    assert.throws(() => invitations.take(0, first as Uint8Array, 1), status('KEYWRAP_BAD_MAGIC'));
    for (const [index, number] of others.entries()) invitations.take(index + 1, number, 1);
  });

  test('a session key stays with its connection', async () => {
    const args = secret(CKK.AES, 0, { ...OPEN, [CKA.ENCRYPT]: true }, false);
    const { loaded } = await first.call('OBJECT_LOAD', USER, { ...args, value: Buffer.alloc(16, 2) });
    const sealed = await send(loaded.key);
    await assert.rejects(receive(sealed, WHEEL), status('FORBIDDEN'));
    assert.equal((await receive(sealed)).session, 9);
    await second.call('LOGOUT', USER, {});
    assert.equal((await second.call('DEVICE_STATUS', 0, {})).volatileKeys, 0);
    await second.call('LOGIN', USER, { user: User.NORMAL, pin: PINS[User.NORMAL] });
  });

  test('nothing but what a device has sealed is taken, and only by those who may make keys', async () => {
    const { loaded } = await first.call('OBJECT_LOAD', USER, { ...secret(CKK.AES, 0), value: Buffer.alloc(16, 2) });
    const sealed = await send(loaded.key);
    assert.equal(Buffer.from(sealed).includes(Buffer.alloc(16, 2)), false);
    for (const at of [0, 15, sealed.length - 1]) {
      const changed = sealed.with(at, (sealed[at] as number) ^ 1);
      await assert.rejects(receive(changed), status('KEYWRAP_BAD_MAGIC'), `byte ${at}`);
    }
    await assert.rejects(receive(sealed.subarray(0, 20)), status('KEYWRAP_BAD_MAGIC'));
    await assert.rejects(receive(NO_BYTES), status('KEYWRAP_BAD_MAGIC'));
    for (const connection of [NOBODY, SO]) {
      await assert.rejects(receive(sealed, connection), status('FORBIDDEN'));
      await assert.rejects(send(loaded.key, connection), status('FORBIDDEN'));
    }
    await assert.rejects(send(freshName()), status('KEY_NOT_FOUND'));
  });
});
