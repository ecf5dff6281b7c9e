/** Tables of a key store, version 2: which one-time keys of the hash-based keys are used up. */

import { type DatabaseSync } from 'node:sqlite';

/**
 * Adds the table. A row stays when its key is deleted: the identifier is never accepted again, because whoever brings the
 * same key back cannot know what was signed with it.
 */
export function addOneTimeKeys(database: DatabaseSync): void {
  database.exec(`
    CREATE TABLE one_time_keys (
      identifier BLOB PRIMARY KEY CHECK (length(identifier) = 16),
      uuid       BLOB UNIQUE REFERENCES key (uuid) ON DELETE SET NULL,
      leaf       INTEGER NOT NULL CHECK (leaf >= 0),
      below      INTEGER NOT NULL CHECK (below >= 0),
      end        INTEGER NOT NULL CHECK (end >= leaf),
      above      BLOB
    ) STRICT;
  `);
}
