/** PIN_KEEP, PIN_SETTLE, PIN_ROLLBACK: a change of a PIN that all devices of the appliance have to follow, or none. */

import { USER_NAMES } from '#src/wire/enumerations.ts';
import { type Handlers } from '../handler.ts';
import { checkRole } from '../pin-guard.ts';

export const pinChanging: Handlers<'PIN_KEEP' | 'PIN_SETTLE' | 'PIN_ROLLBACK'> = {
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
    device.access.checkSetPin(connection, user);
    device.pinChanges.rollback(connection, user);
    device.log.info(`the change of the PIN of ${USER_NAMES[user]} was taken back`);
    return {};
  },
};
