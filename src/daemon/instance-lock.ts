/** One daemon per state folder. */

import { join } from 'node:path';
import { OperatorError } from '#src/config/errors.ts';
import { lockFile, type Unlock } from '#src/crypto/file-lock.ts';

/** @throws OperatorError if another daemon uses the folder */
export function lockInstance(stateFolder: string): Unlock {
  let unlock;
  try {
    unlock = lockFile(join(stateFolder, 'run', 'dks-hsmd.lock'));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new OperatorError(`the state folder ${stateFolder} cannot be locked: ${reason}`, { cause: error });
  }
  if (unlock !== undefined) return unlock;
  throw new OperatorError(
    `another dks-hsmd runs on the state folder ${stateFolder}: stop it, or choose another folder with --state`,
  );
}
