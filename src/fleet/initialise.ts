/** C_InitToken. */

import { User } from '#src/wire/enumerations.ts';
import { HalError } from '#src/wire/status.ts';
import { type Connection } from './connection.ts';
import { type Device } from './device.ts';
import { type KeyTable } from './key-table.ts';
import { errorsOf, throwFirstRefusal } from './refusals.ts';
import { LONG } from './time-limits.ts';

/**
 * @param officer a connection of its own, which is closed
 * @param erase the key table, if all keys are to be destroyed
 */
export async function initialise(
  officer: Connection,
  pin: Uint8Array,
  devices: readonly Device[],
  erase: KeyTable | undefined,
): Promise<void> {
  try {
    await officer.login(User.SO, pin);
    if (erase) await eraseKeys(officer, devices, erase);
  } finally {
    await officer.close();
  }
}

/** On all devices that are not boards, which must all be in service: half an erasure would look like a whole one. */
async function eraseKeys(officer: Connection, devices: readonly Device[], keys: KeyTable): Promise<void> {
  if (devices.some(({ isBoard }) => isBoard)) {
    throw new HalError('NOT_IMPLEMENTED', 'the keys of a CrypTech board are erased at its own console');
  }
  if (devices.some(({ running }) => !running)) throw new HalError('IO_TIMEOUT', 'a device is out of service');
  const before = [...keys.after('')];
  const outcomes = await Promise.allSettled(
    devices.map((device) => device.call('KEYS_ERASE', { connection: officer.number }, { limit: LONG, repeat: true })),
  );
  const failed = new Set(devices.filter((_device, i) => outcomes[i]?.status === 'rejected').map(({ index }) => index));
  for (const { id, copies } of before) if (![...copies.keys()].some((index) => failed.has(index))) keys.remove(id);
  throwFirstRefusal(errorsOf(outcomes));
}
