import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { encodeRequest, readStatus } from '#src/wire/message.ts';
import { type OperationName, operations } from '#src/wire/operations.ts';
import { HalStatus, type HalStatusName } from '#src/wire/status.ts';
import { type Appliance, startAppliance } from '../appliance.ts';
import { RpcClient } from './rpc-client.ts';

/** Answered in every state; what they say without a login. */
const ALWAYS = new Map<string, HalStatusName>([
  ['GET_VERSION', 'OK'],
  ['LOGOUT', 'OK'],
  ['IS_LOGGED_IN', 'FORBIDDEN'],
  ['CHECK_TAMPER', 'OK'],
  ['GET_HSM_STATE', 'OK'],
  ['GET_IP', 'OK'],
  ['TOKEN_INFO', 'OK'],
  ['MECHANISM_LIST', 'OK'],
]);

/** A well-formed request of every function: all words 1, all UUIDs of the right length. */
function requestOf(name: OperationName): Uint8Array {
  const header = encodeRequest('GET_VERSION', 9, {}).slice();
  new DataView(header.buffer).setUint32(0, operations[name].code);
  const UUID = [0, 0, 0, 16, ...new Uint8Array(16)];
  const fields = Object.values(operations[name].args).flatMap((schema: { kind: string }) => {
    if (schema.kind === 'u32') return [0, 0, 0, 1];
    if (schema.kind === 'uuid' || schema.kind.includes('16>')) return UUID;
    // Empty opaques and arrays.
    return [0, 0, 0, 0];
  });
  return Uint8Array.from([...header, ...fields]);
}

const names = Object.keys(operations) as OperationName[];
const vendorFunctions = names.filter((name) => operations[name].leg === 'vendor');
const ownFunctions = names.filter((name) => operations[name].leg === 'client' && name !== 'HELLO');

async function checkAll(client: RpcClient, functions: OperationName[], refusal: HalStatusName): Promise<void> {
  for (const name of functions) {
    const status = readStatus(await client.exchange(requestOf(name)));
    assert.equal(status, HalStatus[ALWAYS.get(name) ?? refusal], name);
  }
}

let appliance: Appliance;
before(async () => {
  appliance = await startAppliance();
});
after(() => appliance.stop());

test('every function in every state, on connections that stay open', async () => {
  const vendor = await RpcClient.vendor(appliance.rpcPort);
  const own = await RpcClient.own(appliance.rpcPort);

  await checkAll(vendor, vendorFunctions, 'MASTERKEY_NOT_SET');
  await checkAll(own, ownFunctions, 'MASTERKEY_NOT_SET');
  const { states } = await vendor.call('GET_HSM_STATE', {});
  assert.deepEqual(states, Array(2).fill('The HSM must be unlocked. Please login using the setup console.'));

  const { userPin } = await appliance.setUp();
  assert.deepEqual((await vendor.call('GET_HSM_STATE', {})).states, ['Active - Ready', 'Active - Ready']);
  await vendor.login(userPin);
  await vendor.call('IS_LOGGED_IN', { user: 1 });
  await own.login(userPin);
  assert.equal((await own.call('TOKEN_INFO', {})).state, 0);
  await Promise.all([vendor.close(), own.close()]);
});

test('after a restart the master key is still set and the HSM locked', async () => {
  await appliance.halt();
  const restarted = await startAppliance({ state: appliance.state });
  try {
    const vendor = await RpcClient.vendor(restarted.rpcPort);
    const own = await RpcClient.own(restarted.rpcPort);
    await checkAll(vendor, vendorFunctions, 'FORBIDDEN');
    await checkAll(own, ownFunctions, 'FORBIDDEN');
    assert.equal((await own.call('TOKEN_INFO', {})).state, 1);
    await restarted.unlock();
    assert.equal((await own.call('TOKEN_INFO', {})).state, 0);
    assert.equal(await vendor.status('GET_RANDOM', { length: 0 }), HalStatus.OK);
    await Promise.all([vendor.close(), own.close()]);
  } finally {
    await restarted.halt();
  }
});
