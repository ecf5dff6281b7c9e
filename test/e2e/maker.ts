/** The program that makes keys and signs while processes of the appliance are killed. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';

import { buildProgram, MODULE } from '../pkcs11/programs.ts';
import { type Site } from './site.ts';

/** What each kind of key is called in the labels; one thread makes keys of each kind. */
const KINDS = ['p256', 'p384', 'ed25519', 'rsa1024', 'rsa2048'] as const;

/** Enough to see that the program works: so many signatures, and a key of each kind. */
const SIGNATURES = 50;

const PATIENCE = 60_000;

export interface Maker {
  /** Labels of the key pairs that the library has acknowledged. */
  readonly keys: readonly string[];
  readonly signatures: number;
  /** Calls that failed so far, as `CALL 0xRV`. */
  readonly failures: readonly string[];
  /** What the library has said. */
  readonly messages: string;
  /** Resolves when every thread has done something that began after this call. */
  goesOn(): Promise<void>;
  /** Resolves when signatures have been made after this call. */
  signs(): Promise<void>;
  /** Resolves when there are more failures than so many. */
  fails(count: number): Promise<void>;
  stop(): Promise<void>;
}

export async function startMaker(site: Site, prefix: string): Promise<Maker> {
  const child = spawn(buildProgram('maker', import.meta.dirname), [MODULE, prefix], {
    stdio: 'pipe',
    env: { ...process.env, DIAMOND_HSM_CONFIG_PATH: site.folder, DKS_PKCS11_RETRY_SECONDS: '40' },
  });
  const keys: string[] = [];
  const failures: string[] = [];
  let signatures = 0;
  let messages = '';
  let rest = '';
  let notify: () => void = () => {};
  let over = false;
  child.stdin.on('error', () => {});
  child.stderr.setEncoding('utf8').on('data', (text: string) => (messages += text));
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      const [word, value = '', result] = line.split(' ');
      if (word === 'key') keys.push(value);
      else if (word === 'signatures') signatures = Number(value);
      else failures.push(`${value} ${result}`);
    }
    notify();
  });
  const ended = once(child, 'close').then(([status]) => {
    over = true;
    notify();
    return status as number | null;
  });

  const until = async (what: string, condition: () => boolean): Promise<void> => {
    const deadline = Date.now() + PATIENCE;
    while (!condition()) {
      assert.ok(!over, `the program ended: ${messages}`);
      assert.ok(Date.now() < deadline, `${what} within a minute; ${failures.slice(-3).join(', ')}; ${messages}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 1000);
        notify = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  };
  const made = (kind: string): number => keys.filter((label) => label.includes(`-${kind}-`)).length;
  const maker: Maker = {
    keys,
    failures,
    get signatures() {
      return signatures;
    },
    get messages() {
      return messages;
    },
    async goesOn() {
      const before = { signatures, made: KINDS.map(made) };
      await until('every thread goes on', () => {
        return (
          signatures >= before.signatures + SIGNATURES &&
          KINDS.every((kind, i) => made(kind) >= (before.made[i] as number) + 1)
        );
      });
    },
    async signs() {
      const before = signatures;
      await until('the program signs', () => signatures >= before + SIGNATURES);
    },
    fails: (count) => until('a call fails', () => failures.length > count),
    async stop() {
      child.stdin.end();
      assert.equal(await ended, 0, messages);
    },
  };
  try {
    await until('all keys are there', () => KINDS.every((kind) => keys.includes(`${prefix}-signer-${kind}`)));
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }
  return maker;
}
