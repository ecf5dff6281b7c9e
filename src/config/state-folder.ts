/** The state folder: everything the appliance keeps on disk. Only its owner may look inside. */

import { constants } from 'node:fs';
import { access, chmod, lstat, mkdir, open, readdir, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ConfigError, systemErrorCode, systemErrorText } from './errors.ts';

const SUBFOLDERS = ['tls', 'run', 'log'] as const;

/** Any of these shows that a folder is a state folder of ours. */
const MARKS = new Set(['serial-number', 'settings.json', 'tls', 'run', 'log']);

/** Names that may be in a fresh folder: the root of a new file system has one. */
const HARMLESS = new Set(['lost+found']);

/**
 * Creates the folder and its subfolders (mode 0700) if they are missing and checks that they can be used.
 * @throws ConfigError that says what is wrong with which folder and what to do
 */
export async function openStateFolder(path: string): Promise<void> {
  await createFolder(path);
  await checkFolder(path);
  for (const name of SUBFOLDERS) {
    const folder = join(path, name);
    await createFolder(folder);
    await restrictFolder(folder);
  }
  await probe(path);
}

async function createFolder(path: string): Promise<void> {
  try {
    await mkdirWithParents(path, 0o700);
  } catch (error) {
    if (systemErrorCode(error) !== 'EEXIST') {
      throw new ConfigError(path, `the state folder cannot be created: ${systemErrorText(error)}${advice(error)}`, {
        cause: error,
      });
    }
    if (!(await isFolder(path))) {
      throw new ConfigError(path, 'is not a folder: name another with --state', { cause: error });
    }
  }
}

/** Node's own recursive mkdir hides the reason of a failure (a read-only file system gives ENOENT). */
async function mkdirWithParents(path: string, mode: number): Promise<void> {
  try {
    await mkdir(path, mode);
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT' || dirname(path) === path) throw error;
    await mkdirWithParents(dirname(path), 0o755).catch((parentError: unknown) => {
      // Another process may have made it meanwhile.
      if (systemErrorCode(parentError) !== 'EEXIST') throw parentError;
    });
    await mkdir(path, mode);
  }
}

async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() ?? false;
}

async function checkFolder(path: string): Promise<void> {
  const facts = await stat(path);
  const uid = process.getuid?.();
  if (uid !== undefined && facts.uid !== uid) {
    throw new ConfigError(
      path,
      `belongs to user ${facts.uid}, but this process runs as user ${uid}: change one of them`,
    );
  }
  try {
    await access(path, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new ConfigError(
      path,
      `the state folder cannot be read and written: ${systemErrorText(error)}${advice(error)}`,
      {
        cause: error,
      },
    );
  }
  // Tightening a folder that is not ours (say /tmp, by a slip of the operator) would break other programs.
  const names = (await readdir(path)).filter((name) => !HARMLESS.has(name));
  if (names.length > 0 && !names.some((name) => MARKS.has(name))) {
    throw new ConfigError(path, 'holds files of something else: name an empty or a new folder with --state');
  }
  await restrictFolder(path);
}

async function restrictFolder(path: string): Promise<void> {
  const facts = await lstat(path);
  if (facts.isDirectory() && (facts.mode & 0o777) !== 0o700) {
    await chmod(path, 0o700).catch((error: unknown) => {
      throw new ConfigError(path, `is open to other users and cannot be closed: run chmod 700`, { cause: error });
    });
  }
}

/** Root passes every permission check; only a real write tells a read-only or full file system. */
async function probe(path: string): Promise<void> {
  const file = join(path, `.probe-${process.pid}`);
  try {
    const handle = await open(file, 'w', 0o600);
    try {
      await handle.writeFile('probe');
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw new ConfigError(path, `the state folder cannot be written: ${systemErrorText(error)}${advice(error)}`, {
      cause: error,
    });
  } finally {
    await rm(file, { force: true }).catch(() => undefined);
  }
}

/** What to do about a folder that the system refuses. */
function advice(error: unknown): string {
  switch (systemErrorCode(error)) {
    case 'ENOSPC':
    case 'EDQUOT':
      return ': free some space';
    case 'EACCES':
    case 'EPERM':
      return ': change its owner or mode, or name another folder with --state';
    default:
      return ': name another folder with --state';
  }
}
