/** The tools with BIND's names, run on a token of the appliance or of SoftHSM2: one that is ours and one that is not. */

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';

import { Pkcs11Host } from '../interop/pkcs11-host.ts';
import { buildModule, MODULE } from '../pkcs11/programs.ts';

export type ToolName = 'keygen' | 'list' | 'destroy' | 'tokens';

export interface Said {
  /** Exit status, or the signal that ended it. */
  readonly status: number | string;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
}

/** A token on which the tools work. */
export interface Token {
  readonly module: string;
  readonly slot: string;
  readonly label: string;
  readonly pin: string;
  /** For files of the test. */
  readonly folder: string;
  /** What the module needs in the environment. */
  readonly env: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

const FOLDER = dirname(MODULE);

/** Builds them, if anything changed. */
export function buildTools(): void {
  buildModule();
  execFileSync(join(import.meta.dirname, '..', '..', 'pkcs11', 'tools', 'build.sh'), {
    env: { ...process.env, OUT: FOLDER },
    stdio: 'pipe',
  });
}

/** Where a tool is. */
export const pathOf = (name: ToolName): string => join(FOLDER, `pkcs11-${name}`);

/** Runs a tool without a terminal, whatever the terminal of the tests is. */
export function start(name: ToolName, args: readonly string[], { env = {}, input = '' }: RunOptions = {}) {
  const child = spawn(pathOf(name), args, { detached: true, env: { ...process.env, ...env } });
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  const said: Promise<Said> = Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]).then(
    ([stdout, stderr, [status, signal]]) => ({ status: (status ?? signal) as number | string, stdout, stderr }),
  );
  return { child, said };
}

/** The same to its end. */
export async function run(name: ToolName, args: readonly string[], options?: RunOptions): Promise<Said> {
  return start(name, args, options).said;
}

/** Runs a tool on a token, logged in; `args` as one line. */
export function on(token: Token, name: ToolName, args: string): Promise<Said> {
  const login = name === 'tokens' ? [] : ['-s', token.slot, '-p', 'env:TEST_PIN'];
  const words = args === '' ? [] : args.split(' ');
  return run(name, ['-m', token.module, ...login, ...words], { env: { ...token.env, TEST_PIN: token.pin } });
}

/** The lines of pkcs11-list for the objects with a label. */
export async function listed(token: Token, label: string): Promise<string[]> {
  const { stdout } = await on(token, 'list', `-l ${label}`);
  return stdout.split('\n').filter((line) => line.startsWith('object['));
}

/** pkcs11-tool on a token, logged in; the judge of what the tools made. */
export function judge(token: Token, args: readonly string[]): string {
  const login = ['--module', token.module, '--token-label', token.label, '--login', '--pin', 'env:TEST_PIN'];
  return execFileSync('pkcs11-tool', [...login, ...args], {
    cwd: token.folder,
    env: { ...process.env, ...token.env, TEST_PIN: token.pin },
    encoding: 'utf8',
    stdio: 'pipe',
  });
}

export async function applianceToken(): Promise<Token> {
  const host = await Pkcs11Host.start();
  return {
    module: MODULE,
    slot: '0',
    label: 'Cryptech Token',
    pin: host.userPin,
    folder: host.folder,
    env: host.env,
    stop: () => host.stop(),
  };
}

export function softHsmToken(): Token {
  const folder = mkdtempSync(join(tmpdir(), 'pkcs11-tools-'));
  mkdirSync(join(folder, 'tokens'));
  const configuration = join(folder, 'softhsm2.conf');
  writeFileSync(configuration, `directories.tokendir = ${folder}/tokens\nlog.level = ERROR\n`);
  const env = { SOFTHSM2_CONF: configuration };
  const made = execFileSync(
    'softhsm2-util',
    ['--init-token', '--free', '--label', 'other', '--so-pin', '123456', '--pin', '1234'],
    { env: { ...process.env, ...env }, encoding: 'utf8' },
  );
  const [, slot = ''] = /slot (\d+)\s*$/.exec(made) ?? [];
  return {
    module: '/usr/lib/softhsm/libsofthsm2.so',
    slot,
    label: 'other',
    pin: '1234',
    folder,
    env,
    stop: () => {
      rmSync(folder, { recursive: true });
      return Promise.resolve();
    },
  };
}
