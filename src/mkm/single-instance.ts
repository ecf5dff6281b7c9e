/** Listening on a Unix socket path as the only process that does. */

import { lstatSync, mkdirSync, realpathSync, statSync, unlinkSync } from 'node:fs';
import { type Server } from 'node:net';
import { basename, dirname } from 'node:path';
import { lockFile } from '#src/crypto/file-lock.ts';
import { HalError } from '#src/wire/status.ts';

/**
 * Starts to listen on `path` with mode 0600 in a folder of mode 0700, which is made if missing. A socket left behind by
 * a process that died is replaced.
 * @throws HalError MASTERKEY_FAIL if another process serves the path, or the folder or the path cannot be trusted
 */
export async function listenAlone(server: Server, path: string): Promise<void> {
  const folder = dirname(path);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const { mode, uid } = statSync(folder);
  if (uid !== process.getuid?.())
    throw new HalError('MASTERKEY_FAIL', `${folder} belongs to user ${uid}: choose another folder`);
  if ((mode & 0o077) !== 0)
    throw new HalError('MASTERKEY_FAIL', `${folder} is open to other users: run chmod 700 ${folder}`);
  if (lockFile(`${path}.lock`) === undefined)
    throw new HalError('MASTERKEY_FAIL', `another master key holder already serves ${path}`);
  removeStale(path);
  const umask = process.umask(0o177);
  try {
    await listen(server, `${realpathSync(folder)}/${basename(path)}`);
  } finally {
    process.umask(umask);
  }
}

function removeStale(path: string): void {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isSocket()) throw new HalError('MASTERKEY_FAIL', `${path} exists and is not a socket: move it away`);
  unlinkSync(path);
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      server.off('error', reject);
      // Connections that cannot be accepted, for lack of descriptors, must not end the process that holds the keys.
      server.on('error', () => {});
      resolve();
    });
  });
}
