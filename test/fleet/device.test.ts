import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { Device } from '#src/fleet/device.ts';
import { DeviceRequests } from '#src/fleet/device-requests.ts';
import { PIN } from '#src/fleet/time-limits.ts';
import { decodeArgs, encodeError, encodeReply } from '#src/wire/message.ts';
import { operations } from '#src/wire/operations.ts';
import { HalError, HalStatus } from '#src/wire/status.ts';
import { FakeDevice, FakeRun } from './fake-device.ts';

const SIGN = { connection: 1, key: new Uint8Array(16), mechanism: 0x1041, parameter: new Uint8Array(0) };
const REPEAT = { limit: 10_000, repeat: true };
const ONCE = { limit: 10_000 };
const isTimeout = (error: unknown): boolean => error instanceof HalError && error.status === HalStatus.IO_TIMEOUT;

let fake: FakeDevice;
afterEach(() => fake.stop());

function sign(device: Device, byte: number, options: { limit: number; repeat?: boolean } = REPEAT) {
  return device.call('KEY_SIGN', { ...SIGN, data: Uint8Array.of(byte) }, options);
}

test('requests of one turn leave in one write and replies may come in any order', async () => {
  fake = new FakeDevice();
  const run = await fake.running();
  const before = run.chunks.length;
  const results = [1, 2, 3].map((byte) => sign(fake.device, byte));
  await run.request('KEY_SIGN', 2);
  assert.equal(run.chunks.length, before + 1);
  for (const { client, message } of run.requests.toReversed()) {
    assert.ok(client >= 0x8000_0000);
    const { data } = decodeArgs('KEY_SIGN', message);
    run.send(encodeReply('KEY_SIGN', client, { signature: Uint8Array.of(data[0]! + 100) }));
  }
  const signatures = (await Promise.all(results)).map(({ signature }) => signature[0]);
  assert.deepEqual(signatures, [101, 102, 103]);
});

test('vendor functions of one connection go one after the other, those of others do not wait', async () => {
  fake = new FakeDevice();
  const run = await fake.running();
  const calls = [1, 1, 2].map((connection) => fake.device.call('LOGOUT', {}, { ...ONCE, connection }));
  await run.request('LOGOUT', 1);
  assert.deepEqual(
    run.requests.map(({ client }) => client),
    [1, 2],
  );
  run.send(encodeReply('LOGOUT', 2, {}));
  await calls[2];
  run.send(encodeReply('LOGOUT', 1, {}));
  await calls[0];
  await run.request('LOGOUT', 2);
  run.send(encodeReply('LOGOUT', 1, {}));
  await calls[1];
});

test('a device that dies is started again at once; what may be repeated is repeated, the rest fails', async () => {
  fake = new FakeDevice();
  const first = await fake.running();
  const repeated = sign(fake.device, 1);
  const failing = fake.device.call('MASTERKEY_CLEAR', { connection: 1 }, ONCE);
  await first.request('MASTERKEY_CLEAR');
  first.die();
  await assert.rejects(failing, isTimeout);
  const second = await fake.running(2);
  const { client } = await second.request('KEY_SIGN');
  second.send(encodeReply('KEY_SIGN', client, { signature: Uint8Array.of(9) }));
  assert.deepEqual((await repeated).signature, Uint8Array.of(9));
});

test('requests wait until the logins are restored', async () => {
  let restored: () => void = () => {};
  fake = new FakeDevice({ resume: () => new Promise((resolve) => (restored = resolve)) });
  fake.device.start();
  const result = sign(fake.device, 1);
  await new Promise(setImmediate);
  await new Promise(setImmediate);
  assert.equal(fake.device.state, 'resuming');
  assert.equal(fake.run.requests.length, 0);
  restored();
  const { client } = await fake.run.request('KEY_SIGN');
  fake.run.send(encodeError(operations.KEY_SIGN.code, client, HalStatus.KEY_NOT_FOUND));
  await assert.rejects(result, (error) => error instanceof HalError && error.status === HalStatus.KEY_NOT_FOUND);
});

test('a device that stays away fails requests after the time they may wait, and new ones at once', async () => {
  fake = new FakeDevice({ times: { absence: 50 } });
  const run = await fake.running();
  fake.answersStatus = false;
  const waiting = sign(fake.device, 1);
  run.die();
  await new Promise((resolve) => setTimeout(resolve, 80));
  // The second start gives no sign of life and is lost too.
  fake.run.die();
  await fake.run.exited;
  await new Promise(setImmediate);
  fake.device.tick(Date.now(), false);
  await assert.rejects(waiting, isTimeout);
  await assert.rejects(sign(fake.device, 2), isTimeout);
});

test('a silent device is killed and started again', async () => {
  fake = new FakeDevice({ times: { silence: 1000 } });
  const run = await fake.running();
  const result = sign(fake.device, 1);
  await run.request('KEY_SIGN');
  const now = Date.now();
  fake.device.tick(now, false);
  fake.device.tick(now + 1001, false);
  assert.ok(run.killed);
  const second = await fake.running(2);
  const { client } = await second.request('KEY_SIGN');
  second.send(encodeReply('KEY_SIGN', client, { signature: new Uint8Array(1) }));
  await result;
});

test('a request that is never answered fails in time although the device lives', async () => {
  fake = new FakeDevice();
  const run = await fake.running();
  const result = sign(fake.device, 1, { limit: 1000 });
  await run.request('KEY_SIGN');
  fake.device.tick(Date.now() + 900, false);
  fake.device.tick(Date.now() + 7000, false);
  await assert.rejects(result, isTimeout);
  assert.ok(run.killed);
});

test('late, unknown and malformed replies are harmless', async () => {
  fake = new FakeDevice();
  const run = await fake.running();
  run.send(encodeReply('KEY_SIGN', 0x8000_7777, { signature: new Uint8Array(4) }));
  run.send(Uint8Array.of(1, 2, 3));
  const result = sign(fake.device, 1);
  const { client } = await run.request('KEY_SIGN');
  run.send(encodeReply('LOGOUT', client, {}));
  run.send(encodeReply('KEY_SIGN', client, { signature: new Uint8Array(4) }).subarray(0, 14));
  await assert.rejects(result);
});

test('the bytes of a PIN are wiped when they are sent and answered', async () => {
  fake = new FakeDevice();
  const run = await fake.running();
  const pin = new TextEncoder().encode('very-secret-pin');
  const result = fake.device.call('LOGIN', { user: 1, pin }, { ...REPEAT, connection: 5, secret: true });
  const { message } = await run.request('LOGIN');
  assert.deepEqual(decodeArgs('LOGIN', message).pin, pin);
  run.send(encodeReply('LOGIN', 5, {}));
  await result;
  await new Promise(setImmediate);
  assert.ok(run.chunks.every((chunk) => !Buffer.from(chunk).includes('very-secret-pin')));
});

test('a secret request leaves nothing behind in the memory that messages are written into', () => {
  const requests = new DeviceRequests();
  const pin = new TextEncoder().encode('very-secret-pin');
  let sent: Uint8Array | undefined;
  const sender = {
    send: () => assert.fail('not sent as a secret'),
    sendSecret: (message: Uint8Array) => (sent = message),
  };
  requests.attach(sender);
  requests.run();
  let isDone = false;
  const options = { ...REPEAT, connection: 5, secret: true };
  requests.submit('LOGIN', { user: 1, pin }, options, () => (isDone = true));
  assert.ok(sent && Buffer.from(sent.buffer).includes('very-secret-pin'));
  requests.receive(encodeReply('LOGIN', 5, {}));
  assert.ok(isDone);
  assert.ok(!Buffer.from(sent.buffer).includes('very-secret-pin'));
});

test('a login that the device holds back for a long time is not taken for a device that hangs', async () => {
  fake = new FakeDevice();
  const run = await fake.running();
  const pin = new TextEncoder().encode('wrong-pin');
  const result = fake.device.call('LOGIN', { user: 1, pin }, { limit: PIN, connection: 5, secret: true });
  await run.request('LOGIN');
  const now = Date.now();
  for (let seconds = 0; seconds < 7200; seconds += 10) {
    // The device answers the status requests meanwhile.
    run.send(Uint8Array.of(0));
    await new Promise(setImmediate);
    fake.device.tick(now + 1000 * seconds, true);
  }
  assert.ok(!run.killed);
  run.send(encodeError(operations.LOGIN.code, 5, HalStatus.PIN_INCORRECT));
  await assert.rejects(result, (error) => error instanceof HalError && error.status === HalStatus.PIN_INCORRECT);
});

test('a device that comes up after the appliance stopped is ended, and its broken link harms nobody', async () => {
  const late = new FakeRun(true);
  let open: (run: FakeRun) => void = () => {};
  fake = new FakeDevice({ open: () => new Promise((resolve) => (open = resolve)) });
  fake.device.start();
  await fake.device.stop();
  open(late);
  await late.exited;
  assert.ok(late.killed);
  assert.ok(late.stream.destroyed);
  late.stream.emit('error', new HalError('IO_OS_ERROR', 'ECONNRESET'));
});
