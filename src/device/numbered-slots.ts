/**
 * Handles as a CrypTech device makes them (libhal `ks_attribute.c`, `rpc_hash.c`): the slot's index in the lower 16 bits,
 * above it a counter that makes stale handles detectable, and a mark in bit 31.
 */

import { HalError, type HalStatusName } from '#src/wire/status.ts';

const MAX_COUNTER = 0x7fff;
const MARK = 0x8000_0000;

export interface SlotLimits {
  readonly total: number;
  readonly perConnection: number;
  /** The error if a limit is reached. */
  readonly whenFull: HalStatusName;
}

/** Handles of one kind, each bound to the connection that got it. */
export class NumberedSlots<T> {
  readonly #limits: SlotLimits;
  readonly #slots = new Map<number, { readonly connection: number; readonly handle: number; readonly value: T }>();
  readonly #handlesOf = new Map<number, Set<number>>();
  #counter = 0;
  #lastIndex = -1;

  /** @param limits `total` is at most 65536 */
  constructor(limits: SlotLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#slots.size;
  }

  /** @throws HalError as the limits say, if `connection` cannot have another handle */
  checkRoom(connection: number): void {
    const held = this.#handlesOf.get(connection)?.size ?? 0;
    if (held >= this.#limits.perConnection || this.#slots.size >= this.#limits.total) {
      throw new HalError(this.#limits.whenFull);
    }
  }

  /** @param marked sets bit 31: token keys, HMAC digests */
  open(connection: number, value: T, marked: boolean): number {
    this.checkRoom(connection);
    const index = this.#freeIndex();
    this.#counter = (this.#counter % MAX_COUNTER) + 1;
    const handle = (((this.#counter << 16) | index) + (marked ? MARK : 0)) >>> 0;
    this.#slots.set(index, { connection, handle, value });
    let held = this.#handlesOf.get(connection);
    if (held === undefined) this.#handlesOf.set(connection, (held = new Set()));
    held.add(handle);
    return handle;
  }

  /** The value behind a handle of this connection, `undefined` if there is none. */
  get(connection: number, handle: number): T | undefined {
    const slot = this.#slots.get(handle & 0xffff);
    return slot?.handle === handle && slot.connection === connection ? slot.value : undefined;
  }

  close(connection: number, handle: number): void {
    if (this.get(connection, handle) === undefined) return;
    this.#slots.delete(handle & 0xffff);
    const held = this.#handlesOf.get(connection);
    held?.delete(handle);
    if (held?.size === 0) this.#handlesOf.delete(connection);
  }

  closeAll(connection: number): void {
    for (const handle of this.#handlesOf.get(connection) ?? []) this.#slots.delete(handle & 0xffff);
    this.#handlesOf.delete(connection);
  }

  /** The next index that is free, so that a handle just closed is not given out again at once. */
  #freeIndex(): number {
    let index = this.#slots.size === 0 ? 0 : (this.#lastIndex + 1) % this.#limits.total;
    while (this.#slots.has(index)) index = (index + 1) % this.#limits.total;
    this.#lastIndex = index;
    return index;
  }
}
