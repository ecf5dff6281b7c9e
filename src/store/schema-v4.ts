/** Tables of a key store, version 4: how often keys were used, and which login tickets are good. */

import { type DatabaseSync } from 'node:sqlite';

/** Counts have a table of their own: a row of a few bytes is written for a use, not the key with its attributes. */
export function addUsesAndTickets(database: DatabaseSync): void {
  database.exec(`
    CREATE TABLE key_use (
      uuid  BLOB PRIMARY KEY REFERENCES key (uuid) ON DELETE CASCADE,
      count INTEGER NOT NULL CHECK (count >= 0)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE login_ticket (
      connection INTEGER PRIMARY KEY,
      epoch      BLOB NOT NULL CHECK (length(epoch) = 16),
      serial     BLOB NOT NULL CHECK (length(serial) = 16)
    ) STRICT;
  `);
}
