/** The master key memory itself: one cell of 32 bytes per device in memory that is neither swapped nor dumped. */

import { randomBytes } from 'node:crypto';
import { lockedBuffer, wipe } from '#src/crypto/process-hardening.ts';
import { HalError } from '#src/wire/status.ts';

/** 256 bits (libhal `KEK_LENGTH`). */
export const MASTER_KEY_SIZE = 32;

const TRANSFER_KEY_SIZE = 32;

/** More devices than an appliance will have; the cells fill half a page. */
export const CELLS = 64;

export class MemoryCells {
  /** Under which devices hand keys to each other; a new one with every start of the holder. */
  readonly transferKey: Uint8Array = lockedBuffer(TRANSFER_KEY_SIZE);
  readonly #memory = lockedBuffer(CELLS * MASTER_KEY_SIZE);
  readonly #set = new Set<number>();

  constructor() {
    this.transferKey.set(randomBytes(TRANSFER_KEY_SIZE));
  }

  /** The content of a cell, a view; `undefined` if it is not set. HalError BAD_ARGUMENTS for a device beyond the last. */
  read(device: number): Uint8Array | undefined {
    const cell = this.#cell(device);
    return this.#set.has(device) ? cell : undefined;
  }

  /** Fills a cell, or clears it if the key is empty. HalError MASTERKEY_BAD_LENGTH for other lengths than 32 and 0. */
  write(device: number, key: Uint8Array): void {
    const cell = this.#cell(device);
    if (key.length === 0) {
      this.#set.delete(device);
      wipe(cell);
      return;
    }
    if (key.length !== MASTER_KEY_SIZE) throw new HalError('MASTERKEY_BAD_LENGTH');
    cell.set(key);
    this.#set.add(device);
  }

  /** Wipes everything; the transfer key is another one afterwards. */
  clear(): void {
    this.transferKey.set(randomBytes(TRANSFER_KEY_SIZE));
    this.#set.clear();
    wipe(this.#memory);
  }

  #cell(device: number): Uint8Array {
    if (device >= CELLS) throw new HalError('BAD_ARGUMENTS', `device ${device}`);
    return this.#memory.subarray(device * MASTER_KEY_SIZE, (device + 1) * MASTER_KEY_SIZE);
  }
}
