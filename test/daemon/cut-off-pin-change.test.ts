/** A change of the wheel PIN that ends between two devices must lock nobody out: a lost wheel PIN is lost for ever. */

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { hashPin } from '#src/crypto/pin-hash.ts';
import { SqliteKeyStore } from '#src/store/sqlite-key-store.ts';
import { User } from '#src/wire/enumerations.ts';
import { HalStatus } from '#src/wire/status.ts';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { holder } from '#src/daemon/holder.ts';
import { type Appliance, type Secrets, startAppliance } from '../appliance.ts';
import { RpcClient } from '../rpc/rpc-client.ts';

const NEW = 'the new wheel PIN';

let state: string;
let appliance: Appliance;
let secrets: Secrets;

before(async () => {
  state = mkdtempSync(join(tmpdir(), 'dks-pin-change-'));
  appliance = await startAppliance({ state });
  secrets = await appliance.setUp();
});

after(async () => {
  await appliance.halt();
  await holder.end(join(state, 'run', 'mkm.sock'));
  rmSync(state, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
});

/** Every test begins with the PIN of the set-up. */
beforeEach(async () => {
  await restartWith(() => {});
  await appliance.unlock(secrets.wheelPin);
});

async function restartWith(change: () => void | Promise<void>): Promise<void> {
  await appliance.halt();
  await change();
  appliance = await startAppliance({ state });
}

/** What a device has stored when it has set a PIN and nothing came after. */
async function setOn(device: number, pin: string): Promise<void> {
  const store = new SqliteKeyStore({ path: join(state, `device-${device}`, 'keystore.db'), maxKeys: 100 });
  store.keepPin(User.WHEEL);
  store.setPin(User.WHEEL, await hashPin(Buffer.from(pin)));
  store.close();
}

async function loginAsWheel(pin: string): Promise<number> {
  const client = await RpcClient.own(appliance.rpcPort);
  try {
    return await client.call('LOGIN', { user: User.WHEEL, pin: Buffer.from(pin) }).then(
      () => HalStatus.OK,
      (error: { status: number }) => error.status,
    );
  } finally {
    await client.close();
  }
}

test('one device has the new PIN, the other does not: the old one is still the PIN, and the new one ends', async () => {
  await restartWith(() => setOn(0, NEW));
  await appliance.unlock(secrets.wheelPin);
  assert.equal(await loginAsWheel(NEW), HalStatus.PIN_INCORRECT);
  assert.equal(await loginAsWheel(secrets.wheelPin), HalStatus.OK);
});

test('both devices have it, but it was not settled: whichever is used first is the PIN', async () => {
  await restartWith(async () => {
    for (const device of [0, 1]) await setOn(device, NEW);
  });
  await appliance.unlock(NEW);
  assert.equal(await loginAsWheel(secrets.wheelPin), HalStatus.PIN_INCORRECT);
  assert.equal(await loginAsWheel(NEW), HalStatus.OK);

  // Back to the first one, settled as a whole change is.
  const client = await RpcClient.own(appliance.rpcPort);
  await client.call('LOGIN', { user: User.WHEEL, pin: Buffer.from(NEW) });
  await client.call('SET_PIN', { user: User.WHEEL, pin: Buffer.from(secrets.wheelPin) });
  await client.close();
  assert.equal(await loginAsWheel(NEW), HalStatus.PIN_INCORRECT);
  assert.equal(await loginAsWheel(secrets.wheelPin), HalStatus.OK);
});

test('kill -9 of the daemon at any moment of a change: one of the two PINs opens the HSM', async () => {
  let pin = secrets.wheelPin;
  for (const [round, delay] of [10, 40, 80, 120, 200].entries()) {
    const next = `wheel PIN ${round}`.replaceAll(' ', '-');
    const client = await RpcClient.own(appliance.rpcPort);
    await client.call('LOGIN', { user: User.WHEEL, pin: Buffer.from(pin) });
    const outcome = client.call('SET_PIN', { user: User.WHEEL, pin: Buffer.from(next) }).then(
      () => true,
      () => false,
    );
    await new Promise((resolve) => setTimeout(resolve, delay));
    await appliance.kill();
    const acknowledged = await outcome;
    appliance = await startAppliance({ state });
    const opened = await appliance.unlock(next).then(
      () => next,
      () => pin,
    );
    if (acknowledged) assert.equal(opened, next);
    if (opened === pin) await appliance.unlock(pin);
    pin = opened;
  }
  const client = await RpcClient.own(appliance.rpcPort);
  await client.call('LOGIN', { user: User.WHEEL, pin: Buffer.from(pin) });
  await client.call('SET_PIN', { user: User.WHEEL, pin: Buffer.from(secrets.wheelPin) });
  await client.close();
});
