/** Changes of PINs, and how to take the last one back if another device of the appliance could not follow. */

import { type PinRecord } from '#src/crypto/pin-hash.ts';
import { type KeyStore } from '#src/store/key-store.ts';
import { encodePinRecord } from '#src/store/pin-record-v1.ts';
import { type User } from '#src/wire/enumerations.ts';
import { HalError } from '#src/wire/status.ts';

interface Change {
  readonly user: User;
  readonly before: PinRecord | undefined;
  readonly after: PinRecord;
}

export class PinChanges {
  readonly #store: KeyStore;
  /** The last change of each connection. */
  readonly #last = new Map<number, Change>();

  constructor(store: KeyStore) {
    this.#store = store;
  }

  set(connection: number, user: User, after: PinRecord): void {
    const before = this.#store.pin(user);
    this.#store.setPin(user, after);
    this.#last.set(connection, { user, before, after });
  }

  /** @throws HalError BAD_ARGUMENTS if this connection's last change is not of this role, or another one followed it */
  rollback(connection: number, user: User): void {
    const change = this.#last.get(connection);
    const now = this.#store.pin(user);
    if (change?.user !== user || now === undefined || !sameRecord(now, change.after)) {
      throw new HalError('BAD_ARGUMENTS', 'there is no change of this PIN to take back');
    }
    this.#store.setPin(user, change.before);
    this.#last.delete(connection);
  }

  forget(connection: number): void {
    this.#last.delete(connection);
  }
}

/** Every record has a salt of its own. */
function sameRecord(a: PinRecord, b: PinRecord): boolean {
  return Buffer.compare(encodePinRecord(a), encodePinRecord(b)) === 0;
}
