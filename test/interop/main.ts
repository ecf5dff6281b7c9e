/**
 * Runs the chapters of docs/programs as they are printed: `npm run interop` all of them, `npm run interop -- NAME...` some; `--suite`
 * runs the suites of tests that others wrote instead; `--fire` puts running programs under fire; `--verbose` shows all that the programs
 * say. Needs root: each run gets a fresh Debian machine in a folder.
 */

import { parseArgs } from 'node:util';

import { startAppliance } from '../appliance.ts';
import { equip, npmSettings, PREAMBLE } from './equipment.ts';
import { fireNames, lastLines, readFire, underFire } from './fire.ts';
import { Machine, type Release } from './machine.ts';
import { readRecipe, recipeNames, type Task } from './recipe.ts';
import { readSuite, suiteNames } from './suite.ts';

/** One recipe or suite on one release; tells whether it succeeded. */
async function run(task: Task, release: Release): Promise<boolean> {
  const started = performance.now();
  const appliance = await startAppliance({ settings: task.settings });
  const machine = await Machine.start(release);
  try {
    const secrets = await appliance.setUp();
    await equip(machine, appliance, secrets);
    const script = PREAMBLE + (await npmSettings(machine)) + task.script;
    const { status, stdout, stderr } = await machine.attempt(script, show);
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    console.log(`${status === 0 ? 'ok    ' : 'FAILED'} ${task.name} on ${release} (${seconds} s)`);
    if (status === 0 && values.suite) console.log(lastLines(stdout.trimEnd(), 0));
    if (status !== 0 && show === undefined) console.log(lastLines(stdout, 15) + lastLines(stderr, 25));
    return status === 0;
  } finally {
    await machine.stop();
    await appliance.stop();
  }
}

/** Each name on each of its releases; tells how many came through. */
async function runAll<Work extends { readonly releases: readonly Release[] }>(
  kind: string,
  known: readonly string[],
  read: (name: string) => Work,
  one: (work: Work, release: Release) => Promise<boolean>,
): Promise<number> {
  const unknown = positionals.filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    console.error(`error: no ${kind} ${unknown.join(', ')}; there are: ${known.join(', ')}`);
    return 2;
  }
  let failed = 0;
  let passed = 0;
  for (const name of positionals.length > 0 ? positionals : known) {
    const work = read(name);
    for (const release of work.releases) {
      if (await one(work, release)) passed++;
      else failed++;
    }
  }
  console.log(`${passed} ${kind}s passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

const { values, positionals } = parseArgs({
  options: {
    verbose: { type: 'boolean', default: false },
    suite: { type: 'boolean', default: false },
    fire: { type: 'boolean', default: false },
  },
  allowPositionals: true,
});
const show = values.verbose ? (text: string): void => void process.stdout.write(text) : undefined;
if (values.fire) {
  process.exitCode = await runAll('program', fireNames(), readFire, (script, release) =>
    underFire(script, release, show),
  );
} else if (values.suite) {
  process.exitCode = await runAll('suite', suiteNames(), readSuite, run);
} else {
  process.exitCode = await runAll('recipe', recipeNames(), readRecipe, run);
}
