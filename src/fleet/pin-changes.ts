/** Changes of a PIN that all devices follow, or none. Whatever ends the appliance meanwhile, one of the two PINs is valid on all devices. */

import { type User } from '#src/wire/enumerations.ts';
import { HalError } from '#src/wire/status.ts';
import { type Device } from './device.ts';
import { errorsOf, throwFirstRefusal } from './refusals.ts';
import { PIN, SHORT } from './time-limits.ts';

const REPEATABLE = { limit: SHORT, repeat: true };
const SECRET = { limit: PIN, repeat: true, secret: true };

/** By a connection that is logged in as wheel, or as so for the user. */
export async function setPin(
  devices: readonly Device[],
  connection: number,
  user: User,
  pin: Uint8Array,
): Promise<void> {
  // Kept valid beside the new one, which sets itself in their place when all devices have it.
  await Promise.all(ownDevices(devices).map((device) => device.call('PIN_KEEP', { connection, user }, REPEATABLE)));
  await onAll(devices, connection, user, (device) => device.call('SET_PIN', { user, pin }, { ...SECRET, connection }));
}

/**
 * By anybody who knows the PIN of now: a device keeps it beside the new one by itself.
 * @throws HalError NOT_IMPLEMENTED if there are CrypTech boards: there only wheel and so set PINs
 */
export async function replacePin(
  devices: readonly Device[],
  connection: number,
  user: User,
  oldPin: Uint8Array,
  newPin: Uint8Array,
): Promise<void> {
  if (ownDevices(devices).length < devices.length) {
    throw new HalError('NOT_IMPLEMENTED', 'the PINs of a CrypTech board are set by its wheel and so');
  }
  // Before any device checks the old PIN: the change could not reach all.
  if (devices.some((device) => !device.expected)) throw new HalError('IO_TIMEOUT', 'a device is out of service');
  await onAll(devices, connection, user, (device) =>
    device.call('PIN_REPLACE', { connection, user, oldPin, newPin }, SECRET),
  );
}

/** All devices have the PIN that the connection set or logged in with. Where it fails both PINs stay valid until the next login. */
export async function settlePin(devices: readonly Device[], connection: number, user: User): Promise<void> {
  await Promise.allSettled(
    ownDevices(devices).map((device) => device.call('PIN_SETTLE', { connection, user }, REPEATABLE)),
  );
}

async function onAll(
  devices: readonly Device[],
  connection: number,
  user: User,
  change: (device: Device) => Promise<unknown>,
): Promise<void> {
  // A device that is out of service would come back with the old PIN: then no device gets the new one.
  const outcomes = await Promise.allSettled(devices.map(change));
  const failures = errorsOf(outcomes);
  if (failures.length > 0) {
    const changed = devices.filter((_device, i) => outcomes[i]?.status === 'fulfilled');
    await Promise.allSettled(
      changed.map((device) => device.call('PIN_ROLLBACK', { connection, user }, { limit: PIN })),
    );
    throwFirstRefusal(failures);
  }
  await settlePin(devices, connection, user);
}

/** A CrypTech board has one PIN per role at a time. */
function ownDevices(devices: readonly Device[]): Device[] {
  return devices.filter((device) => !device.isBoard);
}
