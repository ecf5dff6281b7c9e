import assert from 'node:assert/strict';
import { pbkdf2Sync, scryptSync } from 'node:crypto';
import { test } from 'node:test';

import { FACTORY_WHEEL_PIN_RECORD, hashPin, type PinRecord, verifyPin } from '#src/crypto/pin-hash.ts';
import { Bug } from '#src/wire/status.ts';

const FACTORY_PIN = Buffer.from('YouReallyNeedToChangeThisPINRightNowWeAreNotKidding');

test('the factory wheel PIN opens a new device, and only it', async () => {
  assert.equal(await verifyPin(FACTORY_PIN, FACTORY_WHEEL_PIN_RECORD), true);
  assert.equal(await verifyPin(FACTORY_PIN.subarray(1), FACTORY_WHEEL_PIN_RECORD), false);
  assert.equal(await verifyPin(Buffer.alloc(0), FACTORY_WHEEL_PIN_RECORD), false);
});

test('a new PIN is stored as scrypt with a salt of its own', async () => {
  const pin = Buffer.of(0, 0xff, 0x31, 0x0a);
  const [first, second] = await Promise.all([hashPin(pin), hashPin(pin)]);
  assert.ok(first.scheme === 'scrypt' && second.scheme === 'scrypt');
  assert.notDeepEqual(first.salt, second.salt);
  assert.notDeepEqual(first.value, second.value);
  const { cost, blockSize, parallelization, salt, value } = first;
  assert.ok(128 * cost * blockSize >= 32 * 1024 * 1024);
  const options = { cost, blockSize, parallelization, maxmem: 2 ** 28 };
  assert.deepEqual(scryptSync(pin, salt, value.length, options), value);
  assert.equal(await verifyPin(pin, first), true);
  assert.equal(await verifyPin(pin.subarray(0, 3), first), false);
  assert.equal(await verifyPin(Buffer.concat([pin, Buffer.of(1)]), first), false);
});

test('records of a CrypTech device are read; a count of zero means the default', async () => {
  const pin = Buffer.from('1234');
  const salt = Buffer.alloc(16, 9);
  const value = pbkdf2Sync(pin, salt, 2000, 64, 'sha256');
  for (const iterations of [0, 2000]) {
    assert.equal(await verifyPin(pin, { scheme: 'pbkdf2-sha256', iterations, salt, value }), true);
    assert.equal(await verifyPin(Buffer.from('1235'), { scheme: 'pbkdf2-sha256', iterations, salt, value }), false);
  }
});

test('zero bytes behind a PIN are part of it, in both schemes', async () => {
  const zero = (pin: Uint8Array): Buffer => Buffer.concat([pin, Buffer.of(0)]);
  const pin = Buffer.from('1234');
  const record = await hashPin(zero(pin));
  assert.equal(await verifyPin(zero(pin), record), true);
  assert.equal(await verifyPin(pin, record), false);
  assert.equal(await verifyPin(zero(zero(pin)), record), false);
  assert.equal(await verifyPin(zero(pin), await hashPin(pin)), false);
  assert.equal(await verifyPin(zero(FACTORY_PIN), FACTORY_WHEEL_PIN_RECORD), false);
});

test('damaged records never accept a PIN', async () => {
  const empty = new Uint8Array(0);
  const short: PinRecord = { scheme: 'pbkdf2-sha256', iterations: 1, salt: empty, value: empty };
  await assert.rejects(verifyPin(FACTORY_PIN, short), Bug);
  const scrypt: PinRecord = { scheme: 'scrypt', cost: 2, blockSize: 1, parallelization: 1, salt: empty, value: empty };
  await assert.rejects(async () => verifyPin(FACTORY_PIN, scrypt), Bug);
  await assert.rejects(
    verifyPin(FACTORY_PIN, { ...FACTORY_WHEEL_PIN_RECORD, iterations: 4_000_000_000 } as PinRecord),
    Bug,
  );
});

test('a PIN that was never set is refused in the time that a wrong one takes', async () => {
  const pin = Buffer.from('123456');
  const record = await hashPin(pin);
  const time = async (against: PinRecord | undefined): Promise<number> => {
    const times: number[] = [];
    for (let round = 0; round < 5; round++) {
      const start = process.cpuUsage();
      assert.equal(await verifyPin(Buffer.from('654321'), against), false);
      const { user, system } = process.cpuUsage(start);
      times.push(user + system);
    }
    return times.sort((a, b) => a - b)[2] as number;
  };
  const wrong = await time(record);
  for (const other of [await time(undefined), await time(FACTORY_WHEEL_PIN_RECORD)]) {
    assert.ok(other > 0.6 * wrong && other < 1.7 * wrong, `${other} us against ${wrong} us`);
  }
});
