/** Runs the tests of a C program, each in a process of its own, through the real library against an appliance of its own. */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';

import { type Appliance, type ApplianceOptions, startAppliance } from '#test/appliance.ts';
import {
  buildModule,
  Configuration,
  MODULE,
  type Result,
  type Running,
  SANITIZERS,
  start,
} from '#test/pkcs11/programs.ts';

const HERE = import.meta.dirname;
const PKCS11 = join(HERE, '..', '..', 'pkcs11');
/** The status of a test whose mechanism the token does not list. */
const SKIPPED = 77;

const built = new Map<string, string>();

/** A program of this folder, linked to the OpenSSL of the system: the judge, and a host program that has its own OpenSSL. */
export function build(name: string, folder = HERE): string {
  let program = built.get(name);
  if (program === undefined) built.set(name, (program = compile(name, folder)));
  return program;
}

function compile(name: string, folder: string): string {
  buildModule();
  const out = dirname(MODULE);
  const program = join(out, 'test', `field-${name}`);
  mkdirSync(dirname(program), { recursive: true });
  const source = join(folder, `${name}.c`);
  const headers = readdirSync(HERE).filter((file) => file.endsWith('.h'));
  const inputs = [source, ...headers.map((file) => join(HERE, file)), join(HERE, '..', 'pkcs11', 'module.h')];
  inputs.push(join(out, 'generated.h'), join(PKCS11, 'cryptoki.h'));
  if (inputs.every((input) => modified(input) < modified(program))) return program;
  const sanitize = SANITIZERS === '' ? [] : [`-fsanitize=${SANITIZERS}`, '-fno-sanitize-recover=all'];
  const flags = ['-std=c11', '-D_GNU_SOURCE', '-Wall', '-Wextra', '-Werror', '-O1', '-g', '-pthread', ...sanitize];
  const include = [HERE, join(HERE, '..', 'pkcs11'), out, PKCS11].map((path) => `-I${path}`);
  const made = `${program}.${process.pid}`;
  execFileSync('gcc', [...flags, ...include, source, '-o', made, '-ldl', '-lcrypto'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  execFileSync('mv', [made, program]);
  return program;
}

function modified(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

export interface Token {
  readonly appliance: Appliance;
  readonly configuration: Configuration;
}

export function begin(
  { configuration }: Pick<Token, 'configuration'>,
  program: string,
  part: string,
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
  module = MODULE,
): Running {
  return start(program, [module, part, ...args], { configuration, env });
}

/** Runs a part of a program that has to succeed, or whose mechanism is missing: then the test is skipped, with a word. */
export async function pass(
  context: TestContext,
  token: Pick<Token, 'configuration'>,
  program: string,
  part: string,
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<Result> {
  const result = await begin(token, program, part, args, env).result;
  if (result.status === SKIPPED) context.skip(result.stdout.trim());
  else assertPassed(result);
  return result;
}

export function assertPassed(result: Result): void {
  const { status, signal, stderr } = result;
  assert.deepEqual({ status, signal, stderr }, { status: 0, signal: null, stderr: '' });
}

/** Starts an appliance and a host that knows it for the tests of a `describe`. */
export function tokenForTests(options: ApplianceOptions = {}): Token {
  const token: { appliance?: Appliance; configuration?: Configuration } = {};
  before(async () => {
    token.appliance = await startAppliance(options);
    await token.appliance.setUp();
    token.configuration = new Configuration(token.appliance.rpcPort, { fingerprint: token.appliance.fingerprint });
  });
  after(async () => {
    token.configuration?.remove();
    await token.appliance?.stop();
  });
  return token as Token;
}

/** Every `TEST(name, "behaviour")` of a program as a test. */
export function testsOf(token: Token, name: string, folder = HERE): void {
  const source = readFileSync(join(folder, `${name}.c`), 'utf8');
  const tests = [...source.matchAll(/^TEST\((\w+),\s*"(.*?)"\)/gms)];
  for (const [, part = '', behaviour = ''] of tests) {
    it(behaviour.replaceAll(/"\s*"/g, ''), async (context) => {
      await pass(context, token, build(name, folder), part);
    });
  }
}

/** A program and nothing else. */
export function chapter(title: string, name: string, options: ApplianceOptions = {}): void {
  describe(title, { timeout: 120_000 }, () => {
    testsOf(tokenForTests(options), name);
  });
}
