/**
 * Changes of PINs on one of several devices. The last one can be taken back if another device could not follow. And if the
 * appliance ends before all have followed, the PIN of before is still valid here, where it was kept, until a login shows
 * which of the two all devices have.
 */

import { type PinRecord } from '#src/crypto/pin-hash.ts';
import { type KeyStore } from '#src/store/key-store.ts';
import { encodePinRecord } from '#src/store/pin-record-v1.ts';
import { type User } from '#src/wire/enumerations.ts';
import { HalError } from '#src/wire/status.ts';

interface Change {
  readonly user: User;
  readonly before: PinRecord | undefined;
  readonly after: PinRecord;
  /** By one who showed that he knows the PIN of before, whatever his role. */
  readonly isReplacement: boolean;
}

export class PinChanges {
  readonly #store: KeyStore;
  /** The last change of each connection. */
  readonly #last = new Map<number, Change>();
  /** The PIN that each connection set or logged in with last. */
  readonly #shown = new Map<number, { readonly user: User; readonly record: PinRecord }>();

  constructor(store: KeyStore) {
    this.#store = store;
  }

  /** The PIN of now stays valid beside the one that is set next. */
  keep(user: User): void {
    this.#store.keepPin(user);
  }

  set(connection: number, user: User, after: PinRecord): void {
    const before = this.#store.pin(user);
    this.#store.setPin(user, after);
    this.#last.set(connection, { user, before, after, isReplacement: false });
    this.show(connection, user, after);
  }

  /** Sets a new PIN beside which `before`, that the connection has shown, stays valid until the change is settled. */
  replace(connection: number, user: User, before: PinRecord, after: PinRecord): void {
    this.#store.replacePin(user, before, after);
    this.#last.set(connection, { user, before, after, isReplacement: true });
    this.show(connection, user, after);
  }

  /** Whether the last change of a connection is one that it needed no role for. */
  isReplacement(connection: number, user: User): boolean {
    const change = this.#last.get(connection);
    return change?.user === user && change.isReplacement;
  }

  /** Notes the PIN that a connection logged in with. */
  show(connection: number, user: User, record: PinRecord): void {
    this.#shown.set(connection, { user, record });
  }

  /** Makes the PIN that a connection has shown the only one of its role, if another is kept and none was set since. */
  settle(connection: number, user: User): void {
    const shown = this.#shown.get(connection);
    const kept = this.#store.keptPin(user);
    if (shown?.user !== user || kept === undefined) return;
    const now = this.#store.pin(user);
    const isValid = sameRecord(shown.record, kept) || (now !== undefined && sameRecord(shown.record, now));
    if (isValid) this.#store.settlePin(user, shown.record);
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
    this.#shown.delete(connection);
  }

  forget(connection: number): void {
    this.#last.delete(connection);
    this.#shown.delete(connection);
  }
}

/** Every record has a salt of its own. */
export function sameRecord(a: PinRecord, b: PinRecord): boolean {
  return Buffer.compare(encodePinRecord(a), encodePinRecord(b)) === 0;
}
