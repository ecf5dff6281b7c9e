/** A small file system of its own, for tests of a disk that is full or read-only. Only root can mount one. */

import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmdirSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Room for the state folder of an appliance with its compile cache. */
const SIZE = '32m';

export class SmallFileSystem {
  readonly path: string;

  constructor() {
    this.path = mkdtempSync(join(tmpdir(), 'dks-small-'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${SIZE},mode=0700`, 'tmpfs', this.path]);
  }

  /** Takes all the room that is left. */
  fillUp(): void {
    const descriptor = openSync(this.#ballast, 'a', 0o600);
    try {
      while (writeSync(descriptor, Buffer.alloc(4096)) > 0);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    } finally {
      closeSync(descriptor);
    }
  }

  free(): void {
    rmSync(this.#ballast, { force: true });
  }

  makeReadOnly(): void {
    execFileSync('mount', ['-o', 'remount,ro', this.path]);
  }

  remove(): void {
    // Lazily: a process that is just ending must not keep it mounted.
    execFileSync('umount', ['--lazy', this.path]);
    rmdirSync(this.path);
  }

  get #ballast(): string {
    return join(this.path, 'ballast');
  }
}

function reason(): string | false {
  if (process.getuid?.() !== 0) return 'only root can mount a file system';
  try {
    new SmallFileSystem().remove();
    return false;
  } catch (error) {
    return `no file system can be mounted here: ${(error as Error).message}`;
  }
}

/** Why there can be no such file system here; `false` if there can. */
export const cannotMount: string | false = reason();
