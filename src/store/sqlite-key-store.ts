/**
 * The key store in one SQLite file: write-ahead log with a flush to the disk at every commit, locked against a second
 * process for as long as it is open.
 */

import { DatabaseSync } from 'node:sqlite';
import { type PinRecord } from '#src/crypto/pin-hash.ts';
import { type User } from '#src/wire/enumerations.ts';
import { Bug, HalError } from '#src/wire/status.ts';
import { encodeAttributes } from './attributes-v1.ts';
import { type KeyFilter, type KeyStore, type KeyUses, type LoginTicket } from './key-store.ts';
import { migrate } from './migrate.ts';
import { type OneTimePosition, type OneTimeRange } from './one-time-keys.ts';
import { decodePinRecord, encodePinRecord } from './pin-record-v1.ts';
import { type KeyRow, type OneTimeRow, type PinRow, toKey } from './rows.ts';
import { prepare, type Statements } from './statements.ts';
import { storeError } from './store-error.ts';
import { type Attribute, type RowBinding, type StoredKey } from './stored-key.ts';

/** How long a store that another process has open is waited for: an old device may just be ending. */
const LOCK_WAIT_MS = 5000;

/** Keys that {@link SqliteKeyStore.match} reads at once. */
const MATCH_BATCH = 256;

export interface SqliteKeyStoreOptions {
  readonly path: string;
  /** Most keys the store takes. */
  readonly maxKeys: number;
  /** Most bytes the file may have; no limit but the disk's if left out. */
  readonly maxBytes?: number | undefined;
  /** Told of a row that cannot be read. */
  readonly onDamage?: (uuid: Uint8Array, problem: string) => void;
}

export class SqliteKeyStore implements KeyStore {
  readonly ticketKey: Uint8Array;
  readonly #path: string;
  readonly #maxKeys: number;
  readonly #onDamage: (uuid: Uint8Array, problem: string) => void;
  readonly #database: DatabaseSync;
  readonly #statements: Statements;
  #size: number;

  constructor({ path, maxKeys, maxBytes, onDamage }: SqliteKeyStoreOptions) {
    this.#path = path;
    this.#maxKeys = maxKeys;
    this.#onDamage = onDamage ?? (() => {});
    try {
      this.#database = open(path, maxBytes);
    } catch (error) {
      throw storeError(path, error);
    }
    try {
      migrate(this.#database);
      this.#statements = prepare(this.#database);
      this.#size = (this.#statements.count.get() as { size: number }).size;
      this.ticketKey = (this.#statements.secret.get('login ticket') as { value: Uint8Array }).value;
    } catch (error) {
      this.#database.close();
      throw storeError(path, error);
    }
  }

  get size(): number {
    return this.#size;
  }

  get(uuid: Uint8Array): StoredKey | undefined {
    return toKey(this.#access(() => this.#statements.get.get(uuid)));
  }

  getByName(name: Uint8Array): StoredKey | undefined {
    return toKey(this.#access(() => this.#statements.getByName.get(name)));
  }

  list(after: Uint8Array, limit: number): StoredKey[] {
    const keys: StoredKey[] = [];
    for (let previous = after; keys.length < limit;) {
      const wanted = limit - keys.length;
      const rows = this.#access(() => this.#statements.list.all(previous, wanted));
      for (const row of rows) {
        const key = this.#readable(row);
        if (key) keys.push(key);
      }
      if (rows.length < wanted) break;
      previous = (rows.at(-1) as unknown as KeyRow).uuid;
    }
    return keys;
  }

  /** Reads in batches, so that the store may be changed between two results. */
  *match({ type, curve, mask, flags }: KeyFilter, after: Uint8Array): Iterable<StoredKey> {
    for (let previous = after; ;) {
      const rows = this.#access(() =>
        this.#statements.match.all(previous, type, type, curve, curve, mask, flags & mask, MATCH_BATCH),
      );
      for (const row of rows) {
        const key = this.#readable(row);
        if (key) yield key;
      }
      if (rows.length < MATCH_BATCH) return;
      previous = (rows.at(-1) as unknown as KeyRow).uuid;
    }
  }

  insert(keys: readonly StoredKey[], ranges: readonly OneTimeRange[] = []): void {
    if (this.#size + keys.length > this.#maxKeys) {
      throw new HalError('NO_KEY_INDEX_SLOTS', `the key store is limited to ${this.#maxKeys} keys`);
    }
    this.#transaction(() => {
      for (const { uuid, name, type, curve, bits, flags, checkValue, spki, wrapped, attributes, seal } of keys) {
        this.#statements.insert.run(
          uuid,
          name,
          type,
          curve,
          bits,
          flags,
          checkValue,
          spki,
          wrapped ?? null,
          encodeAttributes(attributes),
          seal ?? null,
        );
      }
      for (const { identifier, uuid, start, end } of ranges) {
        this.#statements.insertOneTimeKeys.run(identifier, uuid, start, end);
      }
    });
    this.#size += keys.length;
  }

  delete(uuids: readonly Uint8Array[]): void {
    let deleted = 0;
    this.#transaction(() => {
      for (const uuid of uuids) deleted += Number(this.#statements.delete.run(uuid).changes);
    });
    this.#size -= deleted;
  }

  deleteAll(): number {
    const deleted = this.#size;
    this.#transaction(() => this.#statements.deleteAll.run());
    this.#size = 0;
    return deleted;
  }

  setAttributes(uuid: Uint8Array, attributes: readonly Attribute[], { wrapped, seal }: RowBinding): void {
    const bytes = encodeAttributes(attributes);
    const { changes } = this.#access(() => this.#statements.setAttributes.run(bytes, wrapped ?? null, seal, uuid));
    if (changes === 0) throw new HalError('KEY_NOT_FOUND');
  }

  unbound(checkValue: Uint8Array, after: Uint8Array, limit: number): StoredKey[] {
    const rows = this.#access(() => this.#statements.unbound.all(after, checkValue, limit));
    return rows.map((row) => this.#readable(row)).filter((key) => key !== undefined);
  }

  bind(rows: readonly { readonly uuid: Uint8Array; readonly binding: RowBinding }[]): void {
    this.#transaction(() => {
      for (const { uuid, binding } of rows) this.#statements.bind.run(binding.wrapped ?? null, binding.seal, uuid);
    });
  }

  oneTimePosition(uuid: Uint8Array): OneTimePosition | undefined {
    const row = this.#access(() => this.#statements.oneTimePosition.get(uuid)) as OneTimeRow | undefined;
    return row && { leaf: row.leaf, below: row.below, end: row.end, above: row.above ?? undefined };
  }

  /** A statement outside a transaction is one by itself: it is on the disk when it returns. */
  moveOneTimePosition(uuid: Uint8Array, from: OneTimePosition, to: OneTimePosition): boolean {
    const { leaf, below, end, above } = to;
    const { changes } = this.#access(() =>
      this.#statements.moveOneTimePosition.run(leaf, below, end, above ?? null, uuid, from.leaf, from.below, from.end),
    );
    return changes === 1;
  }

  uses(uuid: Uint8Array): number {
    const row = this.#access(() => this.#statements.uses.get(uuid)) as { count: number } | undefined;
    return row?.count ?? 0;
  }

  addUses(uses: readonly KeyUses[]): void {
    this.#transaction(() => {
      for (const { uuid, count } of uses) this.#statements.addUses.run(count, uuid);
    });
  }

  checkValues(): Uint8Array[] {
    const rows = this.#access(() => this.#statements.checkValues.all()) as { check_value: Uint8Array }[];
    return rows.map((row) => row.check_value);
  }

  pin(user: User): PinRecord | undefined {
    const { record } = this.#pinRow(user);
    return record === null ? undefined : decodePinRecord(record);
  }

  setPin(user: User, record: PinRecord | undefined): void {
    this.#access(() => this.#statements.setPin.run(record === undefined ? null : encodePinRecord(record), user));
  }

  keptPin(user: User): PinRecord | undefined {
    const { kept } = this.#pinRow(user);
    return kept === null ? undefined : decodePinRecord(kept);
  }

  keepPin(user: User): void {
    this.#access(() => this.#statements.keepPin.run(user));
  }

  replacePin(user: User, kept: PinRecord, record: PinRecord): void {
    this.#access(() => this.#statements.replacePin.run(encodePinRecord(record), encodePinRecord(kept), user));
  }

  settlePin(user: User, record: PinRecord): void {
    this.#access(() => this.#statements.settlePin.run(encodePinRecord(record), user));
  }

  pinFailures(user: User): number {
    return this.#pinRow(user).failures;
  }

  setPinFailures(user: User, failures: number): void {
    this.#access(() => this.#statements.setPinFailures.run(failures, user));
  }

  tickets(epoch: Uint8Array): LoginTicket[] {
    this.#access(() => this.#statements.deleteOtherTickets.run(epoch));
    return this.#access(() => this.#statements.tickets.all()) as unknown as LoginTicket[];
  }

  setTicket(epoch: Uint8Array, { connection, serial }: LoginTicket): void {
    this.#access(() => this.#statements.setTicket.run(connection, epoch, serial));
  }

  deleteTicket(connection: number): void {
    this.#access(() => this.#statements.deleteTicket.run(connection));
  }

  close(): void {
    if (this.#database.isOpen) this.#database.close();
  }

  #pinRow(user: User): PinRow {
    const row = this.#access(() => this.#statements.pin.get(user));
    if (row === undefined) throw new Bug(`no row for the PIN of role ${user}`);
    return row as unknown as PinRow;
  }

  /** The key of a row, `undefined` if it cannot be read. */
  #readable(row: unknown): StoredKey | undefined {
    try {
      return toKey(row);
    } catch (error) {
      if (!(error instanceof HalError)) throw error;
      this.#onDamage((row as KeyRow).uuid, error.message);
      return undefined;
    }
  }

  #access<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw storeError(this.#path, error);
    }
  }

  #transaction(work: () => void): void {
    this.#access(() => {
      this.#database.exec('BEGIN IMMEDIATE');
      try {
        work();
        this.#database.exec('COMMIT');
      } catch (error) {
        // SQLite has already rolled back after some errors (full disk, I/O).
        if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
        throw error;
      }
    });
  }
}

function open(path: string, maxBytes: number | undefined): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: LOCK_WAIT_MS, allowExtension: false });
  try {
    database.exec(`
      PRAGMA locking_mode = EXCLUSIVE;
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = FULL;
      PRAGMA secure_delete = ON;
      PRAGMA trusted_schema = OFF;
    `);
    if (maxBytes !== undefined) {
      const { page_size: pageSize } = database.prepare('PRAGMA page_size').get() as { page_size: number };
      database.exec(`PRAGMA max_page_count = ${Math.max(1, Math.floor(maxBytes / pageSize))}`);
    }
    // The first write takes the lock that is then held until the end.
    database.exec('BEGIN EXCLUSIVE; COMMIT');
  } catch (error) {
    database.close();
    throw error;
  }
  return database;
}
