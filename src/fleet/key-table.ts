/** The appliance's key table: public facts about every key of every device, ordered by name and indexed by CKA_ID and CKA_LABEL. */

import { type Curve, type KeyType } from '#src/wire/enumerations.ts';
import { type FleetConnection } from './connection.ts';

/** CKA_LABEL and CKA_ID (PKCS#11 3.1, 4.4 and 4.7), the attributes that programs search keys by. */
const INDEXED = [0x003, 0x102] as const;

/** Public facts about one key. */
export interface KeyEntry {
  /** The UUID that clients of the appliance see, 16 bytes. */
  readonly name: Uint8Array;
  /** `name` as 32 hexadecimal digits; ascending ids are ascending names. */
  readonly id: string;
  /** Device index to the key's UUID in that device. */
  readonly copies: ReadonlyMap<number, Uint8Array>;
  readonly type: KeyType;
  readonly curve: Curve;
  readonly bits: number;
  readonly flags: number;
  /** SubjectPublicKeyInfo, also of a private key. */
  readonly spki: Uint8Array;
  /** CKA type to the value as stored; complete, nothing secret. */
  readonly attributes: ReadonlyMap<number, Uint8Array>;
  /** Session keys: the connection that made the key. */
  readonly owner: FleetConnection | undefined;
  /** Session keys: the PKCS#11 session, 0 else. */
  readonly session: number;
}

export class KeyTable {
  readonly #byId = new Map<string, KeyEntry>();
  /** Ids in ascending order; a binary insertion into 100,000 of them takes some microseconds. */
  #ordered: string[] = [];
  readonly #indexes = new Map<number, Map<string, Set<string>>>(INDEXED.map((type) => [type, new Map()]));
  readonly #owned = new Map<FleetConnection, Set<string>>();

  get size(): number {
    return this.#byId.size;
  }

  get(id: string): KeyEntry | undefined {
    return this.#byId.get(id);
  }

  /** The keys whose CKA_ID (0x102) or CKA_LABEL (0x003) is exactly `value`, in no particular order. */
  *byAttribute(type: number, value: Uint8Array): Iterable<KeyEntry> {
    for (const id of this.#indexes.get(type)?.get(indexKey(value)) ?? []) {
      const entry = this.#byId.get(id);
      if (entry) yield entry;
    }
  }

  /** The keys behind `id` in ascending order; `''` starts at the first. `id` need not exist. */
  *after(id: string): Iterable<KeyEntry> {
    let last = id;
    let position = this.#position(id, true);
    for (;;) {
      // The table may have changed while the caller looked at a key.
      if (position > 0 && this.#ordered[position - 1] !== last) position = this.#position(last, true);
      const next = this.#ordered[position];
      if (next === undefined) return;
      last = next;
      position++;
      yield this.#byId.get(next) as KeyEntry;
    }
  }

  /** Session keys made by a connection. */
  ownedBy(connection: FleetConnection): KeyEntry[] {
    return [...(this.#owned.get(connection) ?? [])].map((id) => this.#byId.get(id) as KeyEntry);
  }

  /** Enters keys, or replaces those of the same name. */
  add(entries: readonly KeyEntry[]): void {
    const fresh: string[] = [];
    for (const entry of entries) {
      const old = this.#byId.get(entry.id);
      if (old) this.#unindex(old);
      else fresh.push(entry.id);
      this.#byId.set(entry.id, entry);
      this.#index(entry);
    }
    if (fresh.length > 16) {
      this.#ordered = this.#ordered.concat(fresh).sort();
      return;
    }
    for (const id of fresh) this.#ordered.splice(this.#position(id, false), 0, id);
  }

  remove(id: string): void {
    const entry = this.#byId.get(id);
    if (!entry) return;
    this.#unindex(entry);
    this.#byId.delete(id);
    this.#ordered.splice(this.#position(id, false), 1);
  }

  clear(): void {
    this.#byId.clear();
    this.#ordered = [];
    this.#owned.clear();
    for (const index of this.#indexes.values()) index.clear();
  }

  /** Index of the first id that is not below `id`; with `behind`, of the first above it. */
  #position(id: string, behind: boolean): number {
    let low = 0;
    let high = this.#ordered.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const candidate = this.#ordered[middle] as string;
      if (candidate < id || (behind && candidate === id)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #index(entry: KeyEntry): void {
    for (const [type, index] of this.#indexes) {
      const value = entry.attributes.get(type);
      if (value) addTo(index, indexKey(value), entry.id);
    }
    if (entry.owner) addTo(this.#owned, entry.owner, entry.id);
  }

  #unindex(entry: KeyEntry): void {
    for (const [type, index] of this.#indexes) {
      const value = entry.attributes.get(type);
      if (value) removeFrom(index, indexKey(value), entry.id);
    }
    if (entry.owner) removeFrom(this.#owned, entry.owner, entry.id);
  }
}

function indexKey(value: Uint8Array): string {
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('latin1');
}

function addTo<K>(sets: Map<K, Set<string>>, key: K, id: string): void {
  const set = sets.get(key);
  if (set) set.add(id);
  else sets.set(key, new Set([id]));
}

function removeFrom<K>(sets: Map<K, Set<string>>, key: K, id: string): void {
  const set = sets.get(key);
  set?.delete(id);
  if (set?.size === 0) sets.delete(key);
}
