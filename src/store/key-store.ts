/** The one interface behind which a device keeps its token keys and PINs. */

import { type PinRecord } from '#src/crypto/pin-hash.ts';
import { type User } from '#src/wire/enumerations.ts';
import { type OneTimePosition, type OneTimeRange } from './one-time-keys.ts';
import { type Attribute, type RowBinding, type StoredKey } from './stored-key.ts';

/** Which keys {@link KeyStore.match} returns; 0 means any type or curve. */
export interface KeyFilter {
  readonly type: number;
  readonly curve: number;
  /** A key fits if `(its flags XOR flags) AND mask` is 0. */
  readonly mask: number;
  readonly flags: number;
}

/** Uses to be added to the count of a key. */
export interface KeyUses {
  readonly uuid: Uint8Array;
  readonly count: number;
}

/** What makes the ticket of a login differ from those before it. */
export interface LoginTicket {
  readonly connection: number;
  /** Random, 16 bytes. */
  readonly serial: Uint8Array;
}

/**
 * Every method that changes something returns only after the change is on stable storage, and has changed either all or
 * nothing if it throws.
 *
 * Errors of all methods: HalError NO_KEY_INDEX_SLOTS (disk full), KEYSTORE_ACCESS (I/O error, damaged file).
 */
export interface KeyStore {
  /** Number of keys. */
  readonly size: number;

  /** The key with this device UUID. */
  get(uuid: Uint8Array): StoredKey | undefined;
  /** The key with this name. */
  getByName(name: Uint8Array): StoredKey | undefined;
  /**
   * Keys behind `after` in ascending order of their device UUID, at most `limit`. Rows that are damaged are left out here and in
   * {@link match}, and reported: one of them must not hide all other keys.
   */
  list(after: Uint8Array, limit: number): StoredKey[];
  /** The same with a filter, as many as the caller takes. */
  match(filter: KeyFilter, after: Uint8Array): Iterable<StoredKey>;
  /**
   * Stores keys with the one-time keys of those that are hash-based, all or none.
   * @throws HalError KEY_NAME_IN_USE (also for an identifier that was ever stored), NO_KEY_INDEX_SLOTS if there is no room
   */
  insert(keys: readonly StoredKey[], ranges?: readonly OneTimeRange[]): void;
  /** Deletes keys, all or none; missing ones count as deleted. */
  delete(uuids: readonly Uint8Array[]): void;
  /** Deletes all keys; returns how many there were. */
  deleteAll(): number;
  /** Replaces all attributes of a key, and what binds them. HalError KEY_NOT_FOUND. */
  setAttributes(uuid: Uint8Array, attributes: readonly Attribute[], binding: RowBinding): void;
  /** As {@link list}, the keys with a secret made under a master key whose attributes nothing binds. */
  unbound(checkValue: Uint8Array, after: Uint8Array, limit: number): StoredKey[];
  /** Binds the attributes that keys have, all or none. */
  bind(rows: readonly { readonly uuid: Uint8Array; readonly binding: RowBinding }[]): void;
  /** Where a hash-based key stands, `undefined` if there is no such key. */
  oneTimePosition(uuid: Uint8Array): OneTimePosition | undefined;
  /**
   * Moves a hash-based key on, or lowers its end. `false`, and nothing changed, if it does not stand at `from` any more.
   */
  moveOneTimePosition(uuid: Uint8Array, from: OneTimePosition, to: OneTimePosition): boolean;
  /** How often a key was used. */
  uses(uuid: Uint8Array): number;
  /** Adds to the counts of uses of keys, all or none; keys that do not exist are left out. */
  addUses(uses: readonly KeyUses[]): void;
  /** The different master key check values of all keys: empty without keys, one if all were made under one master key. */
  checkValues(): Uint8Array[];

  /** The PIN of a role, `undefined` if it was never set. */
  pin(user: User): PinRecord | undefined;
  setPin(user: User, record: PinRecord | undefined): void;
  /** A PIN that is valid beside the one that is set, until it is known which of them all devices have. */
  keptPin(user: User): PinRecord | undefined;
  /** Keeps the PIN that is set valid beside the one that follows; a PIN that is kept already stays the kept one. */
  keepPin(user: User): void;
  /** Sets a PIN beside which another stays valid, in one step. */
  replacePin(user: User, kept: PinRecord, record: PinRecord): void;
  /** Makes a record the only PIN of a role. */
  settlePin(user: User, record: PinRecord): void;
  /** Wrong PINs since the last right one. */
  pinFailures(user: User): number;
  setPinFailures(user: User, failures: number): void;

  /** Key of the tickets that restore logins, 32 bytes, made with the store. */
  readonly ticketKey: Uint8Array;
  /** The tickets that are good in this run of the appliance; those of other runs are forgotten. */
  tickets(epoch: Uint8Array): LoginTicket[];
  /** Makes a ticket the good one of its connection. */
  setTicket(epoch: Uint8Array, ticket: LoginTicket): void;
  deleteTicket(connection: number): void;

  close(): void;
}
