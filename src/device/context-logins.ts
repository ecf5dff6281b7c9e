/** CKA_ALWAYS_AUTHENTICATE: the PIN, shown for a key, is good for one use of it by the connection (PKCS#11 3.1 section 5.6.8). */

import { CKR } from '#src/cryptoki/constants.ts';
import { CkrError } from '#src/wire/status.ts';

export class ContextLogins {
  /** Keys that a connection may use once, by their id. */
  readonly #keys = new Map<number, Set<string>>();

  add(connection: number, id: string): void {
    const keys = this.#keys.get(connection);
    if (keys) keys.add(id);
    else this.#keys.set(connection, new Set([id]));
  }

  /** Takes the one use. CkrError CKR_USER_NOT_LOGGED_IN if there is none. */
  take(connection: number, id: string): void {
    if (this.#keys.get(connection)?.delete(id) !== true) {
      throw new CkrError(CKR.USER_NOT_LOGGED_IN, 'the key wants the PIN for every use');
    }
  }

  /** Ends those of a connection: it has logged out. */
  forget(connection: number): void {
    this.#keys.delete(connection);
  }
}
