/**
 * The appliance's key table: public facts about every key of every device, ordered by name and indexed by the attributes that programs
 * search by. Nothing that is asked of it for one key takes longer with more keys.
 */

import { type Curve, KeyFlags, type KeyType } from '#src/wire/enumerations.ts';
import { type FleetConnection } from './connection.ts';
import { type CommonAttributes, KeyAttributes } from './key-attributes.ts';
import { isPrivate } from './key-entry.ts';
import { KeyIndex } from './key-index.ts';
import { cursorOver, filtered, type KeyCursor, merged, SortedKeys } from './sorted-keys.ts';

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

/** What is known about the keys that a search is for. The search gives all keys that fit, and perhaps others. */
export interface KeyQuery {
  /** Token keys, and session keys of these connections. */
  readonly owners: readonly FleetConnection[];
  /** Attributes with values that keys must have. */
  readonly values: readonly { readonly type: number; readonly value: Uint8Array }[];
  /** Whether private objects or the others may fit, and whether token or session objects. */
  accepts(isPrivate: boolean, isToken: boolean): boolean;
  /** Whether keys of a type may fit that have these attributes among others. */
  mayHave(type: KeyType, common: CommonAttributes): boolean;
}

/** Keys that a search takes or leaves together. */
interface Group {
  readonly number: number;
  readonly type: KeyType;
  readonly isPrivate: boolean;
  readonly isToken: boolean;
  readonly keys: SortedKeys;
  /** How many keys have the same common attributes; `undefined`: those of which that is not known. */
  readonly alike: Map<CommonAttributes | undefined, number>;
}

type Groups = Map<number, Group>;

/** More keys than these are not sorted for a page, but picked from the ordered ones. */
const FEW = 1024;

export class KeyTable {
  readonly #byId = new Map<string, KeyEntry>();
  readonly #index = new KeyIndex();
  readonly #tokenKeys: Groups = new Map();
  readonly #sessionKeys = new Map<FleetConnection, Groups>();
  #lastGroup = 0;

  get size(): number {
    return this.#byId.size;
  }

  get(id: string): KeyEntry | undefined {
    return this.#byId.get(id);
  }

  /** The keys that may fit a query behind `id`, in ascending order; `''` starts at the first. */
  search(query: KeyQuery, id: string): Iterable<KeyEntry> {
    const owners = query.owners.map((owner) => this.#sessionKeys.get(owner));
    const cursors: KeyCursor[] = [];
    const few: KeyEntry[] = [];
    for (const groups of [this.#tokenKeys, ...owners]) {
      for (const group of groups?.values() ?? []) {
        if (query.accepts(group.isPrivate, group.isToken)) this.#candidates(group, query, id, few, cursors);
      }
    }
    return merged(few.length > 0 ? [...cursors, cursorOver(few)] : cursors);
  }

  /** The keys whose CKA_ID (0x102) or CKA_LABEL (0x003) is exactly `value`, in no particular order. */
  *byAttribute(type: number, value: Uint8Array): Iterable<KeyEntry> {
    for (const { number } of this.#groups()) {
      for (const entry of [...(this.#index.find(number, type, value) ?? [])]) {
        const own = entry.attributes.get(type);
        if (own && Buffer.compare(own, value) === 0) yield entry;
      }
    }
  }

  /** The keys behind `id` in ascending order; `''` starts at the first. `id` need not exist. */
  *after(id: string): Iterable<KeyEntry> {
    let last = id;
    // The table may change while the caller looks at a key; new groups do not take part by themselves.
    for (let known = -1; known !== this.#lastGroup;) {
      known = this.#lastGroup;
      const cursors = [...this.#groups()].map(({ keys }) => keys.after(last));
      for (const entry of merged(cursors)) {
        last = entry.id;
        yield entry;
        if (known !== this.#lastGroup) break;
      }
    }
  }

  /** Session keys made by a connection, ascending. */
  ownedBy(connection: FleetConnection): KeyEntry[] {
    const groups = this.#sessionKeys.get(connection);
    return groups ? [...merged([...groups.values()].map(({ keys }) => keys.after('')))] : [];
  }

  /** All session keys. */
  sessionKeys(): KeyEntry[] {
    return [...this.#sessionKeys.keys()].flatMap((connection) => this.ownedBy(connection));
  }

  /** Enters keys, or replaces those of the same name. */
  add(entries: readonly KeyEntry[]): void {
    for (const entry of entries) {
      const old = this.#byId.get(entry.id);
      const group = this.#groupFor(entry);
      // Replaced in its place if it stays in its group.
      if (old) this.#leave(old, this.#groupOf(old) === group);
      this.#byId.set(entry.id, entry);
      group.keys.put(entry);
      this.#index.add(entry, group.number);
      const common = commonOf(entry);
      group.alike.set(common, (group.alike.get(common) ?? 0) + 1);
    }
  }

  remove(id: string): void {
    const entry = this.#byId.get(id);
    if (!entry) return;
    this.#leave(entry, false);
    this.#byId.delete(id);
  }

  #leave(entry: KeyEntry, isReplaced: boolean): void {
    const group = this.#groupOf(entry);
    if (!group) return;
    this.#index.remove(entry, group.number);
    const common = commonOf(entry);
    const others = (group.alike.get(common) ?? 0) - 1;
    if (others > 0) group.alike.set(common, others);
    else group.alike.delete(common);
    if (isReplaced) return;
    group.keys.remove(entry.id);
    if (group.keys.size > 0 || !entry.owner) return;
    const groups = this.#sessionKeys.get(entry.owner);
    groups?.delete(groupName(entry));
    if (groups?.size === 0) this.#sessionKeys.delete(entry.owner);
  }

  /** Adds what a group has for a query: a few keys, or a cursor over more. */
  #candidates(group: Group, query: KeyQuery, id: string, few: KeyEntry[], cursors: KeyCursor[]): void {
    let least: ReadonlySet<KeyEntry> | undefined;
    for (const { type, value } of query.values) {
      const found = this.#index.find(group.number, type, value);
      if (found && (!least || found.size < least.size)) least = found;
    }
    if (least && least.size <= FEW) {
      for (const entry of least) if (entry.id > id) few.push(entry);
      return;
    }
    const alike = new Set([...group.alike.keys()].filter((common) => !common || query.mayHave(group.type, common)));
    if (alike.size === 0) return;
    const all = group.keys.after(id);
    const mayFit = (entry: KeyEntry): boolean => (!least || least.has(entry)) && alike.has(commonOf(entry));
    cursors.push(least || alike.size < group.alike.size ? filtered(all, mayFit) : all);
  }

  *#groups(): Iterable<Group> {
    yield* this.#tokenKeys.values();
    for (const groups of this.#sessionKeys.values()) yield* groups.values();
  }

  #groupOf(entry: KeyEntry): Group | undefined {
    const groups = entry.owner ? this.#sessionKeys.get(entry.owner) : this.#tokenKeys;
    return groups?.get(groupName(entry));
  }

  #groupFor(entry: KeyEntry): Group {
    const known = this.#groupOf(entry);
    if (known) return known;
    const group: Group = {
      number: ++this.#lastGroup,
      type: entry.type,
      isPrivate: isPrivate(entry),
      isToken: isToken(entry),
      keys: new SortedKeys(),
      alike: new Map(),
    };
    let groups = entry.owner ? this.#sessionKeys.get(entry.owner) : this.#tokenKeys;
    if (!groups) {
      groups = new Map();
      this.#sessionKeys.set(entry.owner as FleetConnection, groups);
    }
    groups.set(groupName(entry), group);
    return group;
  }
}

function groupName(entry: KeyEntry): number {
  return 4 * entry.type + (isToken(entry) ? 2 : 0) + (isPrivate(entry) ? 1 : 0);
}

function isToken({ flags }: KeyEntry): boolean {
  return (flags & KeyFlags.TOKEN) !== 0;
}

function commonOf({ attributes }: KeyEntry): CommonAttributes | undefined {
  return attributes instanceof KeyAttributes ? attributes.common : undefined;
}
