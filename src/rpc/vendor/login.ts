/** PINs and logins (functions 2 to 6). */

import { Limits, User } from '#src/wire/enumerations.ts';
import { HalError } from '#src/wire/status.ts';
import { type VendorHandlers } from './handler.ts';
import { type VendorSession } from './session.ts';

type Functions = 'SET_PIN' | 'LOGIN' | 'LOGOUT' | 'LOGOUT_ALL' | 'IS_LOGGED_IN';

export const login: VendorHandlers<Functions> = {
  async SET_PIN({ connection }, { user, pin }) {
    checkPin(user, pin);
    const caller = connection.user;
    if (caller !== User.WHEEL && !(caller === User.SO && user === User.NORMAL)) throw new HalError('FORBIDDEN');
    await connection.setPin(user as User, pin);
    return {};
  },

  async LOGIN({ connection }, { user, pin }) {
    checkPin(user, pin);
    await connection.login(user as User, pin);
    return {};
  },

  async LOGOUT(session) {
    await logout(session);
    return {};
  },

  /** From the network only a privileged login may end those of others; anybody else logs out itself. */
  async LOGOUT_ALL(session) {
    const { user } = session.connection;
    if (session.internal || user === User.WHEEL || user === User.SO) {
      await Promise.all([...session.fleet.connections].map((connection) => connection.logout()));
    }
    await logout(session);
    return {};
  },

  IS_LOGGED_IN({ connection }, { user }) {
    checkUser(user);
    if (connection.user !== user) throw new HalError('FORBIDDEN', 'not logged in in this role');
    return {};
  },
};

/** @param keepsPublic a PKCS#11 program keeps its public session objects (PKCS#11 3.2 section 5.6.10), a vendor client nothing */
export async function logout(session: VendorSession, keepsPublic = false): Promise<void> {
  if (session.connection.user === User.NONE) return;
  session.handles.closeAtLogout();
  await session.connection.logout(keepsPublic);
}

function checkPin(user: number, pin: Uint8Array): void {
  checkUser(user);
  if (pin.length < Limits.pinMin || pin.length > Limits.pinMax) throw new HalError('BAD_ARGUMENTS', 'PIN length');
}

function checkUser(user: number): void {
  if (user < User.NORMAL || user > User.WHEEL) throw new HalError('BAD_ARGUMENTS', 'unknown role');
}
