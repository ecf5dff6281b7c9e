/** A chapter of the manual that can be run: the commands of its `sh` blocks, in order, in one shell. */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { Bug } from '#src/wire/status.ts';
import { type Release } from './machine.ts';

const FOLDER = join(import.meta.dirname, '..', '..', 'docs', 'programs');

/** What a machine does. */
export interface Task {
  readonly name: string;
  readonly releases: readonly Release[];
  /** Of the appliance. */
  readonly settings: Readonly<Record<string, unknown>>;
  readonly script: string;
}

const RELEASES: Readonly<Record<string, Release>> = { 12: 'bookworm', 13: 'trixie' };

/** Names of all recipes; `conventions` only tells what they have in common. */
export function recipeNames(): string[] {
  return readdirSync(FOLDER)
    .filter((file) => file.endsWith('.md') && file !== 'conventions.md')
    .map((file) => file.slice(0, -3))
    .sort();
}

/**
 * Debian's names for what a line of text begins with: `Debian 12.`, `Debian 13.` or `Debian 12 and 13.`
 * @param where to find that line
 */
export function releasesOf(text: string | undefined, where: string): Release[] {
  const numbers = /^Debian (12|13)(?: and (12|13))?\./.exec(text ?? '')?.slice(1) ?? [];
  const releases = numbers.flatMap((number) => RELEASES[number] ?? []);
  if (releases.length === 0) throw new Bug(`${where} does not say on which Debian it runs`);
  return releases;
}

/** Reads a recipe. Its third line begins with where it runs. The script says which block it has reached. */
export function readRecipe(name: string): Task {
  const lines = readFileSync(join(FOLDER, `${name}.md`), 'utf8').split('\n');
  const releases = releasesOf(lines[2], `docs/programs/${name}.md: line 3`);
  const parts: string[] = [];
  let start: number | undefined;
  for (const [index, line] of lines.entries()) {
    if (start === undefined && line === '```sh') start = index + 1;
    else if (start !== undefined && line === '```') {
      const commands = lines.slice(start, index).join('\n');
      parts.push(`echo "== docs/programs/${name}.md:${start + 1}" >&2\n${commands}\n`);
      start = undefined;
    }
  }
  if (start !== undefined || parts.length === 0)
    throw new Bug(`docs/programs/${name}.md: a block does not end, or none`);
  return { name, releases, settings: {}, script: parts.join('\n') };
}
