import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { User } from '#src/wire/enumerations.ts';
import {
  type DeviceLink,
  DeviceUnderTest,
  FACTORY_PIN,
  NOBODY,
  PINS,
  setUp,
  SO,
  status,
  USER,
  WHEEL,
} from './device-under-test.ts';

const WRONG = Buffer.from('wrong pin');
const EPOCH = '00112233445566778899aabbccddeeff';

const login = (link: DeviceLink, user: number, pin: Uint8Array, connection = 50) =>
  link.call('LOGIN', connection, { user, pin });

async function millisecondsOf(work: Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work;
  return performance.now() - start;
}

describe('logins', () => {
  test('a device from the factory knows the wheel PIN only', async () => {
    await using device = await DeviceUnderTest.create();
    const link = await device.start();
    await assert.rejects(login(link, User.NORMAL, FACTORY_PIN), status('PIN_INCORRECT'));
    await assert.rejects(login(link, User.SO, FACTORY_PIN), status('PIN_INCORRECT'));
    await assert.rejects(login(link, User.WHEEL, WRONG), status('PIN_INCORRECT'));
    await login(link, User.WHEEL, FACTORY_PIN);
    await link.call('IS_LOGGED_IN', 50, { user: User.WHEEL });
    await assert.rejects(link.call('IS_LOGGED_IN', 50, { user: User.NORMAL }), status('FORBIDDEN'));
    await assert.rejects(link.call('IS_LOGGED_IN', 51, { user: User.WHEEL }), status('FORBIDDEN'));
    await assert.rejects(link.call('IS_LOGGED_IN', 50, { user: 0 }), status('BAD_ARGUMENTS'));
  });

  test('a second login replaces the role, a failed one leaves it', async () => {
    await using device = await DeviceUnderTest.create();
    const link = await device.start();
    await setUp(link);
    await login(link, User.NORMAL, PINS[User.NORMAL]);
    await assert.rejects(login(link, User.WHEEL, WRONG), status('PIN_INCORRECT'));
    await link.call('IS_LOGGED_IN', 50, { user: User.NORMAL });
    await login(link, User.WHEEL, FACTORY_PIN);
    await assert.rejects(link.call('IS_LOGGED_IN', 50, { user: User.NORMAL }), status('FORBIDDEN'));
    await link.call('LOGOUT', 50, {});
    await link.call('LOGOUT', 50, {});
    await assert.rejects(link.call('IS_LOGGED_IN', 50, { user: User.WHEEL }), status('FORBIDDEN'));
  });

  test('a changed PIN holds over a restart, the old one does not; others stay logged in', async () => {
    await using device = await DeviceUnderTest.create();
    const link = await device.start();
    await setUp(link);
    const pin = Buffer.from('a new pin');
    await link.call('SET_PIN', SO, { user: User.NORMAL, pin });
    await link.call('IS_LOGGED_IN', USER, { user: User.NORMAL });
    await link.kill('SIGKILL');
    const again = await device.start();
    await assert.rejects(login(again, User.NORMAL, PINS[User.NORMAL]), status('PIN_INCORRECT'));
    await login(again, User.NORMAL, pin);
  });

  test('the last change of a PIN is taken back once, by the connection that made it', async () => {
    await using device = await DeviceUnderTest.create();
    const link = await device.start();
    await setUp(link);
    const rollback = (connection: number, user: User) => link.call('PIN_ROLLBACK', connection, { user });
    await link.call('SET_PIN', SO, { user: User.NORMAL, pin: Buffer.from('a new pin') });
    await assert.rejects(rollback(WHEEL, User.NORMAL), status('BAD_ARGUMENTS'));
    await assert.rejects(rollback(SO, User.WHEEL), status('FORBIDDEN'));
    await rollback(SO, User.NORMAL);
    await login(link, User.NORMAL, PINS[User.NORMAL]);
    await assert.rejects(rollback(SO, User.NORMAL), status('BAD_ARGUMENTS'));

    await link.call('SET_PIN', SO, { user: User.NORMAL, pin: Buffer.from('by so') });
    await link.call('SET_PIN', WHEEL, { user: User.NORMAL, pin: Buffer.from('by wheel') });
    await assert.rejects(rollback(SO, User.NORMAL), status('BAD_ARGUMENTS'));
    await login(link, User.NORMAL, Buffer.from('by wheel'));
  });

  test('a kept PIN is valid beside the new one, over a restart too, until a login is settled', async () => {
    for (const settledBy of ['old', 'new'] as const) {
      await using device = await DeviceUnderTest.create();
      const first = await device.start();
      await setUp(first);
      const pins = { old: PINS[User.NORMAL], new: Buffer.from('a new pin') };
      await first.call('PIN_KEEP', WHEEL, { user: User.NORMAL });
      await first.call('SET_PIN', WHEEL, { user: User.NORMAL, pin: Buffer.from(pins.new) });
      await first.kill('SIGKILL');

      const link = await device.start();
      for (const pin of Object.values(pins)) await login(link, User.NORMAL, Buffer.from(pin));
      await assert.rejects(login(link, User.NORMAL, WRONG), status('PIN_INCORRECT'));
      // Another connection, another role and a connection without login settle nothing.
      await link.call('PIN_SETTLE', 51, { user: User.NORMAL });
      await link.call('PIN_SETTLE', 50, { user: User.WHEEL });
      for (const pin of Object.values(pins)) await login(link, User.NORMAL, Buffer.from(pin));

      await login(link, User.NORMAL, Buffer.from(pins[settledBy]));
      await link.call('PIN_SETTLE', 50, { user: User.NORMAL });
      await login(link, User.NORMAL, Buffer.from(pins[settledBy]));
      const other = settledBy === 'old' ? pins.new : pins.old;
      await assert.rejects(login(link, User.NORMAL, Buffer.from(other)), status('PIN_INCORRECT'));
    }
  });

  test('only who may set a PIN keeps one; a second change keeps the PIN of before the first', async () => {
    await using device = await DeviceUnderTest.create();
    const link = await device.start();
    await setUp(link);
    const keep = (connection: number, user: number) => link.call('PIN_KEEP', connection, { user });
    for (const connection of [NOBODY, USER]) await assert.rejects(keep(connection, User.NORMAL), status('FORBIDDEN'));
    await assert.rejects(keep(SO, User.WHEEL), status('FORBIDDEN'));
    await assert.rejects(keep(WHEEL, 4), status('BAD_ARGUMENTS'));
    for (const pin of ['second pin', 'third pin']) {
      await keep(SO, User.NORMAL);
      await link.call('SET_PIN', SO, { user: User.NORMAL, pin: Buffer.from(pin) });
    }
    await login(link, User.NORMAL, PINS[User.NORMAL]);
    await assert.rejects(login(link, User.NORMAL, Buffer.from('second pin')), status('PIN_INCORRECT'));
    await link.call('PIN_SETTLE', SO, { user: User.NORMAL });
    await assert.rejects(login(link, User.NORMAL, PINS[User.NORMAL]), status('PIN_INCORRECT'));
    await login(link, User.NORMAL, Buffer.from('third pin'));
  });

  test('a PIN that was never set is unset again by taking the change back', async () => {
    await using device = await DeviceUnderTest.create();
    const link = await device.start();
    await login(link, User.WHEEL, FACTORY_PIN, WHEEL);
    const pin = Buffer.from('1234');
    await link.call('SET_PIN', WHEEL, { user: User.SO, pin });
    await link.call('PIN_ROLLBACK', WHEEL, { user: User.SO });
    await assert.rejects(login(link, User.SO, pin), status('PIN_INCORRECT'));
  });

  test('the delay of wrong PINs doubles, for each role by itself, and ends with the right one', async () => {
    await using device = await DeviceUnderTest.create();
    const link = await device.start('--pin-delay-ms', '200');
    await setUp(link);
    const wrong = (user: number) => millisecondsOf(assert.rejects(login(link, user, WRONG), status('PIN_INCORRECT')));
    assert.ok((await wrong(User.NORMAL)) >= 200);
    assert.ok((await wrong(User.NORMAL)) >= 400);
    assert.ok((await wrong(User.NORMAL)) >= 800);
    assert.ok((await wrong(User.SO)) < 800);
    await login(link, User.NORMAL, PINS[User.NORMAL]);
    assert.ok((await wrong(User.NORMAL)) < 800);
  });

  test('killing the device does not shorten the delay', async () => {
    await using device = await DeviceUnderTest.create();
    const link = await device.start();
    await setUp(link);
    for (let attempt = 0; attempt < 3; attempt++) await assert.rejects(login(link, User.NORMAL, WRONG));
    await link.kill('SIGKILL');
    const again = await device.start('--pin-delay-ms', '50');
    const time = await millisecondsOf(assert.rejects(login(again, User.NORMAL, WRONG), status('PIN_INCORRECT')));
    assert.ok(time >= 400, `${time} ms`);
  });

  test('the delay grows no further than to twelve times the first one', async () => {
    await using device = await DeviceUnderTest.create();
    const link = await device.start('--pin-delay-ms', '0');
    await setUp(link);
    for (let attempt = 0; attempt < 8; attempt++) await assert.rejects(login(link, User.NORMAL, WRONG));
    await link.close();
    const again = await device.start('--pin-delay-ms', '50');
    const time = await millisecondsOf(assert.rejects(login(again, User.NORMAL, WRONG)));
    assert.ok(time >= 600 && time < 6400, `${time} ms`);
  });

  test('many attempts at once are not faster, and others are served meanwhile', async () => {
    await using device = await DeviceUnderTest.create();
    const link = await device.start('--pin-delay-ms', '50');
    await setUp(link);
    let done = 0;
    const attempts = Array.from({ length: 9 }, (_, index) =>
      assert.rejects(login(link, User.NORMAL, WRONG, 1000 + index)).then(() => (done += 1)),
    );
    // 50, 100, 200, 400 and five times 600 ms, of which four pass at a time.
    const time = millisecondsOf(Promise.all(attempts));
    await link.call('GET_VERSION', NOBODY, {});
    await login(link, User.WHEEL, FACTORY_PIN);
    assert.ok(done < 9);
    assert.ok((await time) >= 900);
  });

  test('the table of logins has a limit, and room again after a logout', async () => {
    await using device = await DeviceUnderTest.create();
    const link = await device.start('--max-logins', '2');
    await login(link, User.WHEEL, FACTORY_PIN, 1);
    await login(link, User.WHEEL, FACTORY_PIN, 2);
    await assert.rejects(login(link, User.WHEEL, FACTORY_PIN, 3), status('NO_CLIENT_SLOTS_AVAILABLE'));
    await login(link, User.WHEEL, FACTORY_PIN, 1);
    await link.call('LOGOUT', 2, {});
    await login(link, User.WHEEL, FACTORY_PIN, 3);
  });
});

describe('login tickets', () => {
  test('restore a login after a restart of the device, for the same connection and role only', async () => {
    await using device = await DeviceUnderTest.create();
    const link = await device.start('--epoch', EPOCH);
    await setUp(link);
    const ticketOf = (connection: number) => link.call('LOGIN_TICKET', connection, {});
    const user = await ticketOf(USER);
    assert.equal(user.user, User.NORMAL);
    const wheel = await ticketOf(WHEEL);
    await assert.rejects(ticketOf(NOBODY), status('FORBIDDEN'));
    await link.kill('SIGKILL');

    const again = await device.start('--epoch', EPOCH);
    const resume = (connection: number, role: number, ticket: Uint8Array) =>
      again.call('LOGIN_RESUME', connection, { user: role, ticket });
    await assert.rejects(resume(NOBODY, User.NORMAL, user.ticket), status('FORBIDDEN'));
    await assert.rejects(resume(USER, User.WHEEL, user.ticket), status('FORBIDDEN'));
    await assert.rejects(resume(USER, User.NORMAL, wheel.ticket), status('FORBIDDEN'));
    await assert.rejects(resume(USER, User.NORMAL, user.ticket.subarray(1)), status('FORBIDDEN'));
    await assert.rejects(resume(USER, User.NORMAL, Buffer.alloc(0)), status('FORBIDDEN'));
    await assert.rejects(resume(USER, 0, user.ticket), status('BAD_ARGUMENTS'));
    await resume(USER, User.NORMAL, user.ticket);
    await again.call('IS_LOGGED_IN', USER, { user: User.NORMAL });
  });

  test('end with the daemon’s run and with a change of the PIN, and revive if that is taken back', async () => {
    await using device = await DeviceUnderTest.create();
    const link = await device.start('--epoch', EPOCH);
    await setUp(link);
    const { user, ticket } = await link.call('LOGIN_TICKET', USER, {});
    const resume = (on: DeviceLink) => on.call('LOGIN_RESUME', USER, { user, ticket });
    await link.call('SET_PIN', WHEEL, { user: User.NORMAL, pin: Buffer.from('a new pin') });
    await assert.rejects(resume(link), status('FORBIDDEN'));
    await link.call('PIN_ROLLBACK', WHEEL, { user: User.NORMAL });
    await resume(link);
    await link.close();
    const next = await device.start('--epoch', EPOCH.replace('00', 'ff'));
    await assert.rejects(resume(next), status('FORBIDDEN'));
  });
});
