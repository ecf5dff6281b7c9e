/**
 * The key store in one SQLite file: write-ahead log with a flush to the disk at every commit, locked against a second
 * process for as long as it is open.
 */

import { DatabaseSync } from 'node:sqlite';
import { type PinRecord } from '#src/crypto/pin-hash.ts';
import { type Curve, type KeyType, type User } from '#src/wire/enumerations.ts';
import { Bug, HalError } from '#src/wire/status.ts';
import { decodeAttributes, encodeAttributes } from './attributes-v1.ts';
import { type KeyFilter, type KeyStore } from './key-store.ts';
import { migrate } from './migrate.ts';
import { type OneTimePosition, type OneTimeRange } from './one-time-keys.ts';
import { decodePinRecord, encodePinRecord } from './pin-record-v1.ts';
import { storeError } from './store-error.ts';
import { type Attribute, type StoredKey } from './stored-key.ts';

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
}

interface KeyRow {
  readonly uuid: Uint8Array;
  readonly name: Uint8Array;
  readonly type: number;
  readonly curve: number;
  readonly bits: number;
  readonly flags: number;
  readonly check_value: Uint8Array;
  readonly spki: Uint8Array;
  readonly wrapped: Uint8Array | null;
  readonly attributes: Uint8Array;
}

interface OneTimeRow {
  readonly leaf: number;
  readonly below: number;
  readonly end: number;
  readonly above: Uint8Array | null;
}

interface PinRow {
  readonly record: Uint8Array | null;
  readonly kept: Uint8Array | null;
  readonly failures: number;
}

export class SqliteKeyStore implements KeyStore {
  readonly ticketKey: Uint8Array;
  readonly #path: string;
  readonly #maxKeys: number;
  readonly #database: DatabaseSync;
  readonly #statements: Statements;
  #size: number;

  constructor({ path, maxKeys, maxBytes }: SqliteKeyStoreOptions) {
    this.#path = path;
    this.#maxKeys = maxKeys;
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
    return this.#access(() => this.#statements.list.all(after, limit)).map((row) => toKey(row) as StoredKey);
  }

  /** Reads in batches, so that the store may be changed between two results. */
  *match({ type, curve, mask, flags }: KeyFilter, after: Uint8Array): Iterable<StoredKey> {
    for (let previous = after; ;) {
      const rows = this.#access(() =>
        this.#statements.match.all(previous, type, type, curve, curve, mask, flags & mask, MATCH_BATCH),
      );
      for (const row of rows) yield toKey(row) as StoredKey;
      if (rows.length < MATCH_BATCH) return;
      previous = (rows.at(-1) as unknown as KeyRow).uuid;
    }
  }

  insert(keys: readonly StoredKey[], ranges: readonly OneTimeRange[] = []): void {
    if (this.#size + keys.length > this.#maxKeys) {
      throw new HalError('NO_KEY_INDEX_SLOTS', `the key store is limited to ${this.#maxKeys} keys`);
    }
    this.#transaction(() => {
      for (const { uuid, name, type, curve, bits, flags, checkValue, spki, wrapped, attributes } of keys) {
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

  setAttributes(uuid: Uint8Array, attributes: readonly Attribute[]): void {
    const { changes } = this.#access(() => this.#statements.setAttributes.run(encodeAttributes(attributes), uuid));
    if (changes === 0) throw new HalError('KEY_NOT_FOUND');
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

  settlePin(user: User, record: PinRecord): void {
    this.#access(() => this.#statements.settlePin.run(encodePinRecord(record), user));
  }

  pinFailures(user: User): number {
    return this.#pinRow(user).failures;
  }

  setPinFailures(user: User, failures: number): void {
    this.#access(() => this.#statements.setPinFailures.run(failures, user));
  }

  close(): void {
    if (this.#database.isOpen) this.#database.close();
  }

  #pinRow(user: User): PinRow {
    const row = this.#access(() => this.#statements.pin.get(user));
    if (row === undefined) throw new Bug(`no row for the PIN of role ${user}`);
    return row as unknown as PinRow;
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

type Statements = ReturnType<typeof prepare>;

function prepare(database: DatabaseSync) {
  const columns = 'uuid, name, type, curve, bits, flags, check_value, spki, wrapped, attributes';
  return {
    count: database.prepare('SELECT count(*) AS size FROM key'),
    get: database.prepare(`SELECT ${columns} FROM key WHERE uuid = ?`),
    getByName: database.prepare(`SELECT ${columns} FROM key WHERE name = ?`),
    list: database.prepare(`SELECT ${columns} FROM key WHERE uuid > ? ORDER BY uuid LIMIT ?`),
    match: database.prepare(
      `SELECT ${columns} FROM key WHERE uuid > ? AND (? = 0 OR type = ?) AND (? = 0 OR curve = ?) AND (flags & ?) = ?
       ORDER BY uuid LIMIT ?`,
    ),
    insert: database.prepare(`INSERT INTO key (${columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`),
    delete: database.prepare('DELETE FROM key WHERE uuid = ?'),
    setAttributes: database.prepare('UPDATE key SET attributes = ? WHERE uuid = ?'),
    insertOneTimeKeys: database.prepare(
      'INSERT INTO one_time_keys (identifier, uuid, leaf, below, end) VALUES (?, ?, ?, 0, ?)',
    ),
    oneTimePosition: database.prepare('SELECT leaf, below, end, above FROM one_time_keys WHERE uuid = ?'),
    moveOneTimePosition: database.prepare(
      `UPDATE one_time_keys SET leaf = ?, below = ?, end = ?, above = ?
       WHERE uuid = ? AND leaf = ? AND below = ? AND end = ?`,
    ),
    checkValues: database.prepare('SELECT DISTINCT check_value FROM key'),
    pin: database.prepare('SELECT record, kept, failures FROM pin WHERE user = ?'),
    setPin: database.prepare('UPDATE pin SET record = ? WHERE user = ?'),
    keepPin: database.prepare('UPDATE pin SET kept = coalesce(kept, record) WHERE user = ?'),
    settlePin: database.prepare('UPDATE pin SET record = ?, kept = NULL WHERE user = ?'),
    setPinFailures: database.prepare('UPDATE pin SET failures = ? WHERE user = ?'),
    secret: database.prepare('SELECT value FROM secret WHERE purpose = ?'),
  };
}

function toKey(row: unknown): StoredKey | undefined {
  if (row === undefined) return undefined;
  const { uuid, name, type, curve, bits, flags, check_value: checkValue, spki, wrapped, attributes } = row as KeyRow;
  return {
    uuid,
    name,
    type: type as KeyType,
    curve: curve as Curve,
    bits,
    flags,
    checkValue,
    spki,
    wrapped: wrapped ?? undefined,
    attributes: decodeAttributes(attributes),
  };
}
