import assert from 'node:assert/strict';
import { afterEach, beforeEach, mock, test } from 'node:test';
import { CKM, CKR } from '#src/cryptoki/constants.ts';
import { User } from '#src/wire/enumerations.ts';
import { Program, randomUuid, rejectsWith, type Setup, startToken } from './start-token.ts';
import { P256 } from './templates.ts';

const EC = CKM.EC_KEY_PAIR_GEN;
const data = Buffer.alloc(32, 7);
const uuid = randomUuid();

beforeEach(() => mock.timers.enable({ apis: ['setTimeout'] }));
afterEach(() => mock.timers.reset());

/** Lets the promises of closed connections settle. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

async function resumedOf(program: Program): Promise<number> {
  const hello = { version: 1, application: uuid, name: 'test' };
  return (await program.call('HELLO', hello)).resumed;
}

function connect({ fleet, token }: Setup, user: User = User.NORMAL): Program {
  return new Program(token, fleet.connection(user), uuid);
}

test('session objects survive a lost connection, the login does not', async () => {
  const setup = startToken();
  const first = connect(setup);
  assert.equal(await resumedOf(first), 0);
  const { privateKey } = await first.generate(EC, { EC_PARAMS: P256 }, {});
  setup.token.disconnected(first.application);
  await rejectsWith(first.sign(privateKey.object, EC, data), CKR.KEY_HANDLE_INVALID, 'after the loss');
  mock.timers.tick(59_999);

  const second = connect(setup, User.NONE);
  assert.equal(await resumedOf(second), 1);
  await rejectsWith(second.sign(privateKey.object, CKM.ECDSA, data), CKR.USER_NOT_LOGGED_IN);
  second.connection.user = User.NORMAL;
  await second.sign(privateKey.object, CKM.ECDSA, data);
  assert.equal((await second.find({})).length, 2);
  mock.timers.tick(100_000);
  await second.sign(privateKey.object, CKM.ECDSA, data);
  await second.call('SESSION_CLOSE', { session: 0 });
  assert.equal(setup.fleet.keys.size, 0);
});

test('after 60 seconds they are destroyed', async () => {
  const setup = startToken();
  const first = connect(setup);
  await first.generate(EC, { EC_PARAMS: P256, TOKEN: true }, {});
  setup.token.disconnected(first.application);
  mock.timers.tick(60_000);
  await settled();
  assert.equal(setup.fleet.keys.size, 1, 'the token object stays');
  assert.equal(first.connection.closed, true);
  const second = connect(setup);
  assert.equal(await resumedOf(second), 0);
});

test('a connection without session objects is closed at once, and the application is still known', async () => {
  const setup = startToken();
  const first = connect(setup);
  setup.token.disconnected(first.application);
  await settled();
  assert.equal(first.connection.closed, true);
  assert.equal(await resumedOf(connect(setup)), 1);
});

test('a connection that nobody noticed to be lost is replaced', async () => {
  const setup = startToken();
  const first = connect(setup);
  const { privateKey } = await first.generate(EC, { EC_PARAMS: P256 }, {});
  const second = connect(setup);
  assert.equal(await resumedOf(second), 1);
  await second.sign(privateKey.object, CKM.ECDSA, data);
  await rejectsWith(first.sign(privateKey.object, CKM.ECDSA, data), CKR.KEY_HANDLE_INVALID);
  setup.token.disconnected(first.application);
  mock.timers.tick(100_000);
  await second.sign(privateKey.object, CKM.ECDSA, data);
});

test('many losses in a row', async () => {
  const setup = startToken();
  for (let i = 0; i < 40; i++) {
    const program = connect(setup);
    await program.generate(EC, { EC_PARAMS: P256 }, {});
    setup.token.disconnected(program.application);
  }
  const last = connect(setup);
  const count = (await last.find({})).length;
  assert.ok(count >= 32 && count <= 80, `${count} objects`);
  assert.equal(setup.fleet.keys.size, count, 'what was given up is destroyed');
});

test('logout destroys the private session objects of earlier connections too, and no others', async () => {
  const setup = startToken();
  const first = connect(setup);
  const { privateKey, publicKey } = await first.generate(EC, { EC_PARAMS: P256 }, {});
  setup.token.disconnected(first.application);
  const second = connect(setup);
  await second.connection.logout(true);
  await setup.token.loggedOut(second.application);
  second.connection.user = User.NORMAL;
  await rejectsWith(second.sign(privateKey.object, CKM.ECDSA, data), CKR.KEY_HANDLE_INVALID);
  assert.deepEqual(
    (await second.find({})).map(({ object }) => object),
    [publicKey.object],
  );
  setup.token.close();
  await settled();
  assert.equal(setup.fleet.keys.size, 0, 'they end with the application');
});

test('a pair that was being made is there for the successor that asks again', async () => {
  const setup = startToken();
  const first = connect(setup);
  const request = randomUuid();
  const lost = first.generate(EC, { EC_PARAMS: P256, TOKEN: true }, { TOKEN: true }, request);
  setup.token.disconnected(first.application);
  await assert.rejects(lost);
  assert.equal(first.connection.closed, false);
  const second = connect(setup);
  const { privateKey, publicKey } = await second.generate(
    EC,
    { EC_PARAMS: P256, TOKEN: true },
    { TOKEN: true },
    request,
  );
  assert.equal(setup.fleet.keys.size, 2);
  assert.equal(privateKey.get('ID')?.length, 40);
  assert.equal(privateKey.get('ID'), publicKey.get('ID'));
});

test('a name of zeros cannot be taken up, others neither', async () => {
  const setup = startToken();
  const { fleet, token } = setup;
  const first = new Program(token, fleet.connection(User.NORMAL), new Uint8Array(16));
  await first.generate(EC, { EC_PARAMS: P256 }, {});
  token.disconnected(first.application);
  await settled();
  assert.equal(fleet.keys.size, 0);
  const second = new Program(token, fleet.connection(User.NORMAL), new Uint8Array(16));
  assert.equal(second.application.resumed, false);
  const other = new Program(token, fleet.connection(User.NORMAL), randomUuid());
  assert.equal(other.application.resumed, false);
});

test('at most 1024 lost applications are kept, the oldest go first', async () => {
  const { fleet, token } = startToken();
  const names = Array.from({ length: 1026 }, randomUuid);
  for (const name of names) token.disconnected(new Program(token, fleet.connection(), name).application);
  const resumed = names.map((name) => new Program(token, fleet.connection(), name).application.resumed);
  assert.deepEqual(resumed.slice(0, 3), [false, false, true]);
  assert.equal(resumed.filter((value) => value).length, 1024);
  await settled();
});

test('closing the token closes every connection', async () => {
  const setup = startToken();
  const first = connect(setup);
  await first.generate(EC, { EC_PARAMS: P256 }, {});
  setup.token.disconnected(first.application);
  await setup.user.generate(EC, { EC_PARAMS: P256 }, {});
  setup.token.close();
  await settled();
  assert.deepEqual(
    [first.connection.closed, setup.user.connection.closed, setup.visitor.connection.closed],
    [true, true, true],
  );
  assert.equal(setup.fleet.keys.size, 0);
});
