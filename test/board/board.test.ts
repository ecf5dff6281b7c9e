import assert from 'node:assert/strict';
import { createPrivateKey, createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Duplex } from 'node:stream';
import { after, afterEach, before, test } from 'node:test';
import { silentLog } from '#src/audit/log.ts';
import { Board } from '#src/board/board.ts';
import { KeyNames } from '#src/board/key-names.ts';
import { Fleet, type FleetConnection } from '#src/fleet/fleet.ts';
import { uuidText } from '#src/fleet/key-entry.ts';
import { type KeyEntry } from '#src/fleet/key-table.ts';
import { ApplianceState, Curve, KeyFlags, KeyType, User } from '#src/wire/enumerations.ts';
import { type OperationName } from '#src/wire/operations.ts';
import { CkrError, HalError, HalStatus, type HalStatusName } from '#src/wire/status.ts';
import { bytes, randomName } from '../fleet/start-fleet.ts';
import { until } from '../processes.ts';
import { BoardUnderTest } from './board-under-test.ts';

const CKM_RSA_PKCS = 0x1;
const CKM_ECDSA = 0x1041;
const LABEL = 0x003;
const ID = 0x102;
const NONE = new Uint8Array(0);
const FACTORY_PIN = 'YouReallyNeedToChangeThisPINRightNowWeAreNotKidding';
const TOKEN = KeyFlags.DIGITALSIGNATURE | KeyFlags.TOKEN;

const folder = mkdtempSync(join(tmpdir(), 'dks-board-names-'));
const namesFile = join(folder, 'board-key-names.json');
let board: BoardUnderTest;
/** The computer's end of the line; `undefined` while it is unplugged. */
let line: Duplex | undefined;
let plugged = true;
let fleet: Fleet;
let wheel: FleetConnection;
let user: FleetConnection;

async function startFleet(): Promise<void> {
  const names = await KeyNames.open(namesFile);
  const openPort = (): Promise<Duplex> => {
    if (!plugged) return Promise.reject(new HalError('IO_SETUP_FAILED', 'unplugged'));
    line = board.plugIn();
    return Promise.resolve(line);
  };
  fleet = await Fleet.start({
    state: folder,
    devices: 0,
    boards: [new Board({ name: 'test board', names, log: silentLog, openPort })],
    log: silentLog,
  });
}

async function login(role: User, pin: string): Promise<FleetConnection> {
  const connection = fleet.openConnection();
  await connection.login(role, bytes(pin));
  return connection;
}

before(async () => {
  board = await BoardUnderTest.start();
  await startFleet();
  wheel = await login(User.WHEEL, FACTORY_PIN);
  await wheel.setPin(User.NORMAL, bytes('user-4711'));
  await fleet.unlock(wheel);
  user = await login(User.NORMAL, 'user-4711');
});
after(async () => {
  await fleet.stop();
  await board.stop();
  rmSync(folder, { recursive: true, force: true });
});
afterEach(() => assert.deepEqual(board.faults, []));

const status =
  (name: HalStatusName) =>
  (error: unknown): boolean =>
    error instanceof HalError && error.status === HalStatus[name];

const pairRequest = (type: KeyType, curve: Curve, bits: number, flags = TOKEN, label = 'zsk') => ({
  session: 7,
  name: randomName(),
  publicName: randomName(),
  type,
  curve,
  bits,
  exponent: type === KeyType.RSA_PRIVATE ? Uint8Array.of(1, 0, 1) : NONE,
  flags,
  publicFlags: flags,
  attributes: [
    { type: LABEL, value: bytes(label) },
    { type: ID, value: NONE },
  ],
  publicAttributes: [{ type: LABEL, value: bytes(label) }],
});

/** Signs a digest and checks the signature without the board. */
async function checkSignature(key: KeyEntry, size = 32): Promise<void> {
  const data = crypto.getRandomValues(new Uint8Array(size));
  const publicKey = createPublicKey({ key: Buffer.from(key.spki), format: 'der', type: 'spki' });
  const digest = Buffer.from(await crypto.subtle.digest(size === 64 ? 'SHA-512' : 'SHA-256', data));
  const hash = size === 64 ? 'sha512' : 'sha256';
  if (key.type === KeyType.RSA_PRIVATE) {
    const prefix = Buffer.from('3031300d060960864801650304020105000420', 'hex');
    const signature = await fleet.sign(user, key, CKM_RSA_PKCS, NONE, Buffer.concat([prefix, digest]));
    assert.ok(verify(hash, data, publicKey, signature));
  } else {
    const signature = await fleet.sign(user, key, CKM_ECDSA, NONE, digest);
    assert.ok(verify(hash, data, { key: publicKey, dsaEncoding: 'ieee-p1363' }, signature));
  }
}

test('the appliance is operational with nothing but a board', () => {
  assert.equal(fleet.state, ApplianceState.OPERATIONAL);
  assert.equal(board.asked.filter((name) => name === 'LOGOUT_ALL').length, 1);
});

test('pairs of every kind are made step by step, sign and verify', async () => {
  for (const [type, curve, bits] of [
    [KeyType.RSA_PRIVATE, Curve.NONE, 1024],
    [KeyType.EC_PRIVATE, Curve.P256, 256],
    [KeyType.EC_PRIVATE, Curve.P384, 384],
    [KeyType.EC_PRIVATE, Curve.P521, 521],
  ] as const) {
    const { privateKey, publicKey } = await fleet.createPair(user, pairRequest(type, curve, bits));
    assert.deepEqual([privateKey.type, privateKey.bits, privateKey.flags], [type, bits, TOKEN]);
    assert.deepEqual(privateKey.spki, publicKey.spki);
    assert.deepEqual(privateKey.attributes.get(LABEL), bytes('zsk'));
    // An empty attribute is there, one that was never set is not.
    assert.deepEqual(privateKey.attributes.get(ID), NONE);
    assert.equal(publicKey.attributes.has(ID), false);
    await checkSignature(privateKey);
    // A digest longer than the order of P-256: the leftmost bits count.
    if (type === KeyType.EC_PRIVATE) await checkSignature(privateKey, 64);
  }
});

test('a wrong signature, and one of a length that a board does not survive, are refused', async () => {
  const { publicKey } = await fleet.createPair(user, pairRequest(KeyType.RSA_PRIVATE, Curve.NONE, 1024));
  for (const length of [128, 5, 300]) {
    await assert.rejects(
      fleet.verify(user, publicKey, CKM_RSA_PKCS, NONE, bytes('data'), new Uint8Array(length).fill(1)),
      status('INVALID_SIGNATURE'),
    );
  }
});

test('Edwards keys are refused: a board has none', async () => {
  await assert.rejects(
    fleet.createPair(user, pairRequest(KeyType.ED_PRIVATE, Curve.ED25519, 256)),
    status('UNSUPPORTED_KEY'),
  );
  const der = generateKeyPairSync('ed25519').privateKey.export({ format: 'der', type: 'pkcs8' });
  await assert.rejects(
    fleet.loadKey(user, { session: 0, name: randomName(), der, flags: TOKEN, attributes: [] }),
    status('UNSUPPORTED_KEY'),
  );
});

test('keys are loaded, changed and deleted; what is refused leaves nothing behind', async () => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const der = () => privateKey.export({ format: 'der', type: 'pkcs8' });
  const attributes = [{ type: LABEL, value: bytes('loaded') }];
  const key = await fleet.loadKey(user, { session: 0, name: randomName(), der: der(), flags: TOKEN, attributes });
  assert.ok(createPrivateKey({ key: der(), format: 'der', type: 'pkcs8' }));
  await checkSignature(key);
  const changed = await fleet.setAttributes(user, key, [
    { type: LABEL, value: null },
    { type: 0x8000_0001, value: bytes('unusual') },
  ]);
  assert.equal(changed.attributes.has(LABEL), false);
  assert.deepEqual(changed.attributes.get(0x8000_0001), bytes('unusual'));
  await fleet.deleteKeys(user, [changed]);
  await assert.rejects(fleet.sign(user, key, CKM_ECDSA, NONE, new Uint8Array(32)), status('KEY_NOT_FOUND'));

  const keysBefore = board.asked.filter((name) => name === 'PKEY_DELETE').length;
  const tooMany = [{ type: LABEL, value: new Uint8Array(17_000) }];
  const request = { ...pairRequest(KeyType.EC_PRIVATE, Curve.P256, 256), publicAttributes: tooMany };
  await assert.rejects(fleet.createPair(user, request), status('RPC_PACKET_OVERFLOW'));
  assert.equal(board.asked.filter((name) => name === 'PKEY_DELETE').length, keysBefore + 2);
});

test('logins are verified one by one, and share one login of the board', async () => {
  const others = await Promise.all(Array.from({ length: 12 }, () => login(User.NORMAL, 'user-4711')));
  const stranger = fleet.openConnection();
  await assert.rejects(stranger.login(User.NORMAL, bytes('wrong')), status('PIN_INCORRECT'));
  const { privateKey } = await fleet.createPair(user, pairRequest(KeyType.EC_PRIVATE, Curve.P256, 256));
  await assert.rejects(fleet.sign(stranger, privateKey, CKM_ECDSA, NONE, new Uint8Array(32)), CkrError);
  await Promise.all(others.map((other) => fleet.sign(other, privateKey, CKM_ECDSA, NONE, new Uint8Array(32).fill(1))));
  await Promise.all(others.map((other) => other.close()));
  await checkSignature(privateKey);
  await stranger.close();
});

test('session keys belong to their connection and end with it', async () => {
  const owner = await login(User.NORMAL, 'user-4711');
  const { privateKey } = await fleet.createPair(
    owner,
    pairRequest(KeyType.EC_PRIVATE, Curve.P256, 256, KeyFlags.DIGITALSIGNATURE),
  );
  await fleet.sign(owner, privateKey, CKM_ECDSA, NONE, new Uint8Array(32).fill(1));
  await assert.rejects(fleet.sign(user, privateKey, CKM_ECDSA, NONE, new Uint8Array(32)), status('KEY_NOT_FOUND'));
  await owner.close();
  await until(() => fleet.devices[0]?.volatileKeys === 0 || board.asked.at(-1) === 'GET_VERSION');
  await assert.rejects(fleet.sign(wheel, privateKey, CKM_ECDSA, NONE, new Uint8Array(32)), status('KEY_NOT_FOUND'));
});

test('a key that the vendor’s functions make has no attributes of ours', async () => {
  const key = await fleet.createPrivateKey(user, pairRequest(KeyType.EC_PRIVATE, Curve.P256, 256));
  assert.equal(key.attributes.size, 0);
  await checkSignature(key);
});

test('more keys than handles stay open are used in any order', async () => {
  const keys: KeyEntry[] = [];
  for (let i = 0; i < 40; i++) {
    const { privateKey } = await fleet.createPair(
      user,
      pairRequest(KeyType.EC_PRIVATE, Curve.P256, 256, TOKEN, `k${i}`),
    );
    keys.push(privateKey);
  }
  for (const key of keys) await checkSignature(key);
  assert.ok(board.asked.includes('PKEY_CLOSE'));
});

test('unplugged and plugged in again, the logins and names are still there', async () => {
  const { privateKey } = await fleet.createPair(user, pairRequest(KeyType.EC_PRIVATE, Curve.P256, 256));
  plugged = false;
  line?.destroy();
  const waiting = fleet.sign(user, privateKey, CKM_ECDSA, NONE, new Uint8Array(32).fill(1));
  await until(() => !fleet.allDevices[0]?.running);
  plugged = true;
  await waiting;
  await checkSignature(privateKey);
  assert.equal(board.asked.filter((name) => name === 'LOGOUT_ALL').length, 1);
});

test('a line lost in the middle of a request: its late reply can meet no other, so that login is given up', async () => {
  const { privateKey } = await fleet.createPair(user, pairRequest(KeyType.EC_PRIVATE, Curve.P256, 256));
  board.deafTo = 'PKEY_SIGN';
  const signs = board.asked.filter((name) => name === 'PKEY_SIGN').length;
  const cut = fleet.sign(user, privateKey, CKM_ECDSA, NONE, new Uint8Array(32).fill(1));
  const outcome = assert.rejects(cut, CkrError);
  await until(() => board.asked.filter((name) => name === 'PKEY_SIGN').length > signs);
  line?.destroy();
  board.deafTo = undefined;
  await outcome;
  await user.login(User.NORMAL, bytes('user-4711'));
  await checkSignature(privateKey);
});

test('what a creation left on the board when the line was lost is deleted before the next one', async () => {
  const count = (name: OperationName): number => board.asked.filter((asked) => asked === name).length;
  const [changes, deletions] = [count('PKEY_SET_ATTRIBUTES'), count('PKEY_DELETE')];
  board.deafTo = 'PKEY_SET_ATTRIBUTES';
  const cut = assert.rejects(fleet.createPair(user, pairRequest(KeyType.EC_PRIVATE, Curve.P256, 256)));
  await until(() => count('PKEY_SET_ATTRIBUTES') > changes);
  line?.destroy();
  board.deafTo = undefined;
  await cut;
  await user.login(User.NORMAL, bytes('user-4711'));
  const { privateKey } = await fleet.createPair(user, pairRequest(KeyType.EC_PRIVATE, Curve.P256, 256));
  assert.equal(count('PKEY_DELETE'), deletions + 2);
  await checkSignature(privateKey);
});

test('a board that lost its power wants the logins again', async () => {
  const [key] = [...fleet.keys.after('')].filter(({ type }) => type === KeyType.EC_PRIVATE) as [KeyEntry];
  await board.restart();
  line?.destroy();
  await until(() => !fleet.allDevices[0]?.running);
  await until(() => fleet.allDevices[0]?.running === true);
  await assert.rejects(fleet.sign(user, key, CKM_ECDSA, NONE, new Uint8Array(32).fill(1)), CkrError);
  // One login of the role serves all who proved to have it.
  const other = await login(User.NORMAL, 'user-4711');
  await checkSignature(key);
  await other.close();
});

test('after a restart of the appliance the keys have their names and attributes', async () => {
  const facts = (): unknown[] =>
    [...fleet.keys.after('')].map(({ id, type, flags, attributes }) => [id, type, flags, [...attributes].length > 0]);
  const keysBefore = facts();
  const deviceKeys = fleet.listDeviceKeys();
  await fleet.stop();
  await startFleet();
  wheel = await login(User.WHEEL, FACTORY_PIN);
  const { found } = await fleet.unlock(wheel);
  user = await login(User.NORMAL, 'user-4711');
  assert.equal(found.length, keysBefore.length);
  assert.deepEqual(facts(), keysBefore);
  assert.deepEqual(fleet.listDeviceKeys(), deviceKeys);
  const names = JSON.parse(readFileSync(namesFile, 'utf8')) as Record<string, string>;
  for (const { name, copies } of fleet.keys.after('')) {
    assert.equal(names[uuidText(copies.get(0) as Uint8Array)], uuidText(name));
  }
  await checkSignature([...fleet.keys.after('')].find(({ type }) => type === KeyType.EC_PRIVATE) as KeyEntry);
});

test('never more than four requests are under way', () => {
  assert.ok(board.mostInFlight > 1 && board.mostInFlight <= 4, `${board.mostInFlight}`);
});
