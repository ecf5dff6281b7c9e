/** Runs the programs of others, and says what to do when one is missing or fails. */

import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { text } from 'node:stream/consumers';

import { OperatorError } from '#src/config/errors.ts';

/** Programs the quickstart needs and their Debian packages. */
const PACKAGES: Readonly<Record<string, string>> = {
  'pkcs11-tool': 'opensc',
  'ldns-signzone': 'ldnsutils libengine-pkcs11-openssl',
  'ldns-verify-zone': 'ldnsutils',
  'dnssec-verify': 'bind9-utils',
  kzonesign: 'knot-dnssecutils',
};

/** Programs that are not there, with one message for all. */
export function requirePrograms(programs: readonly string[]): void {
  const missing = programs.filter((program) => findProgram(program) === undefined);
  if (missing.length === 0) return;
  const packages = [...new Set(missing.map((program) => PACKAGES[program] ?? program))].join(' ');
  throw new OperatorError(
    `missing programs: ${missing.join(', ')}. Install them as root with: apt-get install --no-install-recommends ${packages}`,
  );
}

function findProgram(program: string): string | undefined {
  // Debian keeps some of them where an ordinary user's PATH does not look.
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin'];
  return folders
    .map((folder) => join(folder, program))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

export interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface RunOptions {
  /** In addition to our own environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Its standard input. */
  readonly input?: string;
  readonly cwd?: string;
}

/** Runs a program to its end, whatever its exit status. */
export async function runProgram(
  program: string,
  args: readonly string[],
  { env = {}, input = '', cwd = process.cwd() }: RunOptions = {},
): Promise<Outcome> {
  const child = spawn(findProgram(program) ?? program, args, { cwd, env: { ...process.env, ...env } });
  child.stdin.on('error', () => {}); // a program that ends early does not read all
  child.stdin.end(input);
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status) => resolve(status));
  });
  const [stdout, stderr, status] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  return { status, stdout, stderr };
}

/** As {@link runProgram}, but a program that fails is an error. */
export async function mustRun(...call: Parameters<typeof runProgram>): Promise<string> {
  const outcome = await runProgram(...call);
  if (outcome.status !== 0) throw failure(call[0], outcome);
  return outcome.stdout;
}

/** An error with the last lines of what the program said. */
export function failure(program: string, { status, stdout, stderr }: Outcome): OperatorError {
  const said = `${stdout}\n${stderr}`.split('\n').filter((line) => line.trim() !== '');
  return new OperatorError([`${program} failed (exit status ${status})`, ...said.slice(-6)].join('\n  '));
}
