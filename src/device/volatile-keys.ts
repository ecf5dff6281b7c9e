/** Session keys: in memory only, each owned by one connection (the volatile key store of a CrypTech device). */

import { randomBytes } from 'node:crypto';
import { lockedBuffer } from '#src/crypto/process-hardening.ts';
import { type Attribute } from '#src/store/stored-key.ts';
import { HalError } from '#src/wire/status.ts';
import { type DeviceKey, idOf } from './device-key.ts';

/** Most session keys of one connection, and of all together. libhal has room for 4352 (`HAL_KS_VOLATILE_SLOTS`). */
const MAX_PER_CONNECTION = 4096;
const MAX_KEYS = 65_536;

export interface VolatileKey extends DeviceKey {
  readonly owner: number;
}

export class VolatileKeys {
  /** What session keys are wrapped under between uses, so that they rest encrypted like token keys. */
  readonly wrappingKey: Uint8Array = lockedBuffer(32);
  readonly #keys = new Map<string, VolatileKey>();
  readonly #byName = new Map<string, VolatileKey>();
  readonly #perOwner = new Map<number, number>();

  constructor() {
    this.wrappingKey.set(randomBytes(32));
  }

  get size(): number {
    return this.#keys.size;
  }

  get(id: string): VolatileKey | undefined {
    return this.#keys.get(id);
  }

  getByName(name: Uint8Array): VolatileKey | undefined {
    return this.#byName.get(idOf(name));
  }

  /** @throws HalError NO_KEY_INDEX_SLOTS if `count` more keys of this owner do not fit */
  checkRoom(owner: number, count: number): void {
    const owned = this.#perOwner.get(owner) ?? 0;
    if (owned + count > MAX_PER_CONNECTION || this.#keys.size + count > MAX_KEYS) {
      throw new HalError('NO_KEY_INDEX_SLOTS', 'too many session keys');
    }
  }

  add(key: VolatileKey): void {
    this.#keys.set(idOf(key.uuid), key);
    this.#byName.set(idOf(key.name), key);
    this.#perOwner.set(key.owner, (this.#perOwner.get(key.owner) ?? 0) + 1);
  }

  delete(id: string): void {
    const key = this.#keys.get(id);
    if (key === undefined) return;
    this.#keys.delete(id);
    this.#byName.delete(idOf(key.name));
    const owned = (this.#perOwner.get(key.owner) ?? 0) - 1;
    if (owned > 0) this.#perOwner.set(key.owner, owned);
    else this.#perOwner.delete(key.owner);
  }

  setAttributes(id: string, attributes: readonly Attribute[]): void {
    const key = this.#keys.get(id);
    if (key === undefined) throw new HalError('KEY_NOT_FOUND');
    const changed = { ...key, attributes };
    this.#keys.set(id, changed);
    this.#byName.set(idOf(key.name), changed);
  }

  /** The keys of one connection. */
  *ownedBy(owner: number): Iterable<VolatileKey> {
    if (!this.#perOwner.has(owner)) return;
    for (const key of this.#keys.values()) if (key.owner === owner) yield key;
  }

  /** The keys that `isWanted` accepts in ascending order of their UUID: anybody may ask for his, and all are many. */
  sorted(isWanted: (key: VolatileKey) => boolean): VolatileKey[] {
    return [...this.#keys.values()].filter(isWanted).sort((a, b) => Buffer.compare(a.uuid, b.uuid));
  }

  all(): VolatileKey[] {
    return [...this.#keys.values()];
  }
}
