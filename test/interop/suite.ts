/** A suite of tests that others wrote for any PKCS#11 library: a shell script which builds it, runs it and judges its results. */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { releasesOf, type Task } from './recipe.ts';

const FOLDER = join(import.meta.dirname, 'suites');
const JUDGE = readFileSync(join(FOLDER, 'judge.sh'), 'utf8');

export function suiteNames(): string[] {
  return readdirSync(FOLDER)
    .filter((file) => file.endsWith('.sh') && file !== 'judge.sh')
    .map((file) => file.slice(0, -3))
    .sort();
}

/** Reads a suite. Its second line tells where it runs; one that begins with `# settings.json: ` what the appliance is set to. */
export function readSuite(name: string): Task {
  const text = readFileSync(join(FOLDER, `${name}.sh`), 'utf8');
  const settings = /^# settings\.json: (.*)$/m.exec(text)?.[1];
  return {
    name,
    releases: releasesOf(text.split('\n')[1]?.slice('# '.length), `test/interop/suites/${name}.sh: line 2`),
    settings: settings === undefined ? {} : JSON.parse(settings),
    script: JUDGE + text,
  };
}
