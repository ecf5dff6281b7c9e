import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { encodeRequest, readHeader, readStatus } from '#src/wire/message.ts';
import { encodeFrame } from '#src/wire/slip.ts';
import { HalStatus, type HalStatusName } from '#src/wire/status.ts';
import { type Appliance, type Secrets, startAppliance } from '../appliance.ts';
import { RpcClient } from './rpc-client.ts';

const SIGN = 0x01;
const TOKEN_SIGN = 0x09;
const F4 = Uint8Array.of(1, 0, 1);
const LABEL = 3;
const NO_UUID = new Uint8Array(16);

let appliance: Appliance;
let secrets: Secrets;
let client: RpcClient;
before(async () => {
  appliance = await startAppliance();
  secrets = await appliance.setUp();
  client = await login();
});
after(async () => {
  await client.close();
  await appliance.stop();
});

async function login(): Promise<RpcClient> {
  const fresh = await RpcClient.vendor(appliance.rpcPort);
  await fresh.login(secrets.userPin);
  return fresh;
}

async function answers(name: HalStatusName, ...calls: Promise<number>[]): Promise<void> {
  for (const status of await Promise.all(calls)) assert.equal(status, HalStatus[name]);
}

const newKey = (flags = TOKEN_SIGN) => client.call('PKEY_GENERATE_EC', { session: 0, curve: 1, flags });

test('a reply may have 16384 octets, as a caller’s maximum allows', async () => {
  const { pkey } = await newKey(SIGN);
  const MOST = 16_368;
  const input = Buffer.alloc(32, 1);
  const length = (await client.exchange(encodeRequest('GET_RANDOM', 1, { length: MOST }))).length;
  assert.equal(length, 16_384);
  await answers(
    'OK',
    client.status('PKEY_SIGN', { pkey, hash: 0, input, sigMax: MOST }),
    client.status('PKEY_GET_PUBLIC_KEY', { pkey, derMax: MOST }),
    client.status('HASH_GET_DIGEST_ALGORITHM_ID', { alg: 3, lenMax: MOST }),
  );
  const { hash } = await client.call('HASH_INITIALIZE', { session: 0, alg: 3, key: new Uint8Array(0) });
  await answers(
    'RPC_PACKET_OVERFLOW',
    ...[MOST + 1, 0xffff_fffc, 0xffff_fffd, 0xffff_ffff].flatMap((most) => [
      client.status('GET_RANDOM', { length: most }),
      client.status('PKEY_SIGN', { pkey, hash: 0, input, sigMax: most }),
      client.status('PKEY_GET_PUBLIC_KEY', { pkey, derMax: most }),
      client.status('HASH_GET_DIGEST_ALGORITHM_ID', { alg: 3, lenMax: most }),
      client.status('HASH_FINALIZE', { hash, length: most }),
    ]),
  );
  // The refusals have not ended the digest.
  assert.equal((await client.call('HASH_FINALIZE', { hash, length: MOST })).digest.length, MOST);
  const counts = Buffer.concat([encodeRequest('PKEY_GET_KEY_TYPE', 1, { pkey }), Buffer.alloc(4, 0xff)]);
  for (const code of [27, 28]) {
    const message = Buffer.from(counts);
    message.writeUInt32BE(code);
    const status = readStatus(await client.exchange(message));
    assert.equal(status, code === 27 ? HalStatus.RPC_PACKET_OVERFLOW : HalStatus.XDR_BUFFER_OVERFLOW);
  }
});

test('a request of more than 64 KiB is refused with its function and client word, the next one is served', async () => {
  const message = new Uint8Array(65_537);
  message.set(encodeRequest('HASH_UPDATE', 0xabcd, { hash: 1, data: new Uint8Array(0) }));
  const reply = client.replyTo(0xabcd);
  client.socket.write(encodeFrame(message));
  assert.deepEqual(readHeader(await reply), { code: 11, client: 0xabcd });
  assert.equal(readStatus(await reply), HalStatus.RPC_PACKET_OVERFLOW);
  await answers('OK', client.status('GET_VERSION', {}));
});

test('a key that has signed has room for 8000 octets of attributes, and for a value of nearly 64 KiB', async () => {
  const { pkey } = await client.call('PKEY_GENERATE_RSA', { session: 0, bits: 2048, exponent: F4, flags: TOKEN_SIGN });
  const sign = { pkey, hash: 0, input: Buffer.from('any data'), sigMax: 256 };
  await client.call('PKEY_SIGN', sign);
  const attributes = Array.from({ length: 8 }, (_, i) => ({ type: 0x100 + i, value: new Uint8Array(1000).fill(i) }));
  await client.call('PKEY_SET_ATTRIBUTES', { pkey, attributes });
  await client.call('PKEY_SIGN', sign);
  const types = attributes.map(({ type }) => type);
  assert.deepEqual((await client.call('PKEY_GET_ATTRIBUTES', { pkey, types, bufferLen: 8000 })).attributes, attributes);
  await answers('RESULT_TOO_LONG', client.status('PKEY_GET_ATTRIBUTES', { pkey, types, bufferLen: 7999 }));
  const long = { type: LABEL, value: new Uint8Array(65_000).fill(7) };
  await client.call('PKEY_SET_ATTRIBUTES', { pkey, attributes: [long] });
  const { attributes: read } = await client.call('PKEY_GET_ATTRIBUTES', { pkey, types: [LABEL], bufferLen: 65_000 });
  assert.deepEqual(read, [long]);
  // All of a request or nothing.
  const tooMuch = Array.from({ length: 5 }, (_, i) => ({ type: 0x200 + i, value: new Uint8Array(60_000) }));
  for (const one of tooMuch.slice(0, 3)) await client.status('PKEY_SET_ATTRIBUTES', { pkey, attributes: [one] });
  const half = [{ type: 0x300, value: Buffer.from('x') }, tooMuch[4]!];
  await answers('RESULT_TOO_LONG', client.status('PKEY_SET_ATTRIBUTES', { pkey, attributes: half }));
  await answers('ATTRIBUTE_NOT_FOUND', client.status('PKEY_GET_ATTRIBUTES', { pkey, types: [0x300], bufferLen: 9 }));
  await client.call('PKEY_DELETE', { pkey });
});

test('in one request the last of two values of an attribute wins, and NIL deletes', async () => {
  const { pkey } = await newKey(SIGN);
  const value = (text: string) => ({ type: LABEL, value: new TextEncoder().encode(text) });
  const get = async () => (await client.call('PKEY_GET_ATTRIBUTES', { pkey, types: [LABEL], bufferLen: 9 })).attributes;
  await client.call('PKEY_SET_ATTRIBUTES', { pkey, attributes: [value('a'), value('b')] });
  assert.deepEqual(await get(), [value('b')]);
  await client.call('PKEY_SET_ATTRIBUTES', { pkey, attributes: [{ type: LABEL, value: null }, value('')] });
  assert.deepEqual(await get(), [value('')], 'an empty value is a value');
  await client.call('PKEY_SET_ATTRIBUTES', { pkey, attributes: [value('c'), { type: LABEL, value: null }] });
  await answers('ATTRIBUTE_NOT_FOUND', client.status('PKEY_GET_ATTRIBUTES', { pkey, types: [LABEL], bufferLen: 9 }));
});

test('a search goes on behind a key that is deleted between two pages', async () => {
  const id = { type: 0x102, value: Buffer.from('paging') };
  for (const resultMax of [1, 2, 3]) {
    const keys = new Map<string, number>();
    for (let i = 0; i < 7; i++) {
      // The keys lie on both devices in turn.
      const { pkey, uuid } = await newKey(i < 4 ? TOKEN_SIGN : SIGN);
      keys.set(uuid.toHex(), pkey);
      await client.call('PKEY_SET_ATTRIBUTES', { pkey, attributes: [id] });
    }
    const found: string[] = [];
    let [state, previous]: [number, Uint8Array] = [0, NO_UUID];
    for (;;) {
      const criteria = { session: 0, type: 0, curve: 0, mask: 0, flags: 0, attributes: [id] };
      const page = await client.call('PKEY_MATCH', { ...criteria, state, resultMax, previous });
      found.push(...page.uuids.map((uuid) => uuid.toHex()));
      for (const uuid of page.uuids) await client.call('PKEY_DELETE', { pkey: keys.get(uuid.toHex())! });
      if (page.uuids.length < resultMax) break;
      [state, previous] = [page.state, page.uuids.at(-1)!.slice()];
    }
    assert.deepEqual(found.toSorted(), [...keys.keys()].sort(), `pages of ${resultMax}`);
  }
});

test('session keys end with their connection, token keys stay', async () => {
  const other = await login();
  const generate = (flags: number) => other.call('PKEY_GENERATE_EC', { session: 0, curve: 1, flags });
  const [token, session] = [await generate(TOKEN_SIGN), await generate(SIGN)];
  const wheel = await RpcClient.vendor(appliance.rpcPort);
  await wheel.login(secrets.wheelPin, 3);
  const { pkey } = await wheel.call('PKEY_OPEN', { session: 0, uuid: session.uuid });
  await other.close();
  let status: number = HalStatus.OK;
  while (status === HalStatus.OK) status = await wheel.status('PKEY_GET_KEY_TYPE', { pkey });
  assert.equal(status, HalStatus.KEY_NOT_FOUND);
  await answers('KEY_NOT_FOUND', wheel.status('PKEY_OPEN', { session: 0, uuid: session.uuid }));
  await answers('OK', wheel.status('PKEY_OPEN', { session: 0, uuid: token.uuid }));
  await wheel.close();
});

test('a running digest is consumed by a signature that fails late, not by one that fails early', async () => {
  const { pkey } = await newKey(SIGN);
  const sign = async (key: number, sigMax: number) => {
    const { hash } = await client.call('HASH_INITIALIZE', { session: 0, alg: 3, key: new Uint8Array(0) });
    const status = await client.status('PKEY_SIGN', { pkey: key, hash, input: new Uint8Array(0), sigMax });
    return [status, await client.status('HASH_UPDATE', { hash, data: Buffer.from('x') })];
  };
  assert.deepEqual(await sign(pkey, 64), [HalStatus.OK, HalStatus.BAD_ARGUMENTS]);
  assert.deepEqual(await sign(pkey, 63), [HalStatus.RESULT_TOO_LONG, HalStatus.BAD_ARGUMENTS]);
  assert.deepEqual(await sign(0x1234, 64), [HalStatus.KEY_NOT_FOUND, HalStatus.OK]);
});

test('a connection has at most 4096 open handles, and room again for every one it closes', async () => {
  const other = await login();
  const { uuid, pkey } = await other.call('PKEY_GENERATE_EC', { session: 0, curve: 1, flags: TOKEN_SIGN });
  const opened = Array.from({ length: 4095 }, () => other.call('PKEY_OPEN', { session: 0, uuid }));
  const handles = new Set((await Promise.all(opened)).map((reply) => reply.pkey));
  assert.equal(handles.size, 4095);
  await answers('NO_KEY_SLOTS_AVAILABLE', other.status('PKEY_OPEN', { session: 0, uuid }));
  await answers('NO_KEY_SLOTS_AVAILABLE', other.status('PKEY_GENERATE_EC', { session: 0, curve: 1, flags: SIGN }));
  await other.call('PKEY_CLOSE', { pkey });
  await answers('OK', other.status('PKEY_OPEN', { session: 0, uuid }));
  await other.close();
});

for (const exportable of [false, true]) {
  test(`ENABLE_EXPORTABLE_PRIVATE_KEYS ${exportable}: flags of generated keys`, async () => {
    const settings = exportable ? { ENABLE_EXPORTABLE_PRIVATE_KEYS: true } : {};
    const own = await startAppliance({ settings, devices: 1 });
    const { userPin } = await own.setUp();
    const user = await RpcClient.vendor(own.rpcPort);
    await user.login(userPin);
    const flagsOf = async (made: Promise<{ pkey: number }>) =>
      (await user.call('PKEY_GET_KEY_FLAGS', { pkey: (await made).pkey })).flags;
    const ec = (flags: number) => flagsOf(user.call('PKEY_GENERATE_EC', { session: 0, curve: 1, flags }));
    const rsa = (flags: number) =>
      flagsOf(user.call('PKEY_GENERATE_RSA', { session: 0, bits: 1024, exponent: Buffer.from([0, 0, ...F4]), flags }));
    const added = exportable ? 0x20 : 0;
    assert.deepEqual([await ec(0x09), await ec(0x01), await rsa(0x09)], [0x09 | added, 0x01 | added, 0x09 | added]);
    // Keys for keys and for data never get it, nor do keys that are brought along.
    assert.deepEqual([await rsa(0x0a), await ec(0x0c), await ec(0x29)], [0x0a, 0x0c, 0x29]);
    const { pkey } = await user.call('PKEY_GENERATE_EC', { session: 0, curve: 1, flags: SIGN });
    const { der } = await user.call('PKEY_GET_PUBLIC_KEY', { pkey, derMax: 512 });
    assert.equal(await flagsOf(user.call('PKEY_LOAD', { session: 0, der: der.slice(), flags: SIGN })), SIGN);
    await user.close();
    await own.stop();
  });
}
