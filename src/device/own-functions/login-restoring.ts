/** LOGIN_TICKET and LOGIN_RESUME: a restart of a device is not noticed by those who are logged in. LOGIN_END: what C_Logout ends. */

import { User } from '#src/wire/enumerations.ts';
import { HalError } from '#src/wire/status.ts';
import { type Handlers } from '../handler.ts';
import { checkRole } from '../pin-guard.ts';

export const loginRestoring: Handlers<'LOGIN_TICKET' | 'LOGIN_RESUME' | 'LOGIN_END'> = {
  LOGIN_TICKET(device, connection) {
    const user = device.logins.userOf(connection);
    if (user === User.NONE) throw new HalError('FORBIDDEN', 'not logged in');
    return { user, ticket: device.tickets.issue(connection, user) };
  },

  LOGIN_RESUME(device, connection, { user, ticket }) {
    checkRole(user);
    device.tickets.check(connection, user, ticket);
    device.logins.login(connection, user);
    return {};
  },

  LOGIN_END(device, connection) {
    device.logout(connection, true);
    return {};
  },
};
