/** The one place where errors of SQLite become errors of the protocol. */

import { HalError, WireError } from '#src/wire/status.ts';

/** Primary result codes (https://www.sqlite.org/rescode.html). */
const SQLITE = { BUSY: 5, READONLY: 8, IOERR: 10, CORRUPT: 11, FULL: 13, CANTOPEN: 14, CONSTRAINT: 19, NOTADB: 26 };

/** What the operator can do, by primary result code. */
const ADVICE: Readonly<Record<number, string>> = {
  [SQLITE.BUSY]: 'another process has it open: end that process first',
  [SQLITE.READONLY]: 'it is read-only: check the owner and the mode of the file, its folder and the mount options',
  [SQLITE.IOERR]: 'the disk reports errors: check the disk, then restart; nothing unacknowledged was kept',
  [SQLITE.CORRUPT]: 'the file is damaged: restore it from a backup',
  [SQLITE.FULL]: 'the disk or the quota is full: free some space, then repeat the operation; nothing was changed',
  [SQLITE.CANTOPEN]: 'it cannot be opened: check that its folder exists and belongs to this user',
  [SQLITE.NOTADB]: 'the file is not a key store: restore it from a backup',
};

/** Maps an error of `node:sqlite` to a HalError; other errors stay as they are. */
export function storeError(path: string, error: unknown): unknown {
  if (error instanceof HalError || error instanceof WireError) return error;
  const code = (error as { errcode?: unknown }).errcode;
  if (typeof code !== 'number') return error;
  const primary = code & 0xff;
  if (primary === SQLITE.CONSTRAINT) return new HalError('KEY_NAME_IN_USE');
  const reason = ADVICE[primary] ?? (error as Error).message;
  // To a client a full disk is a full key store.
  const status = primary === SQLITE.FULL ? 'NO_KEY_INDEX_SLOTS' : 'KEYSTORE_ACCESS';
  return new HalError(status, `key store ${path}: ${reason} (SQLite code ${code})`);
}
