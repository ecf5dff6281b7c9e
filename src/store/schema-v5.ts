/** Tables of a key store, version 5: what binds the attributes of a key. */

import { type DatabaseSync } from 'node:sqlite';

/** Rows from before have none; a device makes one for each key as soon as it has the master key. */
export function addSeals(database: DatabaseSync): void {
  database.exec(`
    ALTER TABLE key ADD COLUMN seal BLOB;
    CREATE INDEX key_unbound ON key (uuid) WHERE seal IS NULL AND wrapped IS NOT NULL;
  `);
}
