/** Brings a key store file to the newest version of its tables. */

import { type DatabaseSync } from 'node:sqlite';
import { HalError } from '#src/wire/status.ts';
import { createTables } from './schema-v1.ts';
import { addOneTimeKeys } from './schema-v2.ts';
import { addKeptPins } from './schema-v3.ts';
import { addUsesAndTickets } from './schema-v4.ts';
import { addSeals } from './schema-v5.ts';

/** Step `n` makes version `n + 1` out of version `n`; version 0 is an empty file. */
const steps: readonly ((database: DatabaseSync) => void)[] = [
  createTables,
  addOneTimeKeys,
  addKeptPins,
  addUsesAndTickets,
  addSeals,
];

/** Runs the missing steps, each in a transaction of its own together with the version number it leads to. */
export function migrate(database: DatabaseSync): void {
  const version = (database.prepare('PRAGMA user_version').get() as { user_version: number }).user_version;
  if (version > steps.length) {
    throw new HalError(
      'KEYSTORE_ACCESS',
      `the key store has version ${version}, this program knows versions up to ${steps.length}: install the newer program again`,
    );
  }
  for (const [index, step] of steps.entries()) {
    if (index < version) continue;
    database.exec('BEGIN IMMEDIATE');
    step(database);
    database.exec(`PRAGMA user_version = ${index + 1}`);
    database.exec('COMMIT');
  }
}
