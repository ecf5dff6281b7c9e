/** Locks between processes that end with the process that holds them: a file in a folder that only its user can enter. */

import { closeSync } from 'node:fs';
import { constants } from 'node:os';
import { getSystemErrorName } from 'node:util';

import { HalError } from '#src/wire/status.ts';

import { native } from './native.ts';

/** Ends the lock before the process ends. */
export type Unlock = () => void;

/**
 * Takes the lock of a file, which is made (mode 0600) if missing and never removed: removing it would let two processes hold
 * the lock, one of them that of a file nobody else can see.
 * @returns `undefined` if another process holds it
 * @throws HalError IO_OS_ERROR naming the file
 */
export function lockFile(path: string): Unlock | undefined {
  const descriptor = native.lockFile(path);
  if (descriptor >= 0) return () => closeSync(descriptor);
  if (descriptor === -constants.errno.EWOULDBLOCK) return undefined;
  throw new HalError('IO_OS_ERROR', `${path} cannot be locked (${getSystemErrorName(descriptor)})`);
}
