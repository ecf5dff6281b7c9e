/** Logins on a board: each connection's PIN is verified there, then it shares the login of its role. */

import { type User, User as Users } from '#src/wire/enumerations.ts';
import { HalError } from '#src/wire/status.ts';
import { type Board } from './board.ts';
import { type BoardConnection } from './connections.ts';
import { type RoleClient } from './role-client.ts';
import { PIN, SHORT } from './time-limits.ts';

export class BoardLogins {
  readonly #board: Board;
  /** Logs in and out for nothing but the PIN: a wrong one, answered after five seconds, keeps nobody from signing. */
  readonly #verifier: number;
  #last: Promise<unknown> = Promise.resolve();

  constructor(board: Board) {
    this.#board = board;
    this.#verifier = board.newNumber();
  }

  /** The role of a connection that uses keys. @throws HalError FORBIDDEN */
  keyUser(connection: BoardConnection): RoleClient {
    if (connection.user !== Users.NORMAL && connection.user !== Users.WHEEL) {
      throw new HalError('FORBIDDEN', 'login missing');
    }
    return this.#shared(connection.user);
  }

  /** @throws HalError PIN_INCORRECT after the board's delay */
  login(number: number, user: User, pin: Uint8Array): Promise<void> {
    // One at a time: they share a client number, and guessing on many connections is no faster.
    return this.#inTurn(async () => {
      const { link } = this.#board;
      const role = this.#board.roles.get(user);
      if (!role) throw new HalError('BAD_ARGUMENTS', 'unknown role');
      await link.call('LOGIN', this.#verifier, { user, pin }, PIN);
      try {
        await role.inTurn(() => role.login(pin));
      } finally {
        await link.call('LOGOUT', this.#verifier, {}, SHORT);
      }
      const connection = this.#board.connections.get(number);
      const before = connection.user;
      this.#board.connections.loggedIn(connection, user);
      if (before !== user) await this.#leaveRole(before);
    });
  }

  logout(connection: BoardConnection): Promise<void> {
    return this.#inTurn(async () => {
      const role = this.#board.roles.get(connection.user);
      const handles = [...connection.handles];
      const keys = [...connection.sessionKeys].map((id) => Uint8Array.fromHex(id));
      this.#board.connections.remove(connection);
      if (!role?.loggedIn) return;
      await role.inTurn(async () => {
        for (const pkey of handles) await role.call('PKEY_CLOSE', { pkey }).catch(() => {});
        for (const key of keys) await role.deleteKey(key).catch(() => {});
      });
      await this.#leaveRole(role.user);
    });
  }

  /** @throws HalError FORBIDDEN */
  async setPin(connection: BoardConnection, user: User, pin: Uint8Array): Promise<void> {
    const allowed = connection.user === Users.WHEEL || (connection.user === Users.SO && user === Users.NORMAL);
    if (!allowed) throw new HalError('FORBIDDEN', 'login missing');
    const role = this.#shared(connection.user);
    await role.inTurn(() => role.call('SET_PIN', { user, pin }, PIN));
    this.#board.connections.endTickets(user);
  }

  #shared(user: User): RoleClient {
    const role = this.#board.roles.get(user);
    if (!role?.loggedIn) throw new HalError('FORBIDDEN', 'the board has forgotten the login');
    return role;
  }

  /** The last connection of a role ends its login on the board. */
  async #leaveRole(user: User): Promise<void> {
    const role = this.#board.roles.get(user);
    if (role && !this.#board.connections.has(user)) await role.inTurn(() => role.logout());
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => {});
    return result;
  }
}
