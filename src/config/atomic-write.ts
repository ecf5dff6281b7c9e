/** Replaces a file as a whole: after a crash or power loss there is either the old or the new content, never a mixture. */

import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { ConfigError, systemErrorText } from './errors.ts';

/** @throws ConfigError naming the file; the old content is then untouched */
export async function writeFileAtomically(path: string, content: string, mode: number): Promise<void> {
  const temporary = join(dirname(path), `.${randomBytes(6).toString('hex')}.tmp`);
  try {
    // Mode on creation, so that no one can open the file in between.
    const file = await open(temporary, 'wx', mode);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    await syncFolder(dirname(path));
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw new ConfigError(path, `cannot be written: ${systemErrorText(error)}`, { cause: error });
  }
}

/** The rename is on disk only after the folder is. */
async function syncFolder(folder: string): Promise<void> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(folder, 'r');
    await handle.sync();
  } catch {
    // Some network file systems cannot sync a folder; the file itself is safe.
  } finally {
    await handle?.close();
  }
}
