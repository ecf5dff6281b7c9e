/** What a board does not know: which connection of the appliance has which role, and which session keys and handles are its own. */

import { timingSafeEqual } from 'node:crypto';
import { User } from '#src/wire/enumerations.ts';
import { HalError } from '#src/wire/status.ts';

export interface BoardConnection {
  readonly number: number;
  user: User;
  /** Restores the role after the line was lost. */
  ticket: Uint8Array | undefined;
  ticketUser: User;
  /** UUIDs of its session keys, in hexadecimal. */
  readonly sessionKeys: Set<string>;
  /** Handles that it opened itself. */
  readonly handles: Set<number>;
}

export class Connections {
  readonly #byNumber = new Map<number, BoardConnection>();
  /** UUID of a session key to its connection. */
  readonly #owners = new Map<string, BoardConnection>();

  /** Connections that are logged in. */
  get logins(): number {
    return [...this.#byNumber.values()].filter(({ user }) => user !== User.NONE).length;
  }

  get sessionKeys(): number {
    return this.#owners.size;
  }

  /** What is known of a connection; one that never logged in has nothing to be remembered. */
  get(number: number): BoardConnection {
    return (
      this.#byNumber.get(number) ?? {
        number,
        user: User.NONE,
        ticket: undefined,
        ticketUser: User.NONE,
        sessionKeys: new Set(),
        handles: new Set(),
      }
    );
  }

  loggedIn(connection: BoardConnection, user: User): void {
    connection.user = user;
    this.#byNumber.set(connection.number, connection);
  }

  remove(connection: BoardConnection): void {
    this.#byNumber.delete(connection.number);
    for (const id of connection.sessionKeys) this.#owners.delete(id);
  }

  has(user: User): boolean {
    return [...this.#byNumber.values()].some((connection) => connection.user === user);
  }

  own(connection: BoardConnection, key: Uint8Array): void {
    connection.sessionKeys.add(key.toHex());
    this.#owners.set(key.toHex(), connection);
  }

  disown(key: Uint8Array): void {
    this.#owners.get(key.toHex())?.sessionKeys.delete(key.toHex());
    this.#owners.delete(key.toHex());
  }

  isSessionKey(key: Uint8Array): boolean {
    return this.#owners.has(key.toHex());
  }

  /** A session key exists for its connection and for the wheel only. @throws HalError KEY_NOT_FOUND */
  checkSees(connection: BoardConnection, key: Uint8Array): void {
    const owner = this.#owners.get(key.toHex());
    if (owner && owner !== connection && connection.user !== User.WHEEL) throw new HalError('KEY_NOT_FOUND');
  }

  /** @throws HalError FORBIDDEN */
  issueTicket(connection: BoardConnection): Uint8Array {
    if (connection.user === User.NONE) throw new HalError('FORBIDDEN', 'not logged in');
    connection.ticket = crypto.getRandomValues(new Uint8Array(32));
    connection.ticketUser = connection.user;
    return connection.ticket;
  }

  /** @throws HalError FORBIDDEN */
  redeemTicket(connection: BoardConnection, user: User, ticket: Uint8Array): void {
    const { ticket: issued, ticketUser } = connection;
    if (!issued || ticketUser !== user || issued.length !== ticket.length || !timingSafeEqual(issued, ticket)) {
      throw new HalError('FORBIDDEN', 'the login cannot be restored');
    }
    connection.user = user;
  }

  /** A new PIN ends the tickets of its role. */
  endTickets(user: User): void {
    for (const connection of this.#byNumber.values()) if (connection.ticketUser === user) connection.ticket = undefined;
  }

  /** The line was lost: everybody has to show the ticket, and the session keys are not used any more. */
  suspend(): { key: Uint8Array; user: User }[] {
    const keys = [];
    for (const connection of this.#byNumber.values()) {
      for (const id of connection.sessionKeys) keys.push({ key: Uint8Array.fromHex(id), user: connection.user });
      connection.user = User.NONE;
      connection.sessionKeys.clear();
      connection.handles.clear();
    }
    this.#owners.clear();
    return keys;
  }
}
