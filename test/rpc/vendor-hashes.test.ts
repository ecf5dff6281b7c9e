import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import { after, before, test } from 'node:test';
import { encodeRequest } from '#src/wire/message.ts';
import { HalStatus } from '#src/wire/status.ts';
import { type Appliance, startAppliance } from '../appliance.ts';
import { RpcClient } from './rpc-client.ts';

const NAMES = ['', 'sha1', 'sha224', 'sha256', 'sha512-224', 'sha512-256', 'sha384', 'sha512'] as const;
const NONE = new Uint8Array(0);

let appliance: Appliance;
let client: RpcClient;
before(async () => {
  appliance = await startAppliance({ devices: 1 });
  await appliance.setUp();
  client = await RpcClient.vendor(appliance.rpcPort);
});
after(async () => {
  await client.close();
  await appliance.stop();
});

test('all digests and HMACs, without login', async () => {
  for (const [alg, name] of NAMES.entries()) {
    if (alg === 0) continue;
    const expected = createHash(name).update('abc').digest();
    assert.equal((await client.call('HASH_GET_DIGEST_LEN', { alg })).length, expected.length);
    const { hash } = await client.call('HASH_INITIALIZE', { session: 0, alg, key: NONE });
    assert.equal((await client.call('HASH_GET_ALGORITHM', { hash })).alg, alg);
    await client.call('HASH_UPDATE', { hash, data: Buffer.from('abc') });
    const { digest } = await client.call('HASH_FINALIZE', { hash, length: expected.length + 3 });
    assert.deepEqual(Buffer.from(digest), Buffer.concat([expected, Buffer.alloc(3)]));

    const key = new Uint8Array(200).fill(alg);
    const hmac = await client.call('HASH_INITIALIZE', { session: 0, alg, key });
    assert.ok(hmac.hash >= 0x8000_0000);
    const mac = await client.call('HASH_FINALIZE', { hash: hmac.hash, length: expected.length });
    assert.deepEqual(Buffer.from(mac.digest), createHmac(name, key).digest());
  }
});

test('the size query of an algorithm identifier is a bare word', async () => {
  const message = encodeRequest('HASH_GET_DIGEST_ALGORITHM_ID', 1, { alg: 3, lenMax: 0 });
  const reply = await client.exchange(message);
  assert.equal(Buffer.from(reply).toString('hex'), '0000000800000001000000000000000f');
  const { id } = await client.call('HASH_GET_DIGEST_ALGORITHM_ID', { alg: 3, lenMax: 256 });
  assert.equal(Buffer.from(id).toString('hex'), '300d06096086480165030402010500');
  const tooShort = { alg: 3, lenMax: 14 };
  assert.equal(await client.status('HASH_GET_DIGEST_ALGORITHM_ID', tooShort), HalStatus.RESULT_TOO_LONG);
});

test('bad algorithms, handles and lengths', async () => {
  for (const alg of [0, 8, 0xffff_ffff]) {
    assert.equal(await client.status('HASH_GET_DIGEST_LEN', { alg }), HalStatus.BAD_ARGUMENTS);
    assert.equal(await client.status('HASH_INITIALIZE', { session: 0, alg, key: NONE }), HalStatus.BAD_ARGUMENTS);
  }
  for (const hash of [0, 99]) {
    assert.equal(await client.status('HASH_UPDATE', { hash, data: NONE }), HalStatus.BAD_ARGUMENTS);
    assert.equal(await client.status('HASH_FINALIZE', { hash, length: 32 }), HalStatus.BAD_ARGUMENTS);
  }
  const { hash } = await client.call('HASH_INITIALIZE', { session: 0, alg: 3, key: NONE });
  assert.equal(await client.status('HASH_FINALIZE', { hash, length: 0 }), HalStatus.BAD_ARGUMENTS);
  assert.equal(await client.status('HASH_FINALIZE', { hash, length: 16_369 }), HalStatus.RPC_PACKET_OVERFLOW);
  assert.equal(await client.status('HASH_UPDATE', { hash, data: NONE }), HalStatus.OK, 'the handle stays');
  assert.equal(await client.status('HASH_FINALIZE', { hash, length: 31 }), HalStatus.BAD_ARGUMENTS);
  assert.equal(await client.status('HASH_UPDATE', { hash, data: NONE }), HalStatus.BAD_ARGUMENTS, 'the handle is gone');
});

test('a connection cannot hoard digests, and not use those of another', async () => {
  const greedy = await RpcClient.vendor(appliance.rpcPort);
  const { hash } = await client.call('HASH_INITIALIZE', { session: 0, alg: 3, key: NONE });
  assert.equal(await greedy.status('HASH_UPDATE', { hash, data: NONE }), HalStatus.BAD_ARGUMENTS);
  let status: number = HalStatus.OK;
  for (let i = 0; i <= 1024; i++) status = await greedy.status('HASH_INITIALIZE', { session: 0, alg: 1, key: NONE });
  assert.equal(status, HalStatus.ALLOCATION_FAILURE);
  await greedy.close();
});
