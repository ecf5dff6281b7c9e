/** A chapter of the manual that can be run: the commands of its `sh` blocks, in order, in one shell. */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { Bug } from '#src/wire/status.ts';
import { type Release } from './machine.ts';

const FOLDER = join(import.meta.dirname, '..', '..', 'docs', 'programs');

export interface Recipe {
  readonly name: string;
  readonly releases: readonly Release[];
  /** Each block with the line on which it starts. */
  readonly blocks: readonly { readonly line: number; readonly commands: string }[];
}

const RELEASES: Readonly<Record<string, Release>> = { 12: 'bookworm', 13: 'trixie' };

/** Names of all recipes; `conventions` only tells what they have in common. */
export function recipeNames(): string[] {
  return readdirSync(FOLDER)
    .filter((file) => file.endsWith('.md') && file !== 'conventions.md')
    .map((file) => file.slice(0, -3))
    .sort();
}

/** Reads a recipe. Its third line begins with where it runs: `Debian 12.`, `Debian 13.` or `Debian 12 and 13.` */
export function readRecipe(name: string): Recipe {
  const lines = readFileSync(join(FOLDER, `${name}.md`), 'utf8').split('\n');
  const where = /^Debian (12|13)(?: and (12|13))?\./.exec(lines[2] ?? '')?.slice(1) ?? [];
  const releases = where.flatMap((number) => RELEASES[number] ?? []);
  if (releases.length === 0) {
    throw new Bug(`docs/programs/${name}.md: line 3 does not say on which Debian it runs`);
  }
  const blocks: { line: number; commands: string }[] = [];
  let start: number | undefined;
  for (const [index, line] of lines.entries()) {
    if (start === undefined && line === '```sh') start = index + 1;
    else if (start !== undefined && line === '```') {
      blocks.push({ line: start + 1, commands: lines.slice(start, index).join('\n') });
      start = undefined;
    }
  }
  if (start !== undefined || blocks.length === 0)
    throw new Bug(`docs/programs/${name}.md: a block does not end, or none`);
  return { name, releases, blocks };
}

/** The recipe as one script that says which block it has reached. */
export function scriptOf({ name, blocks }: Recipe, preamble: string): string {
  const parts = blocks.map(({ line, commands }) => `echo "== docs/programs/${name}.md:${line}" >&2\n${commands}\n`);
  return [preamble, ...parts].join('\n');
}
