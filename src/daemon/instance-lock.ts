/** One daemon per state folder: it listens on a socket there for as long as it lives. */

import { rm } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { OperatorError, systemErrorCode, systemErrorText } from '#src/config/errors.ts';

export interface InstanceLock {
  release(): Promise<void>;
}

/** @throws OperatorError if another daemon uses the folder */
export async function lockInstance(stateFolder: string): Promise<InstanceLock> {
  const path = join(stateFolder, 'run', 'dks-hsmd.sock');
  try {
    return await listen(path);
  } catch (error) {
    if (systemErrorCode(error) !== 'EADDRINUSE') {
      throw new OperatorError(`the state folder ${stateFolder} cannot be locked: ${systemErrorText(error)}`, {
        cause: error,
      });
    }
  }
  if (await answers(path)) {
    throw new OperatorError(
      `another dks-hsmd runs on the state folder ${stateFolder}: stop it, or choose another folder with --state`,
    );
  }
  // A daemon that was killed leaves its socket behind.
  await rm(path, { force: true });
  return listen(path);
}

function listen(path: string): Promise<InstanceLock> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', reject);
    server.listen(path, () => {
      server.unref();
      resolve({ release: () => new Promise((done) => server.close(() => done())) });
    });
  });
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
