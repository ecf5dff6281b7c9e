/**
 * Runs the chapters of docs/programs as they are printed: `npm run interop` all of them, `npm run interop -- NAME...` some; `--suite`
 * runs the suites of tests that others wrote instead; `--verbose` shows all that the programs say. Needs root: each recipe gets a fresh
 * Debian machine in a folder.
 */

import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { type HsmEndpoint, writeHsmConf } from '#src/config/hsm-conf.ts';
import { runProgram } from '../../scripts/quickstart/run-program.ts';
import { startAppliance } from '../appliance.ts';
import { CONFIG_FOLDER, Machine, MODULE_PATH, type Release } from './machine.ts';
import { MODULE } from './pkcs11-host.ts';
import { readRecipe, recipeNames, type Task } from './recipe.ts';
import { readSuite, suiteNames } from './suite.ts';

/** What docs/programs/conventions.md promises. */
const PREAMBLE = `
trap '[ $? = 0 ] || tail -n 20 /srv/hsm/*.log >&2' EXIT
export MODULE=${MODULE_PATH} URI='pkcs11:token=Cryptech%20Token'
export PIN=$(cat /etc/dkey/user-pin) SO_PIN=$(cat /etc/dkey/so-pin)
mkdir -p /srv/hsm && chmod 755 /srv/hsm && cd /srv/hsm
`;

/** The tools with the names of BIND's. */
const KEY_TOOLS = ['pkcs11-keygen', 'pkcs11-list', 'pkcs11-destroy', 'pkcs11-tokens'] as const;

/** The machine's npm asks the registry that ours asks, and trusts whom ours trusts. */
async function npmSettings(machine: Machine): Promise<string> {
  const { stdout } = await runProgram('npm', ['config', 'get', 'registry']);
  const authorities = process.env['NODE_EXTRA_CA_CERTS'];
  if (authorities !== undefined) machine.install(authorities, '/etc/ssl/registry.pem');
  const trust = authorities === undefined ? '' : ' NODE_EXTRA_CA_CERTS=/etc/ssl/registry.pem';
  return `export npm_config_registry='${stdout.trim()}'${trust}\n`;
}

/** One recipe or suite on one release; tells whether it succeeded. */
async function run(task: Task, release: Release, verbose: boolean): Promise<boolean> {
  const started = performance.now();
  const appliance = await startAppliance({ settings: task.settings });
  const machine = await Machine.start(release);
  try {
    const { userPin, soPin } = await appliance.setUp();
    machine.install(MODULE, MODULE_PATH);
    for (const tool of KEY_TOOLS) machine.install(join(MODULE, '..', tool), `/usr/bin/${tool}`);
    machine.write('/etc/dkey/user-pin', userPin, 0o600);
    machine.write('/etc/dkey/so-pin', soPin, 0o600);
    const endpoint = (port: number): HsmEndpoint => ({
      ip: '127.0.0.1',
      port,
      servername: 'dks-hsm',
      serial: appliance.serial,
      fingerprint: appliance.fingerprint,
    });
    await writeHsmConf(join(machine.root, CONFIG_FOLDER, 'hsm.conf'), {
      cty: endpoint(appliance.consolePort),
      rpc: endpoint(appliance.rpcPort),
    });
    const show = verbose ? (text: string): boolean => process.stdout.write(text) : undefined;
    const script = PREAMBLE + (await npmSettings(machine)) + task.script;
    const { status, stdout, stderr } = await machine.attempt(script, show);
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    console.log(`${status === 0 ? 'ok    ' : 'FAILED'} ${task.name} on ${release} (${seconds} s)`);
    if (status === 0 && values.suite) console.log(lastLines(stdout.trimEnd(), 0));
    if (status !== 0 && !verbose) console.log(lastLines(stdout, 15) + lastLines(stderr, 25));
    return status === 0;
  } finally {
    await machine.stop();
    await appliance.stop();
  }
}

function lastLines(text: string, count: number): string {
  return text
    .split('\n')
    .slice(-count - 1)
    .map((line) => `  ${line}\n`)
    .join('');
}

const { values, positionals } = parseArgs({
  options: { verbose: { type: 'boolean', default: false }, suite: { type: 'boolean', default: false } },
  allowPositionals: true,
});
const known = values.suite ? suiteNames() : recipeNames();
const kind = values.suite ? 'suite' : 'recipe';
const unknown = positionals.filter((name) => !known.includes(name));
if (unknown.length > 0) {
  console.error(`error: no ${kind} ${unknown.join(', ')}; there are: ${known.join(', ')}`);
  process.exitCode = 2;
} else {
  let failed = 0;
  let passed = 0;
  for (const name of positionals.length > 0 ? positionals : known) {
    const task = values.suite ? readSuite(name) : readRecipe(name);
    for (const release of task.releases) {
      if (await run(task, release, values.verbose)) passed++;
      else failed++;
    }
  }
  console.log(`${passed} ${kind}s passed, ${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
}
