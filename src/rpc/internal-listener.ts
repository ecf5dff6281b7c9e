/**
 * The internal Unix socket: the same frames without TLS, for tools on the appliance itself. Its path is the vendor's name
 * for it (environment variable `CRYPTECH_RPC_CLIENT_SOCKET_NAME` of libhal's clients), the permissions of the file are its login.
 */

import { lstatSync, unlinkSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { type Log } from '#src/audit/log.ts';

/** Tools of the appliance; more would be a fault. */
const MAX_CONNECTIONS = 64;

export interface InternalListener {
  close(): void;
}

/**
 * Listens with mode 0600; a socket left behind by a process that died is replaced.
 * @throws the system's error if the path cannot be used (EADDRINUSE: something else is there)
 */
export async function listenInternally(
  path: string,
  log: Log,
  onConnection: (socket: Socket) => void,
): Promise<InternalListener> {
  await removeStale(path);
  const server = createServer((socket) => {
    socket.on('error', (error) => log.debug(`internal: ${error.message}`));
    onConnection(socket);
  });
  server.maxConnections = MAX_CONNECTIONS;
  // The path must never exist with other permissions, be it for an instant. It is bound before `listen` returns.
  const umask = process.umask(0o177);
  let listening;
  try {
    listening = listen(server, path);
  } finally {
    process.umask(umask);
  }
  await listening;
  server.on('error', (error) => log.error(`internal socket: ${error.message}`));
  return { close: () => void server.close() };
}

async function removeStale(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (!found?.isSocket() || (await answers(path))) return;
  unlinkSync(path);
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

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
