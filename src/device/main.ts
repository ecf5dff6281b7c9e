/**
 * A device process: `node main.ts --index I --state DIR --mkm SOCKET [--epoch HEX]`, started by the appliance with the link
 * on file descriptor 3. It ends when the link closes.
 */

import { closeSync, fsyncSync, mkdirSync, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { createLog } from '#src/audit/log.ts';
import { hardenProcess } from '#src/crypto/process-hardening.ts';
import { SqliteKeyStore } from '#src/store/sqlite-key-store.ts';
import { answerAll } from './answer.ts';
import { Device } from './device.ts';
import { Link } from './link.ts';
import { readOptions } from './options.ts';

/** File descriptor of the link. */
const LINK = 3;

/** How long SIGTERM waits for the requests in progress. */
const SHUTDOWN_MS = 5000;

async function main(): Promise<void> {
  const { index, state, mkm, logLevel, maxKeys, maxBytes, ...options } = readOptions(process.argv.slice(2));
  const log = createLog(`device${index}`, (line) => process.stderr.write(line), logLevel);
  process.stderr.on('error', () => {});
  for (const problem of hardenProcess()) log.warn(problem);
  process.umask(0o077);
  // Interrupts reach the whole process group; the daemon decides when a device ends.
  for (const signal of ['SIGINT', 'SIGHUP', 'SIGPIPE'] as const) process.on(signal, () => {});

  const folder = join(state, `device-${index}`);
  if (mkdirSync(folder, { recursive: true, mode: 0o700 }) !== undefined) syncFolder(state);
  const reported = new Set<string>();
  const onDamage = (uuid: Uint8Array, problem: string): void => {
    const id = uuid.toHex();
    // Every listing meets it again: one line for each is enough.
    if (!reported.has(id)) log.error(`the key ${id} cannot be read and is left out: ${problem}`);
    reported.add(id);
  };
  const store = new SqliteKeyStore({ path: join(folder, 'keystore.db'), maxKeys, maxBytes, onDamage });
  const device = new Device({ index, store, mkmSocket: mkm, log, ...options });
  await device.testItself();
  await device.masterKey.refresh();

  const link = new Link(openLink(), (requests) => answerAll(device, requests));
  log.info(`ready, ${store.size} token keys`);
  const end = () => {
    const isGenerating = device.pairsInProgress.size > 0 || device.objectsInProgress.size > 0;
    device.close();
    // An exit waits for the thread pool, where an RSA key may take a minute.
    if (isGenerating) process.kill(process.pid, 'SIGKILL');
    process.exit(0);
  };
  process.once('SIGTERM', () => {
    setTimeout(end, SHUTDOWN_MS).unref();
    void link.stop().then(end);
    // Only logins that wait for the end of their delay are left: they are not waited for.
    process.once('beforeExit', end);
  });
  await link.closed;
  end();
}

/** A new folder is on the disk only after the folder around it is: without it a power failure could take the first keys. */
function syncFolder(path: string): void {
  const descriptor = openSync(path, 'r');
  fsyncSync(descriptor);
  closeSync(descriptor);
}

/** The link on its descriptor. One buffer serves all reads: a stream would allocate 64 KiB for each. */
function openLink(): Socket {
  const socket = new Socket({
    fd: LINK,
    readable: true,
    writable: true,
    onread: {
      buffer: Buffer.allocUnsafe(65_536),
      callback: (length, buffer) => socket.emit('data', Buffer.from(buffer.subarray(0, length))),
    },
  });
  return socket;
}

try {
  await main();
} catch (error) {
  process.stderr.write(`device: ${(error as Error).message}\n`);
  process.exit(1);
}
