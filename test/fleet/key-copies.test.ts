/** Keys that come together on one device, on scripted devices. */

import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { DeviceChooser } from '#src/fleet/choose-device.ts';
import { type Connection } from '#src/fleet/connection.ts';
import { KeyCopies } from '#src/fleet/key-copies.ts';
import { type KeyEntry, KeyTable } from '#src/fleet/key-table.ts';
import { KeyTurns } from '#src/fleet/key-turns.ts';
import { Curve, KeyFlags, KeyType } from '#src/wire/enumerations.ts';
import { decodeArgs, encodeError, encodeReply } from '#src/wire/message.ts';
import { type OperationName, operations } from '#src/wire/operations.ts';
import { CKR_STATUS_BASE, CkrError, HalStatus } from '#src/wire/status.ts';
import { FakeDevice, type FakeRun } from './fake-device.ts';

const CKR_FUNCTION_NOT_SUPPORTED = 0x54;
const CKR_KEY_UNEXTRACTABLE = 0x6a;
const uuid = (byte: number) => new Uint8Array(16).fill(byte);

const started: FakeDevice[] = [];
afterEach(async () => {
  await Promise.all(started.splice(0).map((device) => device.stop()));
});

async function setUp(boards: readonly boolean[] = [false, false]) {
  const devices = boards.map((isBoard, index) => new FakeDevice({ index, isBoard }));
  started.push(...devices);
  const runs = await Promise.all(devices.map((device) => device.running()));
  const keys = new KeyTable();
  const real = devices.map(({ device }) => device);
  const copies = new KeyCopies(keys, real, new DeviceChooser(real), new KeyTurns());
  const connection = {
    number: 7,
    closed: false,
    creating: (work: Promise<unknown>) => work,
  } as unknown as Connection;
  const put = (byte: number, device: number, flags: number = KeyFlags.TOKEN): KeyEntry => {
    const entry: KeyEntry = {
      ...{ name: uuid(byte), id: uuid(byte).toHex(), copies: new Map([[device, uuid(byte + device)]]) },
      ...{ type: KeyType.SECRET, curve: Curve.NONE, bits: 256, flags, spki: new Uint8Array(0) },
      ...{ attributes: new Map(), owner: undefined, session: 0 },
    };
    keys.add([entry]);
    return entry;
  };
  return { devices, runs, keys, copies, connection, put };
}

function answer<N extends 'KEY_INVITE' | 'KEY_SEND' | 'KEY_RECEIVE' | 'KEY_DELETE'>(
  run: FakeRun,
  name: N,
  client: number,
  results: Parameters<typeof encodeReply<N>>[2],
): void {
  run.send(encodeReply(name, client, results));
}

/** The receiving device asks for the key. */
async function invite(run: FakeRun, nth = 0): Promise<void> {
  answer(run, 'KEY_INVITE', (await run.request('KEY_INVITE', nth)).client, { invitation: uuid(0x77) });
}

const refuse = (run: FakeRun, name: OperationName, client: number, status: number): void =>
  run.send(encodeError(operations[name].code, client, status));

const facts = (byte: number, device: number) => ({
  ...{ key: uuid(byte + device), name: uuid(byte), type: KeyType.SECRET, curve: 0, bits: 256 },
  ...{ flags: KeyFlags.TOKEN, session: 0, spki: new Uint8Array(0), attributes: [] },
});

test('the second key goes to the device of the first and is entered in the table', async () => {
  const { runs, keys, copies, connection, put } = await setUp();
  const [first, second] = [put(0x10, 0), put(0x20, 1)];
  const together = copies.together(connection, first, second);
  await invite(runs[0]!);
  const sent = await runs[1]!.request('KEY_SEND');
  assert.deepEqual(decodeArgs('KEY_SEND', sent.message), { connection: 7, key: uuid(0x21), invitation: uuid(0x77) });
  answer(runs[1]!, 'KEY_SEND', sent.client, { sealed: Uint8Array.of(1, 2, 3) });
  const received = await runs[0]!.request('KEY_RECEIVE');
  assert.deepEqual(decodeArgs('KEY_RECEIVE', received.message).sealed, Uint8Array.of(1, 2, 3));
  answer(runs[0]!, 'KEY_RECEIVE', received.client, { received: facts(0x20, 0) });
  const device = await together;
  assert.equal(device.index, 0);
  assert.deepEqual(
    [...keys.get(second.id)!.copies.keys()].sort((a, b) => a - b),
    [0, 1],
  );
  assert.deepEqual(copies.uuidOn(device, second), uuid(0x20), 'also for who looked it up before');
  // Now they are together.
  assert.equal((await copies.together(connection, first, keys.get(second.id)!)).index, 0);
  assert.equal(runs.flatMap(({ requests }) => requests).length, 3);
});

test('if the second must stay where it is the first goes there; if both must, the refusal comes through', async () => {
  const { runs, copies, connection, put } = await setUp();
  const [first, second] = [put(0x10, 0), put(0x20, 1)];
  const together = copies.together(connection, first, second);
  const stays = CKR_STATUS_BASE + CKR_KEY_UNEXTRACTABLE;
  await invite(runs[0]!);
  refuse(runs[1]!, 'KEY_SEND', (await runs[1]!.request('KEY_SEND')).client, stays);
  await invite(runs[1]!);
  const sent = await runs[0]!.request('KEY_SEND');
  answer(runs[0]!, 'KEY_SEND', sent.client, { sealed: Uint8Array.of(9) });
  const received = await runs[1]!.request('KEY_RECEIVE');
  answer(runs[1]!, 'KEY_RECEIVE', received.client, { received: facts(0x10, 1) });
  assert.equal((await together).index, 1);

  const [third, fourth] = [put(0x30, 0), put(0x40, 1)];
  const never = copies.together(connection, third, fourth);
  await invite(runs[0]!, 1);
  refuse(runs[1]!, 'KEY_SEND', (await runs[1]!.request('KEY_SEND', 1)).client, stays);
  await invite(runs[1]!, 1);
  refuse(runs[0]!, 'KEY_SEND', (await runs[0]!.request('KEY_SEND', 1)).client, HalStatus.FORBIDDEN);
  await assert.rejects(never, (error) => error instanceof CkrError && error.ckr === CKR_KEY_UNEXTRACTABLE);
});

test('a device that has forgotten what it asked for asks again', async () => {
  const { runs, copies, connection, put } = await setUp();
  const together = copies.together(connection, put(0x10, 0), put(0x20, 1));
  for (const nth of [0, 1]) {
    await invite(runs[0]!, nth);
    const { client } = await runs[1]!.request('KEY_SEND', nth);
    answer(runs[1]!, 'KEY_SEND', client, { sealed: Uint8Array.of(1) });
    const received = await runs[0]!.request('KEY_RECEIVE', nth);
    if (nth === 0) refuse(runs[0]!, 'KEY_RECEIVE', received.client, HalStatus.KEYWRAP_BAD_MAGIC);
    else answer(runs[0]!, 'KEY_RECEIVE', received.client, { received: facts(0x20, 0) });
  }
  assert.equal((await together).index, 0);
});

test('a key that is destroyed meanwhile leaves no copy behind', async () => {
  const { runs, keys, copies, connection, put } = await setUp();
  const [first, second] = [put(0x10, 0), put(0x20, 1)];
  const together = copies.together(connection, first, second);
  await invite(runs[0]!);
  answer(runs[1]!, 'KEY_SEND', (await runs[1]!.request('KEY_SEND')).client, { sealed: Uint8Array.of(1) });
  const received = await runs[0]!.request('KEY_RECEIVE');
  keys.remove(second.id);
  answer(runs[0]!, 'KEY_RECEIVE', received.client, { received: facts(0x20, 0) });
  const deleted = await runs[0]!.request('KEY_DELETE');
  assert.deepEqual(decodeArgs('KEY_DELETE', deleted.message).keys, [uuid(0x20)]);
  answer(runs[0]!, 'KEY_DELETE', deleted.client, {});
  await assert.rejects(together, { status: HalStatus.KEY_NOT_FOUND });
});

test('a board has none of our functions, and says so', async () => {
  const { copies, connection, put } = await setUp([false, true]);
  const [own, foreign] = [put(0x10, 0), put(0x20, 1)];
  const isUnsupported = (error: unknown) => error instanceof CkrError && error.ckr === CKR_FUNCTION_NOT_SUPPORTED;
  assert.throws(() => copies.deviceOf(foreign), isUnsupported);
  await assert.rejects(copies.together(connection, own, foreign), isUnsupported);
  await assert.rejects(copies.together(connection, foreign, own), isUnsupported);
});
