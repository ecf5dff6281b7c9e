import assert from 'node:assert/strict';
import { basename } from 'node:path';
import { describe, it } from 'node:test';

import { type SourceFile, sourceFiles, withoutComments } from '#test/structure/sources.ts';

const sources = sourceFiles('src', 'bin');

/** Above 300 lines a file is asked why it is not two; this is where asking ends. */
const MOST_LINES = 400;

/** Lines of code that match, as `path:line: text`. */
function matches(files: readonly SourceFile[], pattern: RegExp): string[] {
  return files.flatMap(({ path, text }) =>
    withoutComments(text)
      .split('\n')
      .filter((line) => pattern.test(line))
      .map((line) => `${path}: ${line.trim()}`),
  );
}

/** A file that has exports of other files and no code of its own. */
function isBarrel({ text }: SourceFile): boolean {
  const code = withoutComments(text);
  const exported = /^export\s+(?:type\s+)?(?:\*|\{[^}]*\})[^;]*\bfrom\b[^;]*;?/gmu;
  const imported = /^import\b[^;]*;?/gmu;
  return exported.test(code) && code.replaceAll(exported, '').replaceAll(imported, '').trim() === '';
}

const BARE_ERROR = /\b(?:new|throw) Error\(/u;
const NOT_STRIPPABLE =
  /^\s*(?:export\s+)?(?:declare\s+)?(?:(?:const\s+)?enum\s+\w+\s*\{|(?:namespace|module)\s+[\w.]+\s*\{)/u;

describe('source files', () => {
  it('have at most 400 lines', () => {
    const long = sources.filter(({ text }) => text.trimEnd().split('\n').length > MOST_LINES);
    assert.deepEqual(
      long.map(({ path }) => path),
      [],
    );
  });

  it('are no barrels', () => {
    assert.deepEqual(
      sources.filter(isBarrel).map(({ path }) => path),
      [],
    );
    assert.ok(isBarrel({ path: 'x', text: `/** All. */\nexport * from './a.ts';\nexport { b } from './b.ts';\n` }));
    assert.ok(!isBarrel({ path: 'x', text: `export { b } from './b.ts';\nexport const c = 1;\n` }));
  });

  it('have names in kebab-case that say what is inside', () => {
    const bad = sourceFiles('src', 'test', 'bench', 'scripts').filter(({ path }) => {
      const name = basename(path).replace(/(?:\.test)?\.ts$/u, '');
      return !/^[a-z0-9]+(?:-[a-z0-9]+)*$/u.test(name) || /\b(?:utils?|helpers?|managers?|misc)\b/u.test(name);
    });
    assert.deepEqual(
      bad.map(({ path }) => path),
      [],
    );
  });

  it('throw errors that say where they belong', () => {
    assert.deepEqual(matches(sources, BARE_ERROR), []);
    assert.ok(BARE_ERROR.test(`throw new Error('x')`));
  });

  it('have only types that can be stripped', () => {
    assert.deepEqual(matches(sources, NOT_STRIPPABLE), []);
    for (const line of ['enum A {', 'export const enum A {', 'export namespace A.B {'])
      assert.match(line, NOT_STRIPPABLE);
  });

  it('leave nothing to do', () => {
    const marks = ['TODO', 'FIXME', 'XXX'].join('|');
    const left = sources.filter(({ text }) => new RegExp(`\\b(?:${marks})\\b`, 'u').test(text));
    assert.deepEqual(
      left.map(({ path }) => path),
      [],
    );
  });
});
