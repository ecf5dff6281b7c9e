/** Who is logged in: the role of each connection (libhal `client_slot_t`). */

import { User } from '#src/wire/enumerations.ts';
import { HalError } from '#src/wire/status.ts';

export class LoginTable {
  readonly #limit: number;
  readonly #users = new Map<number, User>();

  /** @param limit most connections logged in at once */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#users.size;
  }

  userOf(connection: number): User {
    return this.#users.get(connection) ?? User.NONE;
  }

  isUserOrWheel(connection: number): boolean {
    const user = this.#users.get(connection);
    return user === User.NORMAL || user === User.WHEEL;
  }

  /** Replaces an earlier role. HalError NO_CLIENT_SLOTS_AVAILABLE if the table is full. */
  login(connection: number, user: User): void {
    if (!this.#users.has(connection) && this.#users.size >= this.#limit) {
      throw new HalError('NO_CLIENT_SLOTS_AVAILABLE');
    }
    this.#users.set(connection, user);
  }

  logout(connection: number): void {
    this.#users.delete(connection);
  }

  connections(): number[] {
    return [...this.#users.keys()];
  }
}
