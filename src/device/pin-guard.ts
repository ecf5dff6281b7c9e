/**
 * Checks PINs and makes guessing slow: a wrong PIN is answered after a delay that doubles with every failure of the role
 * up to a limit and starts anew after a right PIN. The count of failures is on the disk before the answer is sent, so
 * ending the device by force does not reset it. While the disk takes nothing it is kept in memory: a full disk neither makes
 * guessing faster nor keeps anybody out who knows the PIN.
 */

import { setTimeout } from 'node:timers/promises';
import { type Log } from '#src/audit/log.ts';
import { Gate } from '#src/crypto/gate.ts';
import { type PinRecord, verifyPin } from '#src/crypto/pin-hash.ts';
import { wipe } from '#src/crypto/process-hardening.ts';
import { type KeyStore } from '#src/store/key-store.ts';
import { Limits, User, USER_NAMES } from '#src/wire/enumerations.ts';
import { HalError } from '#src/wire/status.ts';

/** The longest delay is this many times the first one: 60 s after 5 s. */
const LONGEST_DELAY = 12;

/**
 * Attempts on one role that are checked or delayed at the same time, as many as a CrypTech device has dispatch tasks.
 * More wait their turn: opening many connections does not make guessing faster.
 */
const PARALLEL_ATTEMPTS = 4;
const WAITING_ATTEMPTS = 1024;

export class PinGuard {
  readonly #store: KeyStore;
  readonly #firstDelayMs: number;
  readonly #log: Log;
  readonly #attempts = new Map<User, Gate>();
  /** Counts of failures that could not be stored. */
  readonly #unsaved = new Map<User, number>();

  /** @param firstDelayMs delay after the first wrong PIN, milliseconds */
  constructor(store: KeyStore, firstDelayMs: number, log: Log) {
    this.#store = store;
    this.#firstDelayMs = firstDelayMs;
    this.#log = log;
    for (const user of [User.NORMAL, User.SO, User.WHEEL]) {
      this.#attempts.set(
        user,
        new Gate(PARALLEL_ATTEMPTS, { most: WAITING_ATTEMPTS, whenFull: 'NO_CLIENT_SLOTS_AVAILABLE' }),
      );
    }
  }

  /**
   * Returns the record that the PIN fits: the one that is set, or the one that is kept beside it. Wipes the PIN.
   * @throws HalError BAD_ARGUMENTS at once; PIN_INCORRECT after the delay, also if no PIN was ever set
   */
  async check(user: number, pin: Uint8Array): Promise<PinRecord> {
    checkPinLength(pin);
    checkRole(user);
    const attempts = this.#attempts.get(user) as Gate;
    const copy = pin.slice();
    wipe(pin);
    try {
      return await attempts.run(() => this.#attempt(user, copy));
    } finally {
      wipe(copy);
    }
  }

  /** Wrong PINs of a role since the last right one. */
  failures(user: User): number {
    return this.#unsaved.get(user) ?? this.#store.pinFailures(user);
  }

  async #attempt(user: User, pin: Uint8Array): Promise<PinRecord> {
    const right = await this.#fitting(user, pin);
    const failures = this.failures(user);
    if (right) {
      if (failures > 0) this.#count(user, 0);
      return right;
    }
    this.#count(user, failures + 1);
    const delay = this.#firstDelayMs * Math.min(2 ** failures, LONGEST_DELAY);
    this.#log.warn(`wrong PIN for ${USER_NAMES[user]}, failure ${failures + 1} since the last right one`);
    // A login that waits here must not keep an ending device alive.
    await setTimeout(delay, undefined, { ref: false });
    throw new HalError('PIN_INCORRECT');
  }

  async #fitting(user: User, pin: Uint8Array): Promise<PinRecord | undefined> {
    const record = this.#store.pin(user);
    const kept = this.#store.keptPin(user);
    if (await verifyPin(pin, record)) return record;
    return kept !== undefined && (await verifyPin(pin, kept)) ? kept : undefined;
  }

  #count(user: User, failures: number): void {
    try {
      this.#store.setPinFailures(user, failures);
      this.#unsaved.delete(user);
    } catch (error) {
      if (!(error instanceof HalError)) throw error;
      this.#unsaved.set(user, failures);
      this.#log.error(`the count of wrong PINs cannot be stored: ${error.message}`);
    }
  }
}

/** @throws HalError BAD_ARGUMENTS */
export function checkPinLength(pin: Uint8Array): void {
  if (pin.length < Limits.pinMin || pin.length > Limits.pinMax) throw new HalError('BAD_ARGUMENTS', 'length of a PIN');
}

/** @throws HalError BAD_ARGUMENTS for anything but user, so and wheel */
export function checkRole(user: number): asserts user is User {
  if (user !== User.NORMAL && user !== User.SO && user !== User.WHEEL)
    throw new HalError('BAD_ARGUMENTS', `role ${user}`);
}
