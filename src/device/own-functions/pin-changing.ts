/** PIN_REPLACE, PIN_KEEP, PIN_SETTLE, PIN_ROLLBACK: a change of a PIN that all devices have to follow, or none. */

import { hashPin, type PinRecord, verifyPin } from '#src/crypto/pin-hash.ts';
import { wipe } from '#src/crypto/process-hardening.ts';
import { type User, USER_NAMES } from '#src/wire/enumerations.ts';
import { type Handlers } from '../handler.ts';
import { type Device } from '../device.ts';
import { sameRecord } from '../pin-changes.ts';
import { checkPinLength, checkRole } from '../pin-guard.ts';

export const pinChanging: Handlers<'PIN_REPLACE' | 'PIN_KEEP' | 'PIN_SETTLE' | 'PIN_ROLLBACK'> = {
  /** The old PIN stays valid, as after PIN_KEEP, until PIN_SETTLE or a login shows that all devices have the new one. */
  PIN_REPLACE(device, connection, { user, oldPin, newPin: received }) {
    checkPinLength(received);
    checkRole(user);
    const newPin = received.slice();
    wipe(received);
    return device.runFor(
      connection,
      async () => {
        try {
          const before = await device.pins.check(user, oldPin);
          return { before, after: (await repeated(device, user, before, newPin)) ?? (await hashPin(newPin)) };
        } finally {
          wipe(newPin);
        }
      },
      ({ before, after }) => {
        device.pinChanges.replace(connection, user, before, after);
        device.log.info(`the PIN of ${USER_NAMES[user]} was replaced`);
        return {};
      },
    );
  },

  PIN_KEEP(device, connection, { user }) {
    checkRole(user);
    device.access.checkSetPin(connection, user);
    device.pinChanges.keep(user);
    return {};
  },

  PIN_SETTLE(device, connection, { user }) {
    checkRole(user);
    device.pinChanges.settle(connection, user);
    return {};
  },

  PIN_ROLLBACK(device, connection, { user }) {
    checkRole(user);
    if (!device.pinChanges.isReplacement(connection, user)) device.access.checkSetPin(connection, user);
    device.pinChanges.rollback(connection, user);
    device.log.info(`the change of the PIN of ${USER_NAMES[user]} was taken back`);
    return {};
  },
};

/** The record of a new PIN that an earlier request, whose answer was lost, has set already. */
async function repeated(
  device: Device,
  user: User,
  before: PinRecord,
  newPin: Uint8Array,
): Promise<PinRecord | undefined> {
  const kept = device.store.keptPin(user);
  const now = device.store.pin(user);
  if (kept === undefined || !sameRecord(kept, before)) return undefined;
  return (await verifyPin(newPin, now)) ? now : undefined;
}
