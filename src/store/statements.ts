/** Every SQL statement that a key store runs when it is open. */

import { type DatabaseSync } from 'node:sqlite';

export type Statements = ReturnType<typeof prepare>;

export function prepare(database: DatabaseSync) {
  const columns = 'uuid, name, type, curve, bits, flags, check_value, spki, wrapped, attributes, seal';
  return {
    count: database.prepare('SELECT count(*) AS size FROM key'),
    get: database.prepare(`SELECT ${columns} FROM key WHERE uuid = ?`),
    getByName: database.prepare(`SELECT ${columns} FROM key WHERE name = ?`),
    list: database.prepare(`SELECT ${columns} FROM key WHERE uuid > ? ORDER BY uuid LIMIT ?`),
    match: database.prepare(
      `SELECT ${columns} FROM key WHERE uuid > ? AND (? = 0 OR type = ?) AND (? = 0 OR curve = ?) AND (flags & ?) = ?
       ORDER BY uuid LIMIT ?`,
    ),
    insert: database.prepare(`INSERT INTO key (${columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`),
    delete: database.prepare('DELETE FROM key WHERE uuid = ?'),
    deleteAll: database.prepare('DELETE FROM key'),
    setAttributes: database.prepare('UPDATE key SET attributes = ?, wrapped = ?, seal = ? WHERE uuid = ?'),
    unbound: database.prepare(
      `SELECT ${columns} FROM key INDEXED BY key_unbound
       WHERE uuid > ? AND seal IS NULL AND wrapped IS NOT NULL AND check_value = ?
       ORDER BY uuid LIMIT ?`,
    ),
    bind: database.prepare('UPDATE key SET wrapped = ?, seal = ? WHERE uuid = ?'),
    insertOneTimeKeys: database.prepare(
      'INSERT INTO one_time_keys (identifier, uuid, leaf, below, end) VALUES (?, ?, ?, 0, ?)',
    ),
    oneTimePosition: database.prepare('SELECT leaf, below, end, above FROM one_time_keys WHERE uuid = ?'),
    moveOneTimePosition: database.prepare(
      `UPDATE one_time_keys SET leaf = ?, below = ?, end = ?, above = ?
       WHERE uuid = ? AND leaf = ? AND below = ? AND end = ?`,
    ),
    uses: database.prepare('SELECT count FROM key_use WHERE uuid = ?'),
    // Without a key of this UUID nothing is inserted.
    addUses: database.prepare(
      `INSERT INTO key_use (count, uuid) SELECT ?, uuid FROM key WHERE uuid = ?
       ON CONFLICT (uuid) DO UPDATE SET count = count + excluded.count`,
    ),
    checkValues: database.prepare('SELECT DISTINCT check_value FROM key'),
    pin: database.prepare('SELECT record, kept, failures FROM pin WHERE user = ?'),
    setPin: database.prepare('UPDATE pin SET record = ? WHERE user = ?'),
    keepPin: database.prepare('UPDATE pin SET kept = coalesce(kept, record) WHERE user = ?'),
    replacePin: database.prepare('UPDATE pin SET record = ?, kept = ? WHERE user = ?'),
    settlePin: database.prepare('UPDATE pin SET record = ?, kept = NULL WHERE user = ?'),
    setPinFailures: database.prepare('UPDATE pin SET failures = ? WHERE user = ?'),
    tickets: database.prepare('SELECT connection, serial FROM login_ticket'),
    setTicket: database.prepare('INSERT OR REPLACE INTO login_ticket (connection, epoch, serial) VALUES (?, ?, ?)'),
    deleteTicket: database.prepare('DELETE FROM login_ticket WHERE connection = ?'),
    deleteOtherTickets: database.prepare('DELETE FROM login_ticket WHERE epoch <> ?'),
    secret: database.prepare('SELECT value FROM secret WHERE purpose = ?'),
  };
}
