/** Tables of a key store, version 3: the PIN that stays valid while a change of it is under way on several devices. */

import { type DatabaseSync } from 'node:sqlite';

export function addKeptPins(database: DatabaseSync): void {
  database.exec('ALTER TABLE pin ADD COLUMN kept BLOB');
}
