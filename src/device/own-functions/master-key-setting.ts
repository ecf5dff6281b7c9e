/** MASTERKEY_SET, MASTERKEY_CHECK and MASTERKEY_CLEAR; the table of operations admits only wheel. */

import { randomBytes } from 'node:crypto';
import { wipe } from '#src/crypto/process-hardening.ts';
import { MASTER_KEY_SIZE } from '#src/mkm/memory-cells.ts';
import { checkValueOf } from '#src/store/key-wrapping.ts';
import { MasterKeyVerdict } from '#src/wire/enumerations.ts';
import { HalError } from '#src/wire/status.ts';
import { type Device } from '../device.ts';
import { type Handlers } from '../handler.ts';

export const masterKeySetting: Handlers<'MASTERKEY_SET' | 'MASTERKEY_CHECK' | 'MASTERKEY_CLEAR'> = {
  async MASTERKEY_SET(device, _connection, { key: given }) {
    checkLength(given);
    const key = given.length === 0 ? randomBytes(MASTER_KEY_SIZE) : given.slice();
    wipe(given);
    try {
      await device.masterKey.set(key);
    } finally {
      wipe(key);
    }
    device.log.info('a master key was set');
    return { key: await device.masterKey.require() };
  },

  MASTERKEY_CHECK(device, _connection, { key }) {
    checkLength(key);
    const verdict = verdictOn(device, key);
    wipe(key);
    return { verdict, tokenKeys: device.keys.tokenKeys };
  },

  async MASTERKEY_CLEAR(device) {
    await device.masterKey.clear();
    device.log.info('the master key was cleared');
    return {};
  },
};

/** SAME only if every key was made under this master key: else some would be unusable, and the operator is to know. */
function verdictOn(device: Device, key: Uint8Array): number {
  const stored = device.store.checkValues();
  if (stored.length === 0) return MasterKeyVerdict.NO_KEYS;
  if (key.length === 0) return MasterKeyVerdict.DIFFERENT;
  const value = checkValueOf(key);
  return stored.every((other) => Buffer.compare(other, value) === 0)
    ? MasterKeyVerdict.SAME
    : MasterKeyVerdict.DIFFERENT;
}

/** @throws HalError MASTERKEY_BAD_LENGTH; empty stands for a random key */
function checkLength(key: Uint8Array): void {
  if (key.length !== 0 && key.length !== MASTER_KEY_SIZE) throw new HalError('MASTERKEY_BAD_LENGTH');
}
