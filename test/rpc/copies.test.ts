/** Keys that lie on several devices are one key to clients. */

import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { after, before, test } from 'node:test';
import { silentLog } from '#src/audit/log.ts';
import { createServerCertificate } from '#src/crypto/certificate.ts';
import { startRpc, type RpcServer } from '#src/rpc/server.ts';
import { Token } from '#src/token/token.ts';
import { HalStatus } from '#src/wire/status.ts';
import { type FleetUnderTest, randomName, startFleet, USER_PIN } from '../fleet/start-fleet.ts';
import { RpcClient } from './rpc-client.ts';

const TOKEN_SIGN = 0x09;
const LABEL = 3;
const COUNT = 3;

let tested: FleetUnderTest;
let rpc: RpcServer;
let token: Token;
let client: RpcClient;
/** Names, ascending. */
let names: string[];

before(async () => {
  tested = await startFleet();
  const { fleet, wheel } = tested;
  const made = Array.from({ length: COUNT }, () => randomName());
  for (const name of made) {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const der = privateKey.export({ type: 'pkcs8', format: 'der' });
    for (const device of fleet.allDevices) {
      const request = {
        connection: wheel.number,
        session: 0,
        name,
        der: der.slice(),
        flags: TOKEN_SIGN,
        attributes: [],
      };
      await device.call('KEY_LOAD', request, { limit: 5000 });
    }
  }
  names = made.map((name) => name.toHex()).sort();
  await fleet.unlock(wheel);
  token = new Token({ fleet, serial: 'T1', log: silentLog });
  const tls = createServerCertificate({ commonName: 'dks-hsm', addresses: [], notBefore: new Date(), days: 1 });
  rpc = await startRpc({ host: '127.0.0.1', port: 0, tls, fleet, token, log: silentLog });
  client = await RpcClient.vendor(rpc.port);
  await client.login(USER_PIN);
});
after(async () => {
  await client.close();
  await rpc.close();
  token.close();
  await tested.stop();
});

const open = async (name: string) =>
  (await client.call('PKEY_OPEN', { session: 0, uuid: Uint8Array.fromHex(name) })).pkey;

/** The names that each device knows, and the labels of these keys. */
async function onDevices(): Promise<string[][]> {
  const { fleet, wheel } = tested;
  return Promise.all(
    fleet.allDevices.map(async (device) => {
      const request = { connection: wheel.number, after: new Uint8Array(16), limit: 100 };
      const { keys } = await device.call('KEY_LIST', request, { limit: 5000 });
      return keys
        .map(({ name, attributes }) => {
          const label = attributes.find(({ type }) => type === LABEL)?.value;
          return `${name.toHex()} ${label ? Buffer.from(label).toString() : '-'}`;
        })
        .sort();
    }),
  );
}

test('a search lists each key once, page by page', async () => {
  for (const resultMax of [1, 2, COUNT, COUNT + 1]) {
    const found: string[] = [];
    let [state, previous]: [number, Uint8Array] = [0, new Uint8Array(16)];
    for (;;) {
      const search = { session: 0, type: 0, curve: 0, mask: 0, flags: 0, attributes: [], state, resultMax, previous };
      const page = await client.call('PKEY_MATCH', search);
      found.push(...page.uuids.map((uuid) => uuid.toHex()));
      if (page.uuids.length < resultMax) break;
      [state, previous] = [page.state, page.uuids.at(-1)!.slice()];
    }
    assert.deepEqual(found, names);
  }
});

test('attributes are set on every copy', async () => {
  const pkey = await open(names[0]!);
  await client.call('PKEY_SET_ATTRIBUTES', { pkey, attributes: [{ type: LABEL, value: Buffer.from('both') }] });
  const expected = names.map((name, i) => `${name} ${i === 0 ? 'both' : '-'}`);
  assert.deepEqual(await onDevices(), [expected, expected]);
});

test('attributes that one copy refuses are set on none', async () => {
  const { fleet, wheel } = tested;
  const entry = fleet.keys.get(names[1]!)!;
  // Somebody fills the second copy behind the appliance's back: what fits the first does not fit it.
  const filling = Array.from({ length: 4 }, (_, type) => ({ type: 0x8000_0000 + type, value: new Uint8Array(60_000) }));
  const key = entry.copies.get(1)!;
  for (const one of filling) {
    const change = { connection: wheel.number, key, attributes: [one] };
    await fleet.allDevices[1]!.call('KEY_SET_ATTRIBUTES', change, { limit: 5000 });
  }
  const pkey = await open(names[1]!);
  const attributes = [
    { type: LABEL, value: Buffer.from('never') },
    { type: 0x101, value: new Uint8Array(40_000) },
  ];
  assert.equal(await client.status('PKEY_SET_ATTRIBUTES', { pkey, attributes }), HalStatus.RESULT_TOO_LONG);
  assert.equal(
    await client.status('PKEY_GET_ATTRIBUTES', { pkey, types: [LABEL], bufferLen: 9 }),
    HalStatus.ATTRIBUTE_NOT_FOUND,
  );
  for (const keys of await onDevices()) assert.equal(keys[1], `${names[1]} -`);
});

test('a deleted key is deleted on every device', async () => {
  const pkey = await open(names[2]!);
  await client.call('PKEY_DELETE', { pkey });
  const [first, second] = await onDevices();
  assert.deepEqual([first!.length, second!.length], [COUNT - 1, COUNT - 1]);
  assert.ok(first!.every((key) => !key.startsWith(names[2]!)));
  // Another listing does not bring it back.
  await tested.fleet.unlock(tested.wheel);
  const again = { session: 0, uuid: Uint8Array.fromHex(names[2]!) };
  assert.equal(await client.status('PKEY_OPEN', again), HalStatus.KEY_NOT_FOUND);
});
