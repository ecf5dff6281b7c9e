/** Starts a new master key holder when the old one died: the key is lost with it, but the operator can set it again. */

import { type Log } from '#src/audit/log.ts';
import { MasterKeyState } from '#src/wire/enumerations.ts';
import { type Device } from './device.ts';
import { type Holder } from './fleet-options.ts';
import { masterKeyStates } from './master-keys.ts';

/** Between attempts, in milliseconds: after one that worked, so that a holder that dies at once is not started all the time. */
const PAUSE = 1000;
const RETRY = 5000;

export class HolderWatch {
  readonly #holder: Holder | undefined;
  readonly #socketPath: string;
  readonly #log: Log;
  #reviving = false;
  #stopped = false;

  constructor(holder: Holder | undefined, socketPath: string, log: Log) {
    this.#holder = holder;
    this.#socketPath = socketPath;
    this.#log = log;
  }

  /** The first start. @throws what the holder's start throws */
  async start(): Promise<void> {
    this.#reviving = true;
    try {
      await this.#holder?.ensure(this.#socketPath);
    } finally {
      this.#reviving = false;
    }
  }

  /** Looks whether a device misses the holder. */
  check(devices: readonly Device[]): void {
    if (this.#reviving || this.#stopped || !this.#holder || !isMissed(devices)) return;
    this.#reviving = true;
    void this.#revive(this.#holder, devices);
  }

  stop(): void {
    this.#stopped = true;
  }

  /** Clears the master keys and ends the holder. */
  async end(): Promise<void> {
    await this.#holder?.end(this.#socketPath);
  }

  /** Ends a holder that has nothing to hold. */
  async endEmpty(): Promise<void> {
    await this.#holder?.endEmpty(this.#socketPath);
  }

  async #revive(holder: Holder, devices: readonly Device[]): Promise<void> {
    let pause = PAUSE;
    try {
      this.#log.error('the master key holder does not answer; another is started, the master key has to be set again');
      await holder.ensure(this.#socketPath);
      await masterKeyStates(devices);
    } catch (error) {
      pause = RETRY;
      this.#log.error(`no master key holder: ${error instanceof Error ? error.message : String(error)}`);
    }
    setTimeout(() => {
      this.#reviving = false;
      this.check(devices);
    }, pause).unref();
  }
}

function isMissed(devices: readonly Device[]): boolean {
  return devices.some((device) => device.running && device.status.masterKey === MasterKeyState.FAILED);
}
