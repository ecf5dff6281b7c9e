import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type FleetConnection } from '#src/fleet/fleet.ts';
import { type KeyEntry } from '#src/fleet/key-table.ts';
import { ApplianceState, Curve, KeyFlags, KeyType, MasterKeyState, User } from '#src/wire/enumerations.ts';
import { CkrError, HalError, HalStatus, type HalStatusName } from '#src/wire/status.ts';
import { pidsOf, until } from '../processes.ts';
import { bytes, type FleetUnderTest, randomName, startFleet, userConnection, USER_PIN } from './start-fleet.ts';

const CKM_ECDSA = 0x1041;
const LABEL = 0x003;
const NONE = new Uint8Array(0);
const TOKEN = KeyFlags.DIGITALSIGNATURE | KeyFlags.TOKEN;

let tested: FleetUnderTest;
let user: FleetConnection;
before(async () => {
  tested = await startFleet();
  user = await userConnection(tested.fleet);
});
after(() => tested.stop());

const pairRequest = (flags: number, name = randomName()) => ({
  session: 1,
  name,
  publicName: randomName(),
  type: KeyType.EC_PRIVATE,
  curve: Curve.P256,
  bits: 256,
  exponent: NONE,
  flags,
  publicFlags: flags,
  attributes: [{ type: LABEL, value: bytes('ksk') }],
  publicAttributes: [{ type: LABEL, value: bytes('ksk') }],
});

const status =
  (name: HalStatusName) =>
  (error: unknown): boolean =>
    error instanceof HalError && error.status === HalStatus[name];

async function checkSignature(connection: FleetConnection, privateKey: KeyEntry, publicKey: KeyEntry) {
  const digest = crypto.getRandomValues(new Uint8Array(32));
  const signature = await tested.fleet.sign(connection, privateKey, CKM_ECDSA, NONE, digest);
  assert.equal(signature.length, 64);
  await tested.fleet.verify(connection, publicKey, CKM_ECDSA, NONE, digest, signature);
  await assert.rejects(
    tested.fleet.verify(connection, publicKey, CKM_ECDSA, NONE, digest, new Uint8Array(64).fill(1)),
    status('INVALID_SIGNATURE'),
  );
}

test('pairs are spread over the devices, both halves on one, and sign', async () => {
  const pairs = [];
  for (let i = 0; i < 4; i++) pairs.push(await tested.fleet.createPair(user, pairRequest(TOKEN)));
  for (const { privateKey, publicKey } of pairs) {
    assert.deepEqual([...privateKey.copies.keys()], [...publicKey.copies.keys()]);
    await checkSignature(user, privateKey, publicKey);
  }
  assert.deepEqual(new Set(pairs.flatMap(({ privateKey }) => [...privateKey.copies.keys()])), new Set([0, 1]));
  const listed = tested.fleet.listDeviceKeys();
  assert.equal(listed.reduce((sum, { keys }) => sum + keys.length, 0) >= 8, true);
});

test('the same name twice gives one pair, also at the same time', async () => {
  const request = pairRequest(TOKEN);
  const [first, second] = await Promise.all([
    tested.fleet.createPair(user, request),
    tested.fleet.createPair(user, request),
  ]);
  const third = await tested.fleet.createPair(user, request);
  assert.equal(first.privateKey.id, second.privateKey.id);
  assert.deepEqual(third.privateKey.copies, first.privateKey.copies);
});

test('attributes are changed, found by, and removed; deleted keys are gone', async () => {
  const { privateKey, publicKey } = await tested.fleet.createPair(user, pairRequest(TOKEN));
  const changed = await tested.fleet.setAttributes(user, privateKey, [{ type: LABEL, value: bytes('new label') }]);
  assert.deepEqual(changed.attributes.get(LABEL), bytes('new label'));
  assert.deepEqual([...tested.fleet.keys.byAttribute(LABEL, bytes('new label'))], [changed]);
  const cleared = await tested.fleet.setAttributes(user, changed, [{ type: LABEL, value: null }]);
  assert.equal(cleared.attributes.has(LABEL), false);
  await tested.fleet.deleteKeys(user, [privateKey, publicKey]);
  assert.equal(tested.fleet.keys.get(privateKey.id), undefined);
  await assert.rejects(
    tested.fleet.sign(user, privateKey, CKM_ECDSA, NONE, new Uint8Array(32)),
    status('KEY_NOT_FOUND'),
  );
});

test('wrong PINs are refused once per attempt and leave the login alone', async () => {
  const connection = tested.fleet.openConnection();
  await assert.rejects(connection.login(User.NORMAL, bytes('wrong')), status('PIN_INCORRECT'));
  await assert.rejects(connection.login(User.NORMAL, bytes('abc')), status('BAD_ARGUMENTS'));
  await connection.login(User.NORMAL, bytes(USER_PIN));
  await assert.rejects(connection.login(User.WHEEL, bytes('wrong')), status('PIN_INCORRECT'));
  assert.equal(connection.user, User.NORMAL);
  await assert.rejects(connection.setPin(User.NORMAL, bytes('other-pin')), status('FORBIDDEN'));
  await connection.close();
});

test('a device that dies comes back with logins and keys; nothing acknowledged is lost, nobody sees an error', async () => {
  const { fleet } = tested;
  const created: KeyEntry[] = [];
  const digest = new Uint8Array(32).fill(7);
  const { privateKey, publicKey } = await fleet.createPair(user, pairRequest(TOKEN));
  const run = { signatures: 0, stop: false };
  const signing = Array.from({ length: 8 }, async () => {
    while (!run.stop) {
      await fleet.sign(user, privateKey, CKM_ECDSA, NONE, digest);
      run.signatures++;
    }
  });
  const generating = (async () => {
    while (!run.stop) created.push((await fleet.createPair(user, pairRequest(TOKEN))).privateKey);
  })();
  for (let round = 0; round < 4; round++) {
    const enough = run.signatures + 50;
    await until(() => run.signatures >= enough);
    const changes = lostAndFound(round % 2);
    process.kill(pidOf(round % 2), 'SIGKILL');
    await changes;
  }
  run.stop = true;
  await Promise.all([...signing, generating]);
  await checkSignature(user, privateKey, publicKey);
  for (const entry of created) await fleet.sign(user, entry, CKM_ECDSA, NONE, digest);

  // The table made anew from the devices has every key that was acknowledged.
  const { found } = await fleet.unlock(tested.wheel);
  const names = new Set(found.map((text) => text.replaceAll('-', '')));
  for (const entry of created) assert.ok(names.has(entry.id));
});

test('session keys of a dead device are gone, the appliance says so', async () => {
  const { fleet } = tested;
  const { privateKey } = await fleet.createPair(user, pairRequest(KeyFlags.DIGITALSIGNATURE));
  assert.deepEqual(fleet.keys.ownedBy(user).length, 2);
  const [index] = [...privateKey.copies.keys()] as [number];
  const changes = lostAndFound(index);
  process.kill(pidOf(index), 'SIGKILL');
  await changes;
  assert.equal(fleet.keys.get(privateKey.id), undefined);
  await assert.rejects(fleet.sign(user, privateKey, CKM_ECDSA, NONE, new Uint8Array(32)), status('KEY_NOT_FOUND'));
});

test('a changed PIN does not end the logins of its role, not even after a restart of a device', async () => {
  const { fleet } = tested;
  const { privateKey, publicKey } = await fleet.createPair(user, pairRequest(TOKEN));
  await tested.wheel.setPin(User.NORMAL, bytes('second-pin'));
  const [index] = [...privateKey.copies.keys()] as [number];
  const changes = lostAndFound(index);
  process.kill(pidOf(index), 'SIGKILL');
  await changes;
  await checkSignature(user, privateKey, publicKey);
  await tested.wheel.setPin(User.NORMAL, bytes(USER_PIN));
});

test('200 connections opened and closed leave neither logins nor session keys', async () => {
  const { fleet } = tested;
  const settled = async () => {
    await fleet.masterKeyStates();
    return fleet.devices.map(({ logins, volatileKeys }) => ({ logins, volatileKeys }));
  };
  const before = await settled();
  const size = fleet.keys.size;
  for (let round = 0; round < 20; round++) {
    const connections = await Promise.all(
      Array.from({ length: 10 }, async (_, i) => {
        const connection = fleet.openConnection();
        if (i === 0) await connection.login(User.NORMAL, bytes(USER_PIN));
        if (i === 0) await fleet.createPair(connection, pairRequest(KeyFlags.DIGITALSIGNATURE));
        return connection;
      }),
    );
    await Promise.all(connections.map((connection) => connection.close()));
  }
  assert.deepEqual(await settled(), before);
  assert.equal(fleet.keys.size, size);
  assert.equal([...fleet.connections].length, 2);
});

test('a connection without login is told so, a key without the usage is refused', async () => {
  const { fleet } = tested;
  const { privateKey } = await fleet.createPair(user, pairRequest(TOKEN));
  const stranger = fleet.openConnection();
  await assert.rejects(
    fleet.sign(stranger, privateKey, CKM_ECDSA, NONE, new Uint8Array(32)),
    (error) => error instanceof CkrError && error.ckr === 0x101,
  );
  await assert.rejects(fleet.createPair(stranger, pairRequest(TOKEN)), status('FORBIDDEN'));
  const useless = await fleet.createPair(user, pairRequest(KeyFlags.TOKEN));
  await assert.rejects(fleet.sign(user, useless.privateKey, CKM_ECDSA, NONE, new Uint8Array(32)), status('FORBIDDEN'));
  await stranger.close();
});

test('states and master key', async () => {
  const { fleet, wheel } = tested;
  assert.equal(fleet.state, ApplianceState.OPERATIONAL);
  assert.deepEqual(await fleet.masterKeyStates(), [MasterKeyState.SET, MasterKeyState.SET]);
  const { verdict, tokenKeys } = await fleet.checkMasterKey(wheel, new Uint8Array(32).fill(1));
  assert.equal(verdict, 2);
  assert.ok(tokenKeys > 0);
  await assert.rejects(fleet.setMasterKey(user, undefined), status('FORBIDDEN'));
});

/** Resolves when a device was lost and runs again. */
function lostAndFound(index: number): Promise<void> {
  return new Promise((resolve) => {
    let lost = false;
    const ended = tested.fleet.onChange(() => {
      const running = tested.fleet.devices[index]?.running ?? false;
      if (!running) lost = true;
      if (!lost || !running) return;
      ended();
      resolve();
    });
  });
}

function pidOf(index: number): number {
  const [pid] = pidsOf(tested.state, 'device/main.ts', `--index ${index} `);
  return pid ?? assert.fail(`device ${index} does not run`);
}
