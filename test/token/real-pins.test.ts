/** PINs on real devices: what is counted, what survives, what an interruption leaves behind. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { CKF_TOKEN, CKM, CKR } from '#src/cryptoki/constants.ts';
import { User } from '#src/wire/enumerations.ts';
import { HalError, HalStatus } from '#src/wire/status.ts';
import { pidsOf, until } from '../processes.ts';
import { rejectsWith } from './start-token.ts';
import { pin, type RealProgram, RealToken, SO_PIN, USER_PIN } from './start-real.ts';
import { P256 } from './templates.ts';

const { USER_PIN_INITIALIZED, USER_PIN_COUNT_LOW, SO_PIN_COUNT_LOW } = CKF_TOKEN;

let real: RealToken;
let erases = false;

before(async () => {
  real = await RealToken.start({ initialisingErasesKeys: () => erases });
});
after(() => real?.stop());

const isWrong = (error: unknown): boolean => error instanceof HalError && error.status === HalStatus.PIN_INCORRECT;

function change(program: RealProgram, oldPin: string, newPin: string): Promise<unknown> {
  return program.call('PIN_CHANGE', { oldPin: pin(oldPin), newPin: pin(newPin) });
}

async function flags(): Promise<number> {
  const { flags: all } = await real.visitor().call('TOKEN_INFO', {});
  return all & (USER_PIN_INITIALIZED | USER_PIN_COUNT_LOW | SO_PIN_COUNT_LOW);
}

/** Whether a PIN opens the token. */
async function opens(user: User, text: string): Promise<boolean> {
  const { connection } = real.visitor();
  try {
    await connection.login(user, pin(text));
    return true;
  } catch (error) {
    if (isWrong(error)) return false;
    throw error;
  } finally {
    await connection.close();
  }
}

test('a wrong PIN sets the flag until a right one, also after the devices were killed', async () => {
  assert.equal(await flags(), USER_PIN_INITIALIZED);
  assert.equal(await opens(User.NORMAL, 'wrong'), false);
  assert.equal(await flags(), USER_PIN_INITIALIZED | USER_PIN_COUNT_LOW);
  assert.equal(await opens(User.SO, 'wrong'), false);
  assert.equal(await flags(), USER_PIN_INITIALIZED | USER_PIN_COUNT_LOW | SO_PIN_COUNT_LOW);

  const { allDevices } = real.fleet;
  for (const device of allDevices) {
    const [pid] = pidsOf(`device/main.ts --index ${device.index} --state ${real.state}`);
    assert.ok(pid);
    process.kill(pid, 'SIGKILL');
    await until(() => !device.running);
    await until(() => device.running);
  }
  assert.equal(await flags(), USER_PIN_INITIALIZED | USER_PIN_COUNT_LOW | SO_PIN_COUNT_LOW);
  for (const device of allDevices) assert.equal(device.status.userFailures, 1);

  assert.equal(await opens(User.NORMAL, USER_PIN), true);
  assert.equal(await flags(), USER_PIN_INITIALIZED | SO_PIN_COUNT_LOW);
  assert.equal(await opens(User.SO, SO_PIN), true);
  assert.equal(await flags(), USER_PIN_INITIALIZED);
});

test('C_SetPIN: by the user, by the officer, by nobody', async () => {
  const user = await real.program();
  await change(user, USER_PIN, 'second');
  assert.equal(user.connection.user, User.NORMAL, 'the login stays');
  assert.deepEqual([await opens(User.NORMAL, USER_PIN), await opens(User.NORMAL, 'second')], [false, true]);
  await rejectsWith(change(user, USER_PIN, 'third'), CKR.PIN_INCORRECT);
  assert.equal(await flags(), USER_PIN_INITIALIZED | USER_PIN_COUNT_LOW, 'it counts like a login');
  await change(real.visitor(), 'second', USER_PIN);
  assert.equal(await flags(), USER_PIN_INITIALIZED);
  const officer = await real.program(User.SO, SO_PIN);
  await change(officer, SO_PIN, 'so-second');
  assert.deepEqual([await opens(User.SO, SO_PIN), await opens(User.SO, 'so-second')], [false, true]);
  await change(officer, 'so-second', SO_PIN);
  // C_InitPIN.
  await officer.connection.setPin(User.NORMAL, pin('third'));
  assert.deepEqual([await opens(User.NORMAL, USER_PIN), await opens(User.NORMAL, 'third')], [false, true]);
  await officer.connection.setPin(User.NORMAL, pin(USER_PIN));
});

test('a change that was cut off locks nobody out, and the next login settles it', async () => {
  const [first] = real.fleet.allDevices;
  const { number } = real.visitor().connection;
  const half = () => {
    const args = { connection: number, user: User.NORMAL, oldPin: pin(USER_PIN), newPin: pin('half-way') };
    return first?.call('PIN_REPLACE', args, { limit: 10_000, secret: true });
  };
  await half();
  assert.equal(await opens(User.NORMAL, USER_PIN), true, 'all devices know the old one');
  assert.equal(await opens(User.NORMAL, 'half-way'), false, 'which is the only one now');
  // The program tries again.
  await half();
  await change(real.visitor(), USER_PIN, 'half-way');
  assert.deepEqual([await opens(User.NORMAL, USER_PIN), await opens(User.NORMAL, 'half-way')], [false, true]);
  await change(real.visitor(), 'half-way', USER_PIN);
});

test('C_InitToken keeps the keys, unless the setting allows to erase them', async () => {
  const user = await real.program();
  const ask = (text: string) => real.visitor().call('TOKEN_INITIALIZE', { pin: pin(text), label: 'x' });
  const made = await user.generate(CKM.EC_KEY_PAIR_GEN, { EC_PARAMS: P256, TOKEN: true }, { TOKEN: true });
  await user.generate(CKM.EC_KEY_PAIR_GEN, { EC_PARAMS: P256 }, {});
  await rejectsWith(ask(USER_PIN), CKR.PIN_INCORRECT);
  assert.equal(await flags(), USER_PIN_INITIALIZED | SO_PIN_COUNT_LOW);
  await ask(SO_PIN);
  assert.equal(await flags(), USER_PIN_INITIALIZED);
  assert.equal((await user.find({})).length, 4);

  erases = true;
  await rejectsWith(ask(USER_PIN), CKR.PIN_INCORRECT);
  assert.equal((await user.find({})).length, 4);
  await ask(SO_PIN);
  assert.equal((await user.find({})).length, 0);
  await rejectsWith(user.sign(made.privateKey.object, CKM.ECDSA, Buffer.alloc(32)), CKR.KEY_HANDLE_INVALID);
  for (const device of real.fleet.allDevices) {
    const { tokenKeys, volatileKeys } = await device.refreshStatus();
    assert.deepEqual([tokenKeys, volatileKeys], [0, 0]);
  }
  // The token goes on.
  const again = await user.generate(CKM.EC_KEY_PAIR_GEN, { EC_PARAMS: P256, TOKEN: true }, { TOKEN: true });
  await user.sign(again.privateKey.object, CKM.ECDSA, Buffer.alloc(32));
});
