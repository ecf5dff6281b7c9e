/**
 * A role on a board: the client number that all connections of the appliance with this role share. A board has ten login
 * slots and 256 key handles, so logins and handles are shared, and what belongs to one connection is kept apart here.
 */

import { type User } from '#src/wire/enumerations.ts';
import { type ArgsOf, type ResultsOf } from '#src/wire/message.ts';
import { HalError, HalStatus } from '#src/wire/status.ts';
import { type BoardLink, type VendorFunction } from './board-link.ts';
import { PIN, SHORT } from './time-limits.ts';

/** Handles that stay open; the board's 256 serve all roles and the callers that hold handles of their own. */
const OPEN_HANDLES = 64;

export interface RoleHost {
  /** @throws HalError IO_TIMEOUT while the board is not connected */
  readonly link: BoardLink;
  readonly currentLink: BoardLink | undefined;
  /** A client number that no request of this or an earlier run has used. */
  newNumber(): number;
}

export class RoleClient {
  readonly user: User;
  /** As the books say: a board that restarted forgets it and answers FORBIDDEN. */
  loggedIn = false;
  readonly #host: RoleHost;
  #number: number;
  /** A second login for key generation, which may take minutes while others sign. */
  #makerNumber: number;
  /** Key UUID in hexadecimal to handle, the one used last at the end. */
  readonly #handles = new Map<string, number>();
  #last: Promise<unknown> = Promise.resolve();
  #lastMade: Promise<unknown> = Promise.resolve();

  constructor(user: User, host: RoleHost) {
    this.user = user;
    this.#host = host;
    this.#number = host.newNumber();
    this.#makerNumber = host.newNumber();
  }

  /** Runs a task when those before it are done: a client number has one request at a time, and tasks share handles. */
  inTurn<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#last.then(this.#onThisLine(task));
    this.#last = result.catch(() => {});
    return result;
  }

  /** Runs a key generation after those before it, beside everything else. */
  making<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#lastMade.then(this.#onThisLine(task));
    this.#lastMade = result.catch(() => {});
    return result;
  }

  call<N extends VendorFunction>(name: N, args: ArgsOf<N>, limit = SHORT): Promise<ResultsOf<N>> {
    return this.#host.link.call(name, this.#number, args, limit);
  }

  callMaker<N extends VendorFunction>(name: N, args: ArgsOf<N>, limit = SHORT): Promise<ResultsOf<N>> {
    return this.#host.link.call(name, this.#makerNumber, args, limit);
  }

  /** Lengths of attributes as the board tells them. */
  async attributeLengths(pkey: number, types: number[]): Promise<{ type: number; length: number }[]> {
    const args = { pkey, types, bufferLen: 0 };
    return (await this.#host.link.sizes('PKEY_GET_ATTRIBUTES', this.#number, args, SHORT)).attributes;
  }

  /** Logs the role in; the PIN was verified before. */
  async login(pin: Uint8Array): Promise<void> {
    if (this.loggedIn) return;
    this.#handles.clear();
    await this.call('LOGIN', { user: this.user, pin }, PIN);
    await this.callMaker('LOGIN', { user: this.user, pin }, PIN);
    this.loggedIn = true;
  }

  /** Logs the role out. A board keeps the handles of those who log out, so they are closed before. */
  async logout(): Promise<void> {
    if (!this.loggedIn) return;
    this.loggedIn = false;
    for (const pkey of this.#handles.values()) await this.call('PKEY_CLOSE', { pkey }).catch(() => {});
    this.#handles.clear();
    await this.call('LOGOUT', {});
    await this.callMaker('LOGOUT', {});
  }

  /**
   * After the line was lost: does the board still know the login? If a reply may still be on its way, the number is given up:
   * that reply could be taken for one to a later request.
   */
  async resume(unanswered: ReadonlySet<number>): Promise<void> {
    if (unanswered.has(this.#number) || unanswered.has(this.#makerNumber)) {
      const old = [this.#number, this.#makerNumber];
      const handles = [...this.#handles.values()];
      this.forgetLogin();
      this.#number = this.#host.newNumber();
      this.#makerNumber = this.#host.newNumber();
      const { link } = this.#host;
      for (const pkey of handles) await link.call('PKEY_CLOSE', old[0] as number, { pkey }, SHORT).catch(() => {});
      for (const number of old) await link.call('LOGOUT', number, {}, SHORT);
      return;
    }
    if (!this.loggedIn) return;
    try {
      await this.call('IS_LOGGED_IN', { user: this.user });
      await this.callMaker('IS_LOGGED_IN', { user: this.user });
    } catch (error) {
      if (!is(error, 'FORBIDDEN')) throw error;
      this.forgetLogin();
    }
  }

  forgetLogin(): void {
    this.loggedIn = false;
    this.#handles.clear();
  }

  /**
   * Uses a handle of a key, opened if there is none. Within {@link inTurn} only.
   * @throws HalError KEY_NOT_FOUND, FORBIDDEN if the board knows of no login
   */
  async withHandle<T>(key: Uint8Array, use: (pkey: number) => Promise<T>): Promise<T> {
    const id = key.toHex();
    const known = this.#handles.get(id);
    if (known !== undefined) {
      this.#handles.delete(id);
      this.#handles.set(id, known);
      try {
        return await use(known);
      } catch (error) {
        // Handles end when the board restarts, or when somebody at its console deletes the key.
        if (!is(error, 'KEY_NOT_FOUND')) throw error;
        this.#handles.delete(id);
      }
    }
    return use(await this.#open(key, id));
  }

  /** A handle came with a new key. */
  async keep(key: Uint8Array, pkey: number): Promise<void> {
    this.#handles.set(key.toHex(), pkey);
    if (this.#handles.size <= OPEN_HANDLES) return;
    const [oldest] = this.#handles;
    if (!oldest) return;
    this.#handles.delete(oldest[0]);
    await this.call('PKEY_CLOSE', { pkey: oldest[1] }).catch(() => {});
  }

  /** Destroys a key; one that does not exist counts as destroyed. Within {@link inTurn} only. */
  async deleteKey(key: Uint8Array): Promise<void> {
    try {
      await this.withHandle(key, (pkey) => this.call('PKEY_DELETE', { pkey }));
    } catch (error) {
      if (!is(error, 'KEY_NOT_FOUND')) throw error;
    } finally {
      this.#handles.delete(key.toHex());
    }
  }

  /** A task that waited while the line was lost is not done on the next one: the appliance has sent it anew, or given it up. */
  #onThisLine<T>(task: () => Promise<T>): () => Promise<T> {
    const line = this.#host.currentLink;
    return async () => {
      if (!line || this.#host.currentLink !== line) throw new HalError('IO_TIMEOUT', 'the line was lost');
      return task();
    };
  }

  async #open(key: Uint8Array, id: string): Promise<number> {
    try {
      const { pkey } = await this.call('PKEY_OPEN', { session: 0, uuid: key });
      await this.keep(key, pkey);
      return this.#handles.get(id) ?? pkey;
    } catch (error) {
      if (is(error, 'FORBIDDEN')) this.forgetLogin();
      throw error;
    }
  }
}

function is(error: unknown, status: keyof typeof HalStatus): boolean {
  return error instanceof HalError && error.status === HalStatus[status];
}
