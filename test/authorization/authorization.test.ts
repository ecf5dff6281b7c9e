import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { holder } from '#src/daemon/holder.ts';
import { encodeRequest, setClient } from '#src/wire/message.ts';
import { encodeFrame, SlipDecoder } from '#src/wire/slip.ts';
import { HalStatus } from '#src/wire/status.ts';
import { vendorOperations } from '#src/wire/vendor-operations.ts';
import { type Appliance, type Secrets, startAppliance } from '../appliance.ts';
import { type DeviceLink, DeviceUnderTest, FACTORY_PIN, PINS, setUp, WHEEL } from '../device/device-under-test.ts';
import { until } from '../processes.ts';
import { RpcClient } from '../rpc/rpc-client.ts';
import { Caller, type Exchange, type Pins } from './caller.ts';
import { expectedStatus, type Kind, type Role, ROLES, type Situation } from './model.ts';
import { requestsFor, ROLE_NUMBERS, type Things } from './probes.ts';

const NO_PIN = new Uint8Array(0);
const NAMES = new Map<number, string>(Object.entries(HalStatus).map(([name, status]) => [status, name]));

/** Every request in a situation; all differences at once. */
async function checkAll(caller: Caller, situation: Situation, things: Things): Promise<void> {
  const found: string[] = [];
  const expected: string[] = [];
  for (const request of requestsFor(situation.kind)) {
    const status = await caller.status(await request.message(things));
    const title = `${request.name} (${request.purpose}${request.note && `: ${request.note}`})`;
    found.push(`${title} ${NAMES.get(status)}`);
    expected.push(`${title} ${expectedStatus(situation, request)}`);
    if (['LOGIN', 'LOGOUT', 'LOGOUT_ALL'].includes(request.name) && situation.state !== 'locked') {
      await caller.become(situation.role).catch(() => {});
    }
  }
  assert.deepEqual(found, expected);
}

test('every function of the table has its requests', () => {
  const names = new Set(requestsFor('network').map(({ name }) => name));
  assert.deepEqual([...names].sort(), Object.keys(vendorOperations).sort());
});

describe('the appliance', () => {
  let state: string;
  let appliance: Appliance;
  let pins: Pins;
  const opened: { close(): Promise<void> }[] = [];

  async function network(): Promise<Exchange> {
    const client = await RpcClient.connect(appliance.rpcPort, { maxVersion: 'TLSv1.2' });
    opened.push(client);
    return (message) => client.exchange(message);
  }

  before(async () => {
    state = await mkdtemp(join(tmpdir(), 'dks-authorization-'));
    await writeFile(join(state, 'settings.json'), '{"ENABLE_KEY_EXPORT": true}');
    appliance = await startAppliance({ state, pinDelayMs: 1 });
    pins = pinsOf(await appliance.setUp());
  });
  after(async () => {
    await Promise.all(opened.map((client) => client.close()));
    await appliance.halt();
    await holder.end(join(state, 'run', 'mkm.sock')).catch(() => {});
    await rm(state, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
  });

  for (const kind of ['network', 'internal'] as const) {
    for (const role of ROLES) {
      test(`${kind}, operational, ${role}`, async () => {
        const exchange = kind === 'network' ? await network() : await openInternal(state, opened);
        const caller = new Caller(exchange, pins);
        const things = await caller.provide();
        await caller.become(role);
        await checkAll(caller, { kind, state: 'operational', role }, things);
      });
    }
  }

  test('a search finds nothing without a login as user or wheel, and says so without an error', async () => {
    for (const role of ROLES) {
      const exchange = await network();
      const caller = new Caller(exchange, pins);
      await caller.become(role);
      const search = {
        session: 0,
        type: 0,
        curve: 0,
        mask: 0,
        attributes: [],
        resultMax: 10,
        previous: Buffer.alloc(16),
      };
      const found = await caller.call('PKEY_MATCH', { ...search, flags: 0, state: 1 });
      const mayUseKeys = role === 'user' || role === 'wheel';
      assert.deepEqual([found.state, found.uuids.length], mayUseKeys ? [1, 10] : [1, 0], role);
      // Everybody may ask for keys that are usable without login, and gets only these.
      const free = await caller.call('PKEY_MATCH', { ...search, flags: 0x10, state: 0, resultMax: 500 });
      const all = await caller.call('PKEY_MATCH', { ...search, mask: 0x10, flags: 0x10, state: 0, resultMax: 500 });
      assert.ok(all.uuids.length > 0);
      if (!mayUseKeys) assert.deepEqual(free.uuids, all.uuids, role);
    }
  });

  test('network, locked: no role can log in, and nothing is answered but what always is', async () => {
    const things = await new Caller(await network(), pins).provide();
    await appliance.halt();
    appliance = await startAppliance({ state, pinDelayMs: 1 });
    for (const role of ROLES) {
      const caller = new Caller(await network(), pins);
      if (role !== 'none') await assert.rejects(caller.become(role), { status: HalStatus.FORBIDDEN });
      const late = { ...things, hash: () => Promise.resolve(1) };
      await checkAll(caller, { kind: 'network', state: 'locked', role }, late);
    }
    await appliance.unlock();
  });

  test('network, no master key: logins and handles end with it, on connections that stay open', async () => {
    const callers = await Promise.all(ROLES.map(async () => new Caller(await network(), pins)));
    const things = await callers[1]!.provide();
    for (const [i, role] of ROLES.entries()) await callers[i]!.become(role);
    await holder.end(join(state, 'run', 'mkm.sock'));
    const status = () => callers[0]!.status(encodeRequest('GET_RANDOM', 0, { length: 0 }));
    await until(async () => (await status()) === HalStatus.MASTERKEY_NOT_SET);
    for (const [i, role] of ROLES.entries()) {
      const late = { ...things, hash: () => Promise.resolve(1) };
      await checkAll(callers[i]!, { kind: 'network', state: 'no master key', role }, late);
    }
  });
});

describe('a device', () => {
  const pins: Pins = { none: NO_PIN, user: PINS[1], so: PINS[2], wheel: FACTORY_PIN };

  for (const kind of ['device', 'device with public session keys'] as const) {
    test(`${kind}, operational`, async () => {
      await using device = await DeviceUnderTest.create();
      const link = await device.start(...optionsOf(kind));
      await setUp(link);
      for (const role of ROLES) {
        const { caller, things } = await callerOf(link, role);
        await checkAll(caller, { kind, state: 'operational', role }, things);
      }
    });

    test(`${kind}, no master key`, async () => {
      await using device = await DeviceUnderTest.create();
      const link = await device.start(...optionsOf(kind));
      await setUp(link);
      for (const role of ROLES) {
        const { caller, things } = await callerOf(link, role);
        const session = kind === 'device' ? 1 : await things.publicSession();
        await link.call('MASTERKEY_CLEAR', WHEEL, {});
        const late = { ...things, publicSession: () => Promise.resolve(session) };
        await checkAll(caller, { kind, state: 'no master key', role }, late);
        // Some of what was tried ends all logins.
        await link.call('LOGIN', WHEEL, { user: ROLE_NUMBERS.wheel, pin: FACTORY_PIN });
        await link.call('MASTERKEY_SET', WHEEL, { key: new Uint8Array(0) });
      }
    });
  }

  const optionsOf = (kind: Kind) => (kind === 'device' ? [] : ['--public-session-keys']);

  async function callerOf(link: DeviceLink, role: Role): Promise<{ caller: Caller; things: Things }> {
    const number = 100 + ROLES.indexOf(role);
    const caller = new Caller((message) => exchangeAs(link, number, message), pins);
    const things = await caller.provide();
    await caller.become(role);
    return { caller, things };
  }
});

/** On this link the client word is the connection. */
async function exchangeAs(link: DeviceLink, connection: number, message: Uint8Array): Promise<Uint8Array> {
  const sent = message.slice();
  setClient(sent, connection);
  return link.exchange(connection, sent);
}

function pinsOf({ userPin, soPin, wheelPin }: Secrets): Pins {
  return { none: NO_PIN, user: Buffer.from(userPin), so: Buffer.from(soPin), wheel: Buffer.from(wheelPin) };
}

async function openInternal(state: string, opened: { close(): Promise<void> }[]): Promise<Exchange> {
  const socket = connect(join(state, 'run', '.cryptech_muxd.rpc'));
  await once(socket, 'connect');
  opened.push({
    async close() {
      if (socket.closed) return;
      const closed = once(socket, 'close');
      socket.destroy();
      await closed;
    },
  });
  const decoder = new SlipDecoder(2 ** 21);
  let answered: (reply: Uint8Array) => void = () => {};
  socket.on('data', (chunk: Uint8Array) => decoder.push(chunk, (reply) => answered(reply.slice())));
  return (message) =>
    new Promise((resolve) => {
      answered = resolve;
      socket.write(encodeFrame(message));
    });
}
