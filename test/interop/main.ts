/**
 * Runs the chapters of docs/programs as they are printed: `npm run interop` all of them, `npm run interop -- NAME...` some; `--verbose` shows
 * all that the programs say. Needs root: each recipe gets a fresh Debian machine in a folder.
 */

import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { type HsmEndpoint, writeHsmConf } from '#src/config/hsm-conf.ts';
import { startAppliance } from '../appliance.ts';
import { CONFIG_FOLDER, Machine, MODULE_PATH, type Release } from './machine.ts';
import { MODULE } from './pkcs11-host.ts';
import { readRecipe, type Recipe, recipeNames, scriptOf } from './recipe.ts';

/** What docs/programs/conventions.md promises. */
const PREAMBLE = `
trap '[ $? = 0 ] || tail -n 20 /work/*.log >&2' EXIT
export MODULE=${MODULE_PATH} URI='pkcs11:token=Cryptech%20Token'
export PIN=$(cat /etc/dkey/user-pin) SO_PIN=$(cat /etc/dkey/so-pin)
mkdir -p /work && chmod 755 /work && cd /work
`;

/** One recipe on one release; tells whether it succeeded. */
async function runRecipe(recipe: Recipe, release: Release, verbose: boolean): Promise<boolean> {
  const started = performance.now();
  const appliance = await startAppliance();
  const machine = await Machine.start(release);
  try {
    const { userPin, soPin } = await appliance.setUp();
    machine.install(MODULE, MODULE_PATH);
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
    const { status, stdout, stderr } = await machine.attempt(scriptOf(recipe, PREAMBLE), show);
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    console.log(`${status === 0 ? 'ok    ' : 'FAILED'} ${recipe.name} on ${release} (${seconds} s)`);
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
  options: { verbose: { type: 'boolean', default: false } },
  allowPositionals: true,
});
const known = recipeNames();
const unknown = positionals.filter((name) => !known.includes(name));
if (unknown.length > 0) {
  console.error(`error: no recipe ${unknown.join(', ')}; there are: ${known.join(', ')}`);
  process.exitCode = 2;
} else {
  let failed = 0;
  let passed = 0;
  for (const name of positionals.length > 0 ? positionals : known) {
    const recipe = readRecipe(name);
    for (const release of recipe.releases) {
      if (await runRecipe(recipe, release, values.verbose)) passed++;
      else failed++;
    }
  }
  console.log(`${passed} recipes passed, ${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
}
