/** Tables of a key store, version 1. */

import { randomBytes } from 'node:crypto';
import { type DatabaseSync } from 'node:sqlite';
import { FACTORY_WHEEL_PIN_RECORD } from '#src/crypto/pin-hash.ts';
import { User } from '#src/wire/enumerations.ts';
import { encodePinRecord } from './pin-record-v1.ts';

/** Makes the tables of version 1 with what a device has when it leaves the factory: the factory wheel PIN, no keys. */
export function createTables(database: DatabaseSync): void {
  database.exec(`
    CREATE TABLE key (
      uuid        BLOB PRIMARY KEY CHECK (length(uuid) = 16),
      name        BLOB NOT NULL UNIQUE CHECK (length(name) = 16),
      type        INTEGER NOT NULL,
      curve       INTEGER NOT NULL,
      bits        INTEGER NOT NULL,
      flags       INTEGER NOT NULL,
      check_value BLOB NOT NULL,
      spki        BLOB NOT NULL,
      wrapped     BLOB,
      attributes  BLOB NOT NULL
    ) STRICT;
    CREATE INDEX key_check_value ON key (check_value);
    CREATE TABLE pin (
      user     INTEGER PRIMARY KEY,
      record   BLOB,
      failures INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    CREATE TABLE secret (
      purpose TEXT PRIMARY KEY,
      value   BLOB NOT NULL
    ) STRICT;
  `);
  const insertPin = database.prepare('INSERT INTO pin (user, record) VALUES (?, ?)');
  insertPin.run(User.NORMAL, null);
  insertPin.run(User.SO, null);
  insertPin.run(User.WHEEL, encodePinRecord(FACTORY_WHEEL_PIN_RECORD));
  database.prepare('INSERT INTO secret (purpose, value) VALUES (?, ?)').run('login ticket', randomBytes(32));
}
