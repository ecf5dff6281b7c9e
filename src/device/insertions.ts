/**
 * New token keys on their way to the disk. Those that are ready in one turn of the event loop share one commit, and so one flush
 * of the disk; each is answered after it.
 */

import { type KeyStore } from '#src/store/key-store.ts';
import { type OneTimeRange } from '#src/store/one-time-keys.ts';
import { type StoredKey } from '#src/store/stored-key.ts';
import { idOf } from './device-key.ts';

/** What comes into the store together or not at all. */
interface Insertion {
  readonly keys: readonly StoredKey[];
  readonly ranges: readonly OneTimeRange[];
  readonly stored: () => void;
  readonly failed: (error: unknown) => void;
}

export class Insertions {
  readonly #store: KeyStore;
  #waiting: Insertion[] = [];
  /** Names of the keys that wait. */
  readonly #names = new Set<string>();

  constructor(store: KeyStore) {
    this.#store = store;
  }

  /** Whether a key of this name is on its way. */
  has(name: Uint8Array): boolean {
    return this.#names.has(idOf(name));
  }

  /** Settles when the keys are on the disk. HalError as {@link KeyStore.insert}. */
  insert(keys: readonly StoredKey[], ranges: readonly OneTimeRange[]): Promise<void> {
    for (const { name } of keys) this.#names.add(idOf(name));
    if (this.#waiting.length === 0) setImmediate(() => this.#commit());
    return new Promise((stored, failed) => this.#waiting.push({ keys, ranges, stored, failed }));
  }

  #commit(): void {
    const group = this.#waiting;
    this.#waiting = [];
    this.#names.clear();
    try {
      this.#store.insert(
        group.flatMap(({ keys }) => keys),
        group.flatMap(({ ranges }) => ranges),
      );
    } catch (error) {
      if (group.length === 1) group[0]?.failed(error);
      else for (const insertion of group) this.#commitAlone(insertion);
      return;
    }
    for (const { stored } of group) stored();
  }

  /** What is wrong with one must not fail the others. */
  #commitAlone({ keys, ranges, stored, failed }: Insertion): void {
    try {
      this.#store.insert(keys, ranges);
      stored();
    } catch (error) {
      failed(error);
    }
  }
}
