/** Starts, finds and stops the appliance of one instance. */

import { spawn } from 'node:child_process';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { OperatorError } from '#src/config/errors.ts';
import { Settings } from '#src/config/settings.ts';
import { holder } from '#src/daemon/holder.ts';

import { type Folder } from './folder.ts';
import { HOST, type Ports } from './ports.ts';

const PROGRAM = join(import.meta.dirname, '..', '..', 'bin', 'dks-hsmd');

/** Exit status of dks-hsmd after `shutdown restart`: start it again. Any other status ends the loop. */
const SUPERVISE = 'while :; do "$@"; status=$?; [ $status = 75 ] || exit $status; done';

/** Most milliseconds until a started appliance is ready, and until a stopped one has ended. */
const START_LIMIT = 60_000;
const STOP_LIMIT = 20_000;
/** Milliseconds between two looks. */
const LOOK = 20;

/** What dks-hsmd tells about itself when it is ready. */
export interface Running extends Ports {
  readonly pid: number;
  /** SHA-256 of the appliance's public key, hexadecimal. */
  readonly fingerprint: string;
  readonly serial: string;
  readonly version: string;
}

/** The appliance of the folder if it runs. */
export async function findRunning(folder: Folder): Promise<Running | undefined> {
  let running: Running;
  try {
    running = JSON.parse(await readFile(join(folder.hsm, 'run', 'dks-hsmd.json'), 'utf8')) as Running;
    // A process of that number may be a stranger: the file survives a crash.
    const commandLine = await readFile(`/proc/${running.pid}/cmdline`, 'utf8');
    return commandLine.split('\0').includes(folder.hsm) ? running : undefined;
  } catch {
    return undefined;
  }
}

/** Whether the appliance of the folder, if it is started, answers exactly as the vendor's. */
export async function isStrictVendor(folder: Folder): Promise<boolean> {
  return (await Settings.open(folder.hsm)).get('strictVendor');
}

/** The setting for the next start. */
export async function setStrictVendor(folder: Folder): Promise<void> {
  await mkdir(folder.hsm, { recursive: true, mode: 0o700 });
  await (await Settings.open(folder.hsm)).set({ strictVendor: true });
}

/** Starts dks-hsmd, detached, and waits until it is ready. */
export async function startDaemon(folder: Folder, ports: Ports, devices: number): Promise<Running> {
  await mkdir(folder.hsm, { recursive: true, mode: 0o700 });
  const args = [
    ['--state', folder.hsm],
    ['--listen', HOST],
    ['--rpc-port', String(ports.rpcPort)],
    ['--console-port', String(ports.consolePort)],
    ['--web-port', String(ports.webPort)],
    ['--devices', String(devices)],
    ['--no-delay'],
  ].flat();
  const child = spawn('/bin/sh', ['-c', SUPERVISE, 'dks-hsmd', PROGRAM, ...args], {
    cwd: '/',
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const { promise, resolve, reject } = Promise.withResolvers<Running>();
  let said = '';
  const listen = (text: string): void => {
    said += text;
    const ready = /^ready (\{.*\})$/m.exec(said)?.[1];
    if (ready !== undefined) resolve(JSON.parse(ready) as Running);
  };
  const fail = (): void => {
    const last = said.trim().split('\n').slice(-6).join('\n  ');
    reject(
      new OperatorError(`dks-hsmd did not start:\n  ${last}\n  (its log: ${join(folder.hsm, 'log', 'dks-hsmd.log')})`),
    );
  };
  child.stdout.setEncoding('utf8').on('data', listen);
  child.stderr.setEncoding('utf8').on('data', listen);
  child.once('error', fail).once('close', fail);
  const limit = setTimeout(() => {
    fail();
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGTERM');
  }, START_LIMIT);
  try {
    return await promise;
  } finally {
    clearTimeout(limit);
    // The daemon writes on, to its log file; it does not mind that nobody listens any more.
    child.stdout.destroy();
    child.stderr.destroy();
    child.unref();
  }
}

/** Ends the appliance and its master key memory, as switching the power off does. */
export async function stopDaemon(folder: Folder): Promise<boolean> {
  const running = await findRunning(folder);
  if (running !== undefined) {
    process.kill(running.pid, 'SIGTERM');
    const limit = performance.now() + STOP_LIMIT;
    while ((await findRunning(folder)) !== undefined) {
      if (performance.now() > limit) process.kill(running.pid, 'SIGKILL');
      await sleep(LOOK);
    }
  }
  const memory = join(folder.hsm, 'run', 'mkm.sock');
  const hadMemory = await holder.end(memory).then(
    () => true,
    () => false,
  );
  return hadMemory || running !== undefined;
}
