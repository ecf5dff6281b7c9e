import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, lstatSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { HalStatus, type HalStatusName } from '#src/wire/status.ts';
import { type Appliance, FACTORY_PIN, type Secrets, startAppliance } from '../appliance.ts';
import { VendorClient } from './vendor-client.ts';

const [LOGIN, LOGOUT_ALL, IS_LOGGED_IN, LOAD, OPEN, GENERATE_EC, CLOSE, DELETE, GET_PUBLIC_KEY, SIGN, MATCH] = [
  3, 5, 6, 13, 14, 16, 17, 18, 22, 23, 25,
] as const;
const [SET_ATTRIBUTES, GET_ATTRIBUTES] = [27, 28] as const;
const [HSM_STATE, GET_IP, SET_DEVICE, CACHE_OFF, CACHE_ON, DEVICE_UUIDS, MASTER_UUIDS] = [
  1979, 1980, 1981, 1982, 1983, 1984, 1985,
] as const;
const SIGNING = 0x01;
const TOKEN = 0x08;
const USER = 1;
const WHEEL = 3;
const ZERO = Buffer.alloc(16);
const EVERYTHING = [0, 0, 0, 0, 0, 0, 0, 100, ZERO] as const;

const socketOf = ({ state }: { state: string }): string => join(state, 'run', '.cryptech_muxd.rpc');

async function refused(client: VendorClient, name: HalStatusName, code: number, args: (number | Uint8Array)[] = []) {
  assert.equal((await client.call(code, args)).status, HalStatus[name], `function ${code}`);
}

async function match(client: VendorClient): Promise<string[]> {
  const results = await client.ok(MATCH, [...EVERYTHING]);
  results.word();
  return Array.from({ length: results.word() }, () => results.opaque().toString('hex')).sort();
}

async function generate(client: VendorClient, flags = SIGNING | TOKEN): Promise<{ pkey: number; uuid: Buffer }> {
  const results = await client.ok(GENERATE_EC, [0, 1, flags]);
  return { pkey: results.word(), uuid: results.opaque() };
}

async function open(client: VendorClient, uuid: Uint8Array): Promise<number> {
  return (await client.ok(OPEN, [0, uuid])).word();
}

describe('the internal socket', () => {
  let appliance: Appliance;
  let secrets: Secrets;
  const clients: VendorClient[] = [];
  const internal = async (): Promise<VendorClient> => {
    const client = await VendorClient.overSocket(socketOf(appliance));
    clients.push(client);
    return client;
  };
  const network = async (): Promise<VendorClient> => {
    const client = await VendorClient.overTls(appliance.rpcPort);
    clients.push(client);
    return client;
  };
  before(async () => {
    appliance = await startAppliance();
  });
  after(async () => {
    await Promise.all(clients.map((client) => client.close()));
    assert.equal(await appliance.stop(), 0);
    assert.equal(existsSync(socketOf(appliance)), false);
  });

  test('belongs to the daemon alone', () => {
    const { mode } = lstatSync(socketOf(appliance));
    assert.equal((mode & 0o777).toString(8), '600');
  });

  test('serves while the network is refused', async () => {
    const outside = await network();
    await refused(outside, 'MASTERKEY_NOT_SET', 1, [16]);
    const client = await internal();
    assert.equal((await client.ok(1, [16])).opaque().length, 16);
    await client.login(WHEEL, FACTORY_PIN);
    // The devices themselves have no master key yet.
    await refused(client, 'MASTERKEY_NOT_SET', GENERATE_EC, [0, 1, SIGNING | TOKEN]);
    secrets = await appliance.setUp();
    await generate(client);
    assert.equal(client.excess, 0);
  });

  test('knows the address of the appliance and the state of its devices', async () => {
    const client = await internal();
    assert.match((await client.ok(GET_IP)).opaque().toString(), /^\d+\.\d+\.\d+\.\d+$/);
    assert.equal((await client.ok(HSM_STATE)).word(), 2);
  });

  test('pins a connection to one device', async () => {
    const client = await internal();
    await client.login(USER, secrets.userPin);
    await refused(client, 'BAD_ARGUMENTS', SET_DEVICE, [2]);
    await refused(client, 'BAD_ARGUMENTS', SET_DEVICE, [0xffff_ffff]);
    await client.ok(SET_DEVICE, [1]);
    const before = await match(client);
    const keys = [await generate(client), await generate(client), await generate(client)];
    const expected = [...before, ...keys.map(({ uuid }) => uuid.toString('hex'))].sort();
    assert.deepEqual(await match(client), expected);
    // None of them is on the other device.
    await client.ok(SET_DEVICE, [0]);
    const other = await match(client);
    for (const { uuid, pkey } of keys) {
      assert.ok(!other.includes(uuid.toString('hex')));
      await refused(client, 'KEY_NOT_FOUND', OPEN, [0, uuid]);
      // An open handle stays with its device.
      assert.equal((await client.ok(SIGN, [pkey, 0, Buffer.alloc(32, 1), 64])).opaque().length, 64);
    }
    // A connection that is not pinned sees all.
    const free = await internal();
    await free.login(USER, secrets.userPin);
    const all = await match(free);
    for (const { uuid } of keys) assert.ok(all.includes(uuid.toString('hex')));
  });

  test('device UUIDs need a pinned device; then OPEN, MATCH and new keys use them', async () => {
    const client = await internal();
    await client.login(USER, secrets.userPin);
    await refused(client, 'IMPOSSIBLE', DEVICE_UUIDS);
    await client.ok(SET_DEVICE, [0]);
    const named = await generate(client);
    await client.ok(DEVICE_UUIDS);
    const made = await generate(client);
    const there = await match(client);
    assert.ok(there.includes(made.uuid.toString('hex')));
    assert.ok(!there.includes(named.uuid.toString('hex')), 'the name that the network uses');
    await client.ok(CLOSE, [made.pkey]);
    const pkey = await open(client, made.uuid);
    const spki = (await client.ok(GET_PUBLIC_KEY, [pkey, 200])).opaque();
    assert.equal(spki.length, 91);
    await refused(client, 'KEY_NOT_FOUND', OPEN, [0, named.uuid]);
    await client.ok(MASTER_UUIDS);
    await refused(client, 'KEY_NOT_FOUND', OPEN, [0, made.uuid]);
    await open(client, named.uuid);

    // The network has the same key under another name.
    const outside = await network();
    await outside.login(USER, secrets.userPin);
    const names = await match(outside);
    assert.ok(!names.includes(made.uuid.toString('hex')));
  });

  test('keys made with the cache off have their device UUID and no name in the network', async () => {
    const client = await internal();
    await client.login(USER, secrets.userPin);
    await client.ok(SET_DEVICE, [1]);
    await client.ok(CACHE_OFF);
    const { pkey, uuid } = await generate(client);
    await client.ok(SET_ATTRIBUTES, [pkey, 1, 3, Buffer.from('copy')]);
    const values = await client.ok(GET_ATTRIBUTES, [pkey, 1, 3, 100]);
    assert.deepEqual([values.word(), values.word(), values.opaque().toString()], [1, 3, 'copy']);
    assert.equal((await client.ok(SIGN, [pkey, 0, Buffer.alloc(32, 1), 64])).opaque().length, 64);

    const outside = await network();
    await outside.login(USER, secrets.userPin);
    const before = await match(outside);
    await refused(outside, 'KEY_NOT_FOUND', OPEN, [0, uuid]);
    await client.ok(CACHE_ON);
    const listed = await generate(client);
    assert.deepEqual(await match(outside), [...before, listed.uuid.toString('hex')].sort());

    await client.ok(DEVICE_UUIDS);
    const again = await open(client, uuid);
    await client.ok(DELETE, [again]);
    await refused(client, 'KEY_NOT_FOUND', OPEN, [0, uuid]);
    await refused(client, 'KEY_NOT_FOUND', SIGN, [pkey, 0, Buffer.alloc(32, 1), 64]);
    await client.ok(MASTER_UUIDS);
    await client.ok(DELETE, [await open(client, listed.uuid)]);
    assert.deepEqual(await match(outside), before);
  });

  test('a session key without a name is found by its owner', async () => {
    const client = await internal();
    await client.login(USER, secrets.userPin);
    await client.ok(SET_DEVICE, [0]);
    await client.ok(CACHE_OFF);
    await client.ok(DEVICE_UUIDS);
    const { pkey, uuid } = await generate(client, SIGNING);
    const spki = (await client.ok(GET_PUBLIC_KEY, [pkey, 200])).opaque();
    const handle = await open(client, uuid);
    assert.deepEqual((await client.ok(GET_PUBLIC_KEY, [handle, 200])).opaque(), spki);
    const loaded = await client.ok(LOAD, [0, spki, SIGNING]);
    assert.equal(loaded.word() >>> 31, 0);
    await open(client, loaded.opaque());
    await client.ok(DELETE, [handle]);
  });

  test('none of this from the network, and without effect', async () => {
    const client = await network();
    await client.login(USER, secrets.userPin);
    const before = await match(client);
    await refused(client, 'FORBIDDEN', SET_DEVICE, [1]);
    for (const code of [CACHE_OFF, CACHE_ON, DEVICE_UUIDS, MASTER_UUIDS]) await refused(client, 'FORBIDDEN', code);
    await refused(client, 'FORBIDDEN', CACHE_OFF);
    await refused(client, 'FORBIDDEN', DEVICE_UUIDS);
    const { uuid } = await generate(client);
    await open(client, uuid);
    assert.deepEqual(await match(client), [...before, uuid.toString('hex')].sort());
  });

  test('LOGOUT_ALL ends all logins, without one of its own', async () => {
    const outside = await network();
    await outside.login(USER, secrets.userPin);
    const stranger = await network();
    await stranger.ok(LOGOUT_ALL);
    await outside.ok(IS_LOGGED_IN, [USER]);
    const client = await internal();
    await client.ok(LOGOUT_ALL);
    await refused(outside, 'FORBIDDEN', IS_LOGGED_IN, [USER]);
    await refused(client, 'PIN_INCORRECT', LOGIN, [USER, Buffer.from('wrong')]);
  });
});

describe('the path of the internal socket', () => {
  const folder = mkdtempSync(join(tmpdir(), 'dks-internal-'));
  after(() => rmSync(folder, { recursive: true }));

  test('may be chosen, and what a killed daemon left is replaced', async () => {
    const path = join(folder, 'rpc');
    const killed = createServer().listen(path);
    await once(killed, 'listening');
    // A socket file that nobody answers, as after SIGKILL.
    renameSync(path, `${path}.old`);
    killed.close();
    await once(killed, 'close');
    renameSync(`${path}.old`, path);
    const appliance = await startAppliance({ devices: 1, args: ['--internal-socket', path] });
    try {
      const client = await VendorClient.overSocket(path);
      assert.equal((await client.ok(0)).word(), 0x0101_0100);
      await client.close();
      assert.equal(existsSync(socketOf(appliance)), false);
    } finally {
      await appliance.stop();
    }
  });

  test('a path in use, a file and a path too long stop the start with the reason', async () => {
    const used = join(folder, 'used');
    const server = createServer().listen(used);
    await once(server, 'listening');
    const file = join(folder, 'file');
    writeFileSync(file, '');
    try {
      for (const path of [used, file]) {
        await assert.rejects(startAppliance({ devices: 1, args: ['--internal-socket', path] }), (error: Error) =>
          error.message.includes(`the internal socket ${path} is in use`),
        );
      }
      await assert.rejects(
        startAppliance({ devices: 1, args: ['--internal-socket', `/tmp/${'x'.repeat(110)}`] }),
        /at most 107 bytes/,
      );
    } finally {
      server.close();
    }
  });
});
