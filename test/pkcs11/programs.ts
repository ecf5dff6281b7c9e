/** Builds the library and the C test programs, and runs the programs against an appliance. */

import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const HERE = fileURLToPath(new URL('.', import.meta.url));

/** Whether programs run under valgrind: `DKS_VALGRIND=1`. */
export const VALGRIND = (process.env['DKS_VALGRIND'] ?? '') !== '';

const LONGEST_MS = VALGRIND || process.env['DKS_TEST_ROUNDS'] !== undefined ? 280_000 : 60_000;

/** What valgrind and the sanitizers write when they have something to say. */
const REPORT = /^==\d+==|runtime error:|WARNING: ThreadSanitizer/m;

/** Sanitizers to build everything with, e.g. `DKS_SANITIZE=address,undefined` or `DKS_SANITIZE=thread`. */
export const SANITIZERS = process.env['DKS_SANITIZE'] ?? '';

const SANITIZE = SANITIZERS === '' ? [] : [`-fsanitize=${SANITIZERS}`, '-fno-sanitize-recover=all'];
const OUT = join(ROOT, 'build', SANITIZERS === '' ? 'pkcs11' : `pkcs11-${SANITIZERS.replace(',', '-')}`);

export const MODULE = join(OUT, 'libcryptechdks-pkcs11.so');

/** Builds the library, if anything changed. */
export function buildModule(): void {
  // _FORTIFY_SOURCE hides accesses from the sanitizers, whose checks make gcc 12 see overflows that are none.
  const extra =
    SANITIZERS === '' ? '' : `${SANITIZE.join(' ')} -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=0 -Wno-stringop-overflow`;
  execFileSync(join(ROOT, 'pkcs11', 'build.sh'), { env: { ...process.env, OUT, CFLAGS_EXTRA: extra }, stdio: 'pipe' });
}

/** Builds `folder`/`name`.c and returns the program. */
export function buildProgram(name: string, folder = HERE): string {
  buildModule();
  const source = join(folder, `${name}.c`);
  const programs = join(OUT, 'test');
  const program = join(programs, name);
  mkdirSync(programs, { recursive: true });
  const inputs = [source, ...[HERE, folder, OUT, join(ROOT, 'pkcs11')].flatMap(headersOf)];
  if (inputs.every((input) => modified(input) < modified(program))) return program;
  const flags = ['-std=c11', '-D_GNU_SOURCE', '-Wall', '-Wextra', '-Werror', '-O1', '-g', '-pthread'];
  const include = [`-I${OUT}`, `-I${join(ROOT, 'pkcs11')}`, `-I${HERE}`];
  // Under a name of its own first: several test files may build the same program.
  const made = `${program}.${process.pid}`;
  execFileSync('gcc', [...flags, ...SANITIZE, ...include, source, '-o', made, '-ldl', '-lcrypto'], { stdio: 'pipe' });
  execFileSync('mv', [made, program]);
  return program;
}

function headersOf(folder: string): string[] {
  const names = readdirSync(folder).filter((name) => name.endsWith('.h'));
  return names.map((name) => join(folder, name));
}

function modified(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

/** A folder with an hsm.conf. */
export class Configuration {
  readonly folder = mkdtempSync(join(tmpdir(), 'dks-pkcs11-'));

  constructor(port: number, options: { host?: string; fingerprint?: string } = {}) {
    const fingerprint = options.fingerprint === undefined ? '' : `<fingerprint>${options.fingerprint}</fingerprint>`;
    this.write(
      `<?xml version="1.0" encoding="utf-8" ?>\r\n<diamondhsm>\r\n<cty><IP>192.0.2.1</IP><port>1</port></cty>` +
        `<rpc>\r\n <IP>${options.host ?? '127.0.0.1'}</IP>\r\n <port>${port}</port>\r\n <servername>dks-hsm</servername>\r\n` +
        ` <serial>fake</serial>${fingerprint}\r\n</rpc>\r\n</diamondhsm>`,
    );
  }

  get path(): string {
    return join(this.folder, 'hsm.conf');
  }

  write(text: string): void {
    writeFileSync(this.path, text);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export interface Result {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly child: ChildProcess;
  /** Resolves when the program has ended. */
  readonly result: Promise<Result>;
  /** Resolves when the program has printed the text. */
  printed(text: string): Promise<void>;
  /** Resolves when what the program has printed satisfies a condition, or when the program has ended. */
  satisfies(condition: (stdout: string) => boolean): Promise<void>;
  /** What the program has printed so far. */
  output(): string;
  /** Sends a line to the program. */
  send(line: string): void;
}

export interface RunOptions {
  readonly configuration: Configuration;
  readonly env?: Readonly<Record<string, string>>;
  /** The program leaves memory behind on purpose. */
  readonly leaks?: boolean;
}

/** Only leaks without any pointer left count: the library keeps what calls after the exit handlers may need. */
const MEMCHECK = [
  'valgrind',
  ...['--quiet', '--show-leak-kinds=definite', '--errors-for-leak-kinds=definite'],
  ...['--error-exitcode=99', '--fair-sched=yes', '--num-callers=30'],
];

export function start(
  program: string,
  args: readonly string[],
  { configuration, env = {}, leaks = false }: RunOptions,
): Running {
  const leakOptions = leaks ? { ASAN_OPTIONS: 'detect_leaks=0' } : {};
  const [command, ...before] = VALGRIND ? [...MEMCHECK, `--leak-check=${leaks ? 'no' : 'full'}`] : [];
  const child = spawn(command ?? program, command === undefined ? args : [...before, program, ...args], {
    stdio: 'pipe',
    // A process group of its own, so that children it has left behind can be ended with it.
    detached: true,
    env: {
      ...process.env,
      DIAMOND_HSM_CONFIG_PATH: configuration.folder,
      DKS_PKCS11_RETRY_SECONDS: '10',
      ...leakOptions,
      ...env,
    },
  });
  // A program that waits for a line that never comes must not outlive its test.
  const timer = setTimeout(() => process.kill(-(child.pid as number), 'SIGKILL'), LONGEST_MS);
  let stdout = '';
  let stderr = '';
  const waiting: { condition: (stdout: string) => boolean; resolve: () => void }[] = [];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    for (const { condition, resolve } of waiting) if (condition(stdout)) resolve();
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  child.stdin.on('error', () => {});
  const result = once(child, 'close').then(([status, signal]) => {
    clearTimeout(timer);
    assert.doesNotMatch(stderr, REPORT);
    return { status: status as number | null, signal: signal as NodeJS.Signals | null, stdout, stderr };
  });
  const satisfies = (condition: (stdout: string) => boolean): Promise<void> =>
    Promise.race([
      new Promise<void>((resolve) => {
        waiting.push({ condition, resolve });
        if (condition(stdout)) resolve();
      }),
      result.then(() => {}),
    ]);
  return {
    child,
    result,
    satisfies,
    printed: (text) => satisfies((output) => output.includes(text)),
    output: () => stdout,
    send: (line) => child.stdin.write(`${line}\n`),
  };
}

export async function run(program: string, args: readonly string[], options: RunOptions): Promise<Result> {
  return start(program, args, options).result;
}
