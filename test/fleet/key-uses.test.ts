/** Operations with keys when a device is away or has forgotten a login, on scripted devices. */

import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { DeviceChooser } from '#src/fleet/choose-device.ts';
import { type Connection } from '#src/fleet/connection.ts';
import { type Device } from '#src/fleet/device.ts';
import { KeyCopies } from '#src/fleet/key-copies.ts';
import { type KeyEntry, KeyTable } from '#src/fleet/key-table.ts';
import { KeyTurns } from '#src/fleet/key-turns.ts';
import { KeyUses } from '#src/fleet/key-uses.ts';
import { Curve, KeyFlags, KeyType } from '#src/wire/enumerations.ts';
import { decodeArgs, encodeError, encodeReply } from '#src/wire/message.ts';
import { operations } from '#src/wire/operations.ts';
import { CkrError, HalStatus } from '#src/wire/status.ts';
import { FakeDevice } from './fake-device.ts';

const CKR_USER_NOT_LOGGED_IN = 0x101;
const CKM_AES_ECB = 0x1081;
const ALWAYS_AUTHENTICATE = 0x202;
const NONE = new Uint8Array(0);
const uuid = (byte: number) => new Uint8Array(16).fill(byte);
const ONE_BLOCK = { mechanism: CKM_AES_ECB, parameter: NONE, data: uuid(0) };

const started: FakeDevice[] = [];
afterEach(async () => {
  await Promise.all(started.splice(0).map((device) => device.stop()));
});

async function setUp(attributes = new Map<number, Uint8Array>()) {
  const devices = [0, 1].map((index) => new FakeDevice({ index, times: { absence: 50 } }));
  started.push(...devices);
  const runs = await Promise.all(devices.map((device) => device.running()));
  const keys = new KeyTable();
  const real = devices.map(({ device }) => device);
  const uses = new KeyUses(new KeyCopies(keys, real, new DeviceChooser(real), new KeyTurns()));
  const resumed: number[] = [];
  const connection = {
    ...{ number: 7, usesKeys: true, tickets: new Map([[0, NONE]]) },
    resume: (device: Device) => Promise.resolve(void resumed.push(device.index)),
    inLoginTurn: (work: () => Promise<unknown>) => work(),
  } as unknown as Connection;
  const entry: KeyEntry = {
    ...{
      name: uuid(1),
      id: uuid(1).toHex(),
      type: KeyType.SECRET,
      curve: Curve.NONE,
      bits: 256,
      flags: KeyFlags.TOKEN,
    },
    copies: new Map([
      [0, uuid(0x10)],
      [1, uuid(0x11)],
    ]),
    ...{ spki: NONE, attributes, owner: undefined, session: 0 },
  };
  keys.add([entry]);
  return { devices, runs, uses, connection, entry, resumed };
}

test('a device that is out of service leaves the work to the other copy', async () => {
  const { devices, runs, uses, connection, entry } = await setUp();
  const work = uses.encrypt(connection, entry, ONE_BLOCK);
  const first = await runs[0]!.request('KEY_ENCRYPT');
  assert.deepEqual(decodeArgs('KEY_ENCRYPT', first.message).key, uuid(0x10));
  devices[0]!.answersStatus = false;
  runs[0]!.die();
  // It does not come back: what waits for it is given up.
  const timer = setInterval(() => devices[0]!.device.tick(Date.now() + 60_000, false), 10);
  const second = await runs[1]!.request('KEY_ENCRYPT');
  clearInterval(timer);
  assert.deepEqual(decodeArgs('KEY_ENCRYPT', second.message).key, uuid(0x11));
  runs[1]!.send(encodeReply('KEY_ENCRYPT', second.client, { result: Uint8Array.of(5) }));
  assert.deepEqual(await work, Uint8Array.of(5));
});

test('a device that knows of no login gets it back, once', async () => {
  const { runs, uses, connection, entry, resumed } = await setUp();
  const { code } = operations.KEY_DECRYPT;
  const refuse = async (n: number) => {
    const { client } = await runs[0]!.request('KEY_DECRYPT', n);
    runs[0]!.send(encodeError(code, client, HalStatus.FORBIDDEN));
  };
  const good = uses.decrypt(connection, entry, ONE_BLOCK);
  await refuse(0);
  const again = await runs[0]!.request('KEY_DECRYPT', 1);
  assert.deepEqual(resumed, [0]);
  runs[0]!.send(encodeReply('KEY_DECRYPT', again.client, { result: Uint8Array.of(6) }));
  assert.deepEqual(await good, Uint8Array.of(6));

  const bad = uses.decrypt(connection, entry, ONE_BLOCK);
  await refuse(2);
  await refuse(3);
  await assert.rejects(bad, (error) => error instanceof CkrError && error.ckr === CKR_USER_NOT_LOGGED_IN);
});

test('a key that takes a PIN for each use is used where the PIN went', async () => {
  const { runs, uses, connection, entry } = await setUp(new Map([[ALWAYS_AUTHENTICATE, Uint8Array.of(1)]]));
  // The first device has more to do.
  const busy = uses.value(connection, { ...entry, copies: new Map([[0, uuid(0x10)]]) });
  const { client } = await runs[0]!.request('KEY_VALUE');
  const login = uses.authenticate(connection, entry, Buffer.from('1234'));
  const asked = await runs[0]!.request('KEY_AUTHENTICATE');
  assert.deepEqual(decodeArgs('KEY_AUTHENTICATE', asked.message).key, uuid(0x10));
  runs[0]!.send(encodeReply('KEY_AUTHENTICATE', asked.client, {}));
  await login;
  const use = uses.decrypt(connection, entry, ONE_BLOCK);
  const used = await runs[0]!.request('KEY_DECRYPT');
  runs[0]!.send(encodeReply('KEY_DECRYPT', used.client, { result: NONE }));
  await use;
  runs[0]!.send(encodeReply('KEY_VALUE', client, { attributes: [] }));
  await busy;
  assert.equal(runs[1]!.requests.length, 0);
});
