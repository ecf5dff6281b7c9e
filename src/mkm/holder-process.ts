/** Starts the master key holder if none serves the socket. */

import { spawn } from 'node:child_process';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { HalError } from '#src/wire/status.ts';
import { MkmClient } from './client.ts';

const MAIN = fileURLToPath(new URL('main.ts', import.meta.url));

/** The holder starts in a fraction of a second, on a very busy machine in a few. */
const START_TIMEOUT_MS = 20_000;

/** How often, and after which pauses, a holder that somebody else just started is tried. */
const OTHER_ATTEMPTS = 10;
const OTHER_PAUSE_MS = 50;

/**
 * Makes sure that a holder serves the socket. A holder that is started here is a session of its own and stays when the
 * caller ends.
 * @throws HalError MASTERKEY_FAIL with the reason if it cannot be started
 */
export async function ensureHolder(socketPath: string): Promise<void> {
  if (await answers(socketPath)) return;
  try {
    await start(socketPath);
  } catch (error) {
    // Another process may have started one in the same moment: it has the lock but may not be listening yet.
    for (let attempt = 0; !(await answers(socketPath)); attempt++) {
      if (attempt === OTHER_ATTEMPTS) throw error;
      await setTimeout(OTHER_PAUSE_MS);
    }
  }
}

async function answers(socketPath: string): Promise<boolean> {
  let client: MkmClient | undefined;
  try {
    client = await MkmClient.connect(socketPath);
    const { key } = await client.read(0);
    key.fill(0);
    return true;
  } catch {
    return false;
  } finally {
    client?.close();
  }
}

function start(socketPath: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [MAIN, '--socket', socketPath], {
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      cwd: '/',
    });
    let problem = '';
    const timer = globalThis.setTimeout(() => {
      child.kill('SIGKILL');
      fail('it did not start in time');
    }, START_TIMEOUT_MS);
    const fail = (reason: string) => {
      clearTimeout(timer);
      reject(new HalError('MASTERKEY_FAIL', reason));
    };
    child.once('error', (error) => fail(error.message));
    // 'close' and not 'exit', so that what the child wrote last has arrived.
    child.once('close', (code) => fail(problem.trim() || `the master key holder ended with status ${code}`));
    child.stderr.on('data', (chunk: Buffer) => {
      if (problem.length < 4096) problem += chunk.toString();
    });
    child.stdout.once('data', () => {
      clearTimeout(timer);
      child.removeAllListeners('close');
      child.stdout.destroy();
      child.stderr.destroy();
      child.unref();
      resolve();
    });
  });
}
