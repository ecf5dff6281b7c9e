/** Pkey handles: numbers that the appliance gives out, unique within a connection, so that handles of two devices never collide. */

import { type KeyEntry } from '#src/fleet/key-table.ts';
import { KeyFlags } from '#src/wire/enumerations.ts';
import { HalError } from '#src/wire/status.ts';

const MAX_HANDLES = 4096;
/** Set exactly in handles of token keys (libhal `HAL_PKEY_HANDLE_TOKEN_FLAG`). */
const TOKEN_FLAG = 0x8000_0000;
const COUNTER_MASK = 0x7fff_ffff;

interface Open {
  readonly id: string;
  readonly flags: number;
  /** The device whose copy of the key is meant; absent: any. */
  readonly device: number | undefined;
}

export class KeyHandles {
  readonly #open = new Map<number, Open>();
  #counter = 0;

  get size(): number {
    return this.#open.size;
  }

  /** @throws HalError NO_KEY_SLOTS_AVAILABLE */
  checkRoom(): void {
    if (this.#open.size >= MAX_HANDLES) throw new HalError('NO_KEY_SLOTS_AVAILABLE');
  }

  open({ id, flags }: KeyEntry, device?: number): number {
    this.checkRoom();
    const token = (flags & KeyFlags.TOKEN) === 0 ? 0 : TOKEN_FLAG;
    let handle: number;
    do {
      this.#counter = (this.#counter % COUNTER_MASK) + 1;
      handle = (this.#counter | token) >>> 0;
    } while (this.#open.has(handle));
    this.#open.set(handle, { id, flags, device });
    return handle;
  }

  /** The key's id and device, `undefined` for an unknown handle. */
  get(handle: number): { readonly id: string; readonly device: number | undefined } | undefined {
    return this.#open.get(handle);
  }

  /** `false` for an unknown handle. */
  close(handle: number): boolean {
    return this.#open.delete(handle);
  }

  /** At logout only handles to keys that need no login stay. */
  closeAtLogout(): void {
    for (const [handle, { flags }] of this.#open) if ((flags & KeyFlags.PUBLIC) === 0) this.#open.delete(handle);
  }

  clear(): void {
    this.#open.clear();
  }
}
