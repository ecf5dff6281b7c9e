/**
 * Counts the uses of keys. A use of a key with a limit is on the disk before its result is released, so that ending the
 * device by force gives none back. Others are counted in memory and written at intervals, and when the device ends in
 * order: a crash loses the uses of the last interval at most.
 */

import { type Log } from '#src/audit/log.ts';
import { CKR } from '#src/cryptoki/constants.ts';
import { type KeyStore } from '#src/store/key-store.ts';
import { CkrError, HalError } from '#src/wire/status.ts';

/** Milliseconds between two writings of the counts that nobody waits for. */
const INTERVAL_MS = 10_000;

/** The uses of one key. */
export class UseCount {
  readonly uuid: Uint8Array;
  /** Session keys are in no store. */
  readonly isStored: boolean;
  /** What was not written yet. */
  pending = 0;

  constructor(uuid: Uint8Array, isStored: boolean) {
    this.uuid = uuid;
    this.isStored = isStored;
  }
}

export class UseCounts {
  readonly #store: KeyStore;
  readonly #log: Log;
  /** Counts with pending uses. Those of session keys stay for as long as the key does. */
  readonly #used = new Map<string, UseCount>();
  readonly #timer: NodeJS.Timeout;
  #failing = false;

  constructor(store: KeyStore, log: Log) {
    this.#store = store;
    this.#log = log;
    this.#timer = setInterval(() => this.flush(), INTERVAL_MS).unref();
  }

  /** The count of a key: the same object for as long as it has pending uses. */
  of(id: string, uuid: Uint8Array, isStored: boolean): UseCount {
    return this.#used.get(id) ?? new UseCount(uuid, isStored);
  }

  /** Counts one use in memory. */
  add(id: string, count: UseCount): void {
    if (count.pending++ > 0) return;
    // A key that was loaded twice has two counts: the first one in use is the one.
    const other = this.#used.get(id);
    if (other === undefined) this.#used.set(id, count);
    else {
      other.pending++;
      count.pending = 0;
    }
  }

  /** Counts one use durably, or refuses it. CkrError CKR_KEY_FUNCTION_NOT_PERMITTED, HalError as of the store. */
  spend(id: string, count: UseCount, limit: number): void {
    if (this.total(count) >= limit) {
      throw new CkrError(CKR.KEY_FUNCTION_NOT_PERMITTED, 'the limit of uses is reached');
    }
    if (count.isStored) this.#store.addUses([{ uuid: count.uuid, count: 1 }]);
    else this.add(id, count);
  }

  total(count: UseCount): number {
    return count.pending + (count.isStored ? this.#store.uses(count.uuid) : 0);
  }

  /** Forgets a key that was destroyed. */
  forget(id: string): void {
    this.#used.delete(id);
  }

  forgetAll(): void {
    this.#used.clear();
  }

  /** Writes what is pending. What cannot be written stays pending. */
  flush(): void {
    const counts = [...this.#used.values()].filter(({ isStored }) => isStored);
    if (counts.length === 0) return;
    try {
      this.#store.addUses(counts.map(({ uuid, pending }) => ({ uuid, count: pending })));
      this.#failing = false;
    } catch (error) {
      if (!(error instanceof HalError)) throw error;
      if (!this.#failing) this.#log.error(`the counts of uses cannot be stored: ${error.message}`);
      this.#failing = true;
      return;
    }
    for (const [id, count] of this.#used) {
      if (!count.isStored) continue;
      count.pending = 0;
      this.#used.delete(id);
    }
  }

  close(): void {
    clearInterval(this.#timer);
    this.flush();
  }
}
