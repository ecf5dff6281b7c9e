/** PIN_ROLLBACK: takes back a SET_PIN that another device of the appliance could not follow. */

import { USER_NAMES } from '#src/wire/enumerations.ts';
import { type Handlers } from '../handler.ts';
import { checkRole } from '../pin-guard.ts';

export const pinRollback: Handlers<'PIN_ROLLBACK'> = {
  PIN_ROLLBACK(device, connection, { user }) {
    checkRole(user);
    device.access.checkSetPin(connection, user);
    device.pinChanges.rollback(connection, user);
    device.log.info(`the change of the PIN of ${USER_NAMES[user]} was taken back`);
    return {};
  },
};
