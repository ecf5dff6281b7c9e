/** SET_PIN, LOGIN, LOGOUT, LOGOUT_ALL, IS_LOGGED_IN. */

import { hashPin } from '#src/crypto/pin-hash.ts';
import { wipe } from '#src/crypto/process-hardening.ts';
import { USER_NAMES } from '#src/wire/enumerations.ts';
import { HalError } from '#src/wire/status.ts';
import { type Handlers } from '../handler.ts';
import { checkPinLength, checkRole } from '../pin-guard.ts';

export const login: Handlers<'SET_PIN' | 'LOGIN' | 'LOGOUT' | 'LOGOUT_ALL' | 'IS_LOGGED_IN'> = {
  async SET_PIN(device, connection, { user, pin: received }) {
    checkPinLength(received);
    checkRole(user);
    device.access.checkSetPin(connection, user);
    const pin = received.slice();
    wipe(received);
    return device.runFor(
      connection,
      () => hashPin(pin).finally(() => wipe(pin)),
      (record) => {
        device.access.checkSetPin(connection, user);
        device.pinChanges.set(connection, user, record);
        device.log.info(`the PIN of ${USER_NAMES[user]} was set`);
        return {};
      },
    );
  },

  LOGIN(device, connection, { user, pin }) {
    return device.runFor(
      connection,
      () => device.pins.check(user, pin),
      (record) => {
        checkRole(user);
        device.logins.login(connection, user);
        device.pinChanges.show(connection, user, record);
        return {};
      },
    );
  },

  LOGOUT(device, connection) {
    device.logout(connection);
    return {};
  },

  /** A CrypTech device lets anyone log out everybody; here only those who administer it. */
  LOGOUT_ALL(device, connection) {
    if (device.mayLogoutAll(connection)) device.logoutAll();
    else device.logout(connection);
    return {};
  },

  IS_LOGGED_IN(device, connection, { user }) {
    checkRole(user);
    if (device.logins.userOf(connection) !== user) throw new HalError('FORBIDDEN');
    return {};
  },
};
