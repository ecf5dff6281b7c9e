/** Keeping secrets of this process out of core files, of other processes' reach and of the swap. */

import { HalError } from '#src/wire/status.ts';

import { native } from './native.ts';

/**
 * Forbids core files and reading this process's memory (prctl PR_SET_DUMPABLE, RLIMIT_CORE).
 * @returns what could not be had, for the log; empty if all is well
 */
export function hardenProcess(): string[] {
  const problems: string[] = [];
  if (!native.disableDumps()) problems.push('core files cannot be switched off for this process');
  if (!native.lockedMemory(1)) {
    problems.push(
      'memory cannot be locked (RLIMIT_MEMLOCK): secrets may reach the swap; raise LimitMEMLOCK or switch swap off',
    );
  }
  return problems;
}

/**
 * Zeroed memory for a secret: locked, left out of core files and forks, cleansed when collected. Where the system does not allow
 * locked memory, which {@link hardenProcess} reports, it is ordinary memory.
 */
export function lockedBuffer(size: number): Buffer {
  if (!Number.isSafeInteger(size) || size < 1) throw new HalError('BAD_ARGUMENTS', 'size of a locked buffer');
  return native.lockedMemory(size) ?? Buffer.alloc(size);
}

/** Overwrites a secret. */
export function wipe(bytes: Uint8Array): void {
  bytes.fill(0);
}
