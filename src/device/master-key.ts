/**
 * The device's view of its master key. The key lives in the holder; the device keeps a copy in locked memory for as long
 * as its connection to the holder lives: when the holder goes, the key is gone, as in the hardware.
 *
 * ```
 *            holder answers "not set"           set()
 *   FAILED ───────────────────────────► NOT_SET ─────► SET
 *     │ ▲                                  ▲ │          │ │
 *     │ └───────── connection lost ────────┼─┴──────────┘ │
 *     │                                    └─── clear() ──┘
 *     └── holder answers "set" ─► SET
 * ```
 */

import { timingSafeEqual } from 'node:crypto';
import { type Log } from '#src/audit/log.ts';
import { lockedBuffer, wipe } from '#src/crypto/process-hardening.ts';
import { MkmClient } from '#src/mkm/client.ts';
import { MASTER_KEY_SIZE } from '#src/mkm/memory-cells.ts';
import { MasterKeyState } from '#src/wire/enumerations.ts';
import { HalError } from '#src/wire/status.ts';

const NO_KEY = new Uint8Array(0);

export interface MasterKeyOptions {
  readonly socketPath: string;
  /** Index of the device: its cell at the holder. */
  readonly device: number;
  readonly log: Log;
  /** Called when a key that was set is replaced, cleared or lost. */
  readonly onChange: () => void;
  /** Called when there is a key. */
  readonly onSet: () => void;
}

export class MasterKey {
  readonly #options: MasterKeyOptions;
  readonly #key: Uint8Array = lockedBuffer(MASTER_KEY_SIZE);
  #state: MasterKeyState = MasterKeyState.FAILED;
  #holder: MkmClient | undefined;
  #refreshing: Promise<MasterKeyState> | undefined;
  #failing = false;
  #refused = false;

  constructor(options: MasterKeyOptions) {
    this.#options = options;
  }

  /** The key if it is at hand: a view that is wiped when the key goes, not to be kept. */
  get current(): Uint8Array | undefined {
    return this.#state === MasterKeyState.SET ? this.#key : undefined;
  }

  /** The key, asked of the holder if necessary. HalError MASTERKEY_NOT_SET, MASTERKEY_FAIL. */
  async require(): Promise<Uint8Array> {
    const state = await this.refresh();
    if (state === MasterKeyState.SET) return this.#key;
    throw new HalError(state === MasterKeyState.FAILED ? 'MASTERKEY_FAIL' : 'MASTERKEY_NOT_SET');
  }

  /** The state now. Never fails: a holder that does not answer is the state FAILED. */
  refresh(): Promise<MasterKeyState> {
    if (this.#refused) return Promise.resolve(MasterKeyState.FAILED);
    if (this.#state === MasterKeyState.SET) return Promise.resolve(this.#state);
    this.#refreshing ??= this.#read().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  /** Stores a key of 32 bytes in the holder, then uses it. HalError MASTERKEY_FAIL. */
  async set(key: Uint8Array): Promise<void> {
    const holder = await this.#connect();
    await holder.write(this.#options.device, key);
    this.#take(key);
  }

  /** The key under which devices hand keys to each other: a copy, to be wiped. HalError MASTERKEY_FAIL. */
  async transferKey(): Promise<Uint8Array> {
    return (await this.#connect()).transferKey();
  }

  /** From now on, until the process ends, there is no master key: the device must not use any key. */
  refuse(): void {
    this.#refused = true;
    this.#drop(MasterKeyState.FAILED);
  }

  async clear(): Promise<void> {
    const holder = await this.#connect();
    await holder.write(this.#options.device, NO_KEY);
    this.#drop(MasterKeyState.NOT_SET);
  }

  /** Wipes the copy and leaves the holder. */
  close(): void {
    this.#drop(MasterKeyState.FAILED);
    this.#holder?.close();
  }

  async #read(): Promise<MasterKeyState> {
    try {
      const holder = await this.#connect();
      const { state, key } = await holder.read(this.#options.device);
      if (state === MasterKeyState.SET) this.#take(key);
      else this.#drop(MasterKeyState.NOT_SET);
      wipe(key);
      this.#failing = false;
    } catch (error) {
      // Asked again with every request: one line per failure of the holder is enough.
      if (!this.#failing) this.#options.log.error(`master key holder: ${(error as Error).message}`);
      this.#failing = true;
      this.#drop(MasterKeyState.FAILED);
    }
    return this.#state;
  }

  async #connect(): Promise<MkmClient> {
    if (this.#holder !== undefined) return this.#holder;
    const holder = await MkmClient.connect(this.#options.socketPath);
    if (this.#holder !== undefined) {
      holder.close();
      return this.#holder;
    }
    this.#holder = holder;
    holder.unref();
    void holder.closed.then(() => {
      this.#holder = undefined;
      if (this.#state === MasterKeyState.SET)
        this.#options.log.error('the master key holder is gone, and the key with it');
      this.#drop(MasterKeyState.FAILED);
    });
    return holder;
  }

  #take(key: Uint8Array): void {
    if (this.#refused) throw new HalError('MASTERKEY_FAIL', 'the self test has failed');
    if (this.#state === MasterKeyState.SET && timingSafeEqual(key, this.#key)) return;
    this.#drop(MasterKeyState.NOT_SET);
    this.#key.set(key);
    this.#state = MasterKeyState.SET;
    this.#options.onSet();
  }

  #drop(state: MasterKeyState): void {
    const wasSet = this.#state === MasterKeyState.SET;
    wipe(this.#key);
    this.#state = state;
    if (wasSet) this.#options.onChange();
  }
}
