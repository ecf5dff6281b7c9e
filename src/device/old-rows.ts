/**
 * Binds the attributes of keys that were stored by a program that did not bind them, as soon as the master key is there. In
 * small steps: meanwhile the device works on.
 */

import { type Log } from '#src/audit/log.ts';
import { wipe } from '#src/crypto/process-hardening.ts';
import { type KeyStore } from '#src/store/key-store.ts';
import { bindRow, checkValueOf, unwrapRow } from '#src/store/key-wrapping.ts';
import { type RowBinding, type StoredKey } from '#src/store/stored-key.ts';
import { HalError } from '#src/wire/status.ts';

const STEP = 128;
const START = new Uint8Array(16);

export class OldRows {
  readonly #store: KeyStore;
  readonly #log: Log;
  /** The master key as long as it is there. */
  readonly #masterKey: () => Uint8Array | undefined;
  #next: NodeJS.Immediate | undefined;

  constructor(store: KeyStore, log: Log, masterKey: () => Uint8Array | undefined) {
    this.#store = store;
    this.#log = log;
    this.#masterKey = masterKey;
  }

  /** Begins, or begins again with another master key. */
  start(): void {
    this.stop();
    this.#plan(START, 0);
  }

  stop(): void {
    clearImmediate(this.#next);
  }

  #plan(after: Uint8Array, done: number): void {
    this.#next = setImmediate(() => {
      try {
        this.#step(after, done);
      } catch (error) {
        if (!(error instanceof HalError)) throw error;
        this.#log.error(`the attributes of old keys are not bound: ${error.message}`);
      }
    });
  }

  #step(after: Uint8Array, done: number): void {
    const masterKey = this.#masterKey();
    if (masterKey === undefined) return;
    const rows = this.#store.unbound(checkValueOf(masterKey), after, STEP);
    const bound = rows.map((row) => boundRow(masterKey, row)).filter((row) => row !== undefined);
    if (bound.length > 0) this.#store.bind(bound);
    const last = rows.at(-1);
    const count = done + bound.length;
    if (last !== undefined) this.#plan(last.uuid, count);
    else if (count > 0) this.#log.info(`the attributes of ${count} keys of an older version were bound`);
  }
}

/** `undefined` for a row that was changed: it stays of no use. */
function boundRow(masterKey: Uint8Array, row: StoredKey): { uuid: Uint8Array; binding: RowBinding } | undefined {
  let secret: Uint8Array;
  try {
    secret = unwrapRow(masterKey, row);
  } catch (error) {
    if (error instanceof HalError) return undefined;
    throw error;
  }
  const binding = bindRow(masterKey, row, row.attributes, secret);
  wipe(secret);
  return { uuid: row.uuid, binding };
}
