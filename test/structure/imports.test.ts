import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { importsOf, partOf, type SourceFile, sourceFiles, targetOf } from '#test/structure/sources.ts';

/** Which parts a part may import besides itself. A part that is not listed must not exist. */
const MAY_IMPORT: Readonly<Record<string, readonly string[] | 'all'>> = {
  wire: [],
  config: [],
  crypto: ['wire'],
  cryptoki: ['wire'],
  audit: ['crypto'],
  tls: ['audit', 'crypto'],
  store: ['wire', 'crypto', 'audit'],
  device: ['wire', 'cryptoki', 'crypto', 'store', 'mkm', 'audit'],
  mkm: ['wire', 'crypto', 'audit'],
  board: ['wire', 'cryptoki', 'crypto', 'config', 'audit'],
  fleet: ['wire', 'audit'],
  token: ['wire', 'cryptoki', 'fleet', 'audit'],
  rpc: ['wire', 'fleet', 'token', 'tls', 'audit'],
  console: ['wire', 'fleet', 'config', 'update', 'tls', 'audit'],
  web: ['fleet', 'audit'],
  discovery: ['crypto', 'config', 'audit'],
  update: ['crypto', 'config', 'audit'],
  net: ['crypto', 'config', 'audit'],
  panel: ['crypto', 'config', 'audit'],
  cli: ['wire', 'config', 'discovery'],
  // The only place that wires parts together.
  daemon: 'all',
  bin: ['daemon', 'cli'],
  scripts: 'all',
  bench: 'all',
  test: 'all',
};

/** What is wrong with the imports of a file. */
function violations({ path, text }: SourceFile): string[] {
  const part = partOf(path);
  const allowed = MAY_IMPORT[part];
  if (allowed === undefined) return [`${path}: the part ${part} is not in the table`];
  return importsOf(text).flatMap((specifier) => {
    const target = targetOf(path, specifier);
    if (target === undefined) return part === 'wire' ? [`${path}: imports ${specifier}`] : [];
    const other = partOf(target);
    if (target === 'package.json') return [];
    if (!specifier.startsWith('#') && other !== part && path.startsWith('src/'))
      return [`${path}: leaves its folder by ${specifier}`];
    if (!target.endsWith('.ts')) return [`${path}: ${specifier} lacks the ending .ts`];
    // Programs that a test starts may live beside it; nothing else depends on tests.
    if (other === part || (allowed === 'all' && (other !== 'test' || ['scripts', 'bench'].includes(part)))) return [];
    return allowed !== 'all' && allowed.includes(other) ? [] : [`${path}: imports ${specifier}`];
  });
}

describe('imports', () => {
  it('follow the table', () => {
    const files = sourceFiles('src', 'bin', 'scripts', 'bench', 'test');
    assert.ok(files.length > 20);
    assert.deepEqual(files.flatMap(violations), []);
  });

  it('of rpc, console and web never reach each other', () => {
    for (const part of ['rpc', 'console', 'web']) {
      for (const other of ['rpc', 'console', 'web', 'daemon']) {
        const text = `import { a } from '#src/${other}/a.ts';`;
        const found = violations({ path: `src/${part}/x.ts`, text });
        assert.equal(found.length, part === other ? 0 : 1, `${part} → ${other}`);
      }
    }
  });

  it('of the daemon come from programs only', () => {
    for (const part of Object.keys(MAY_IMPORT)) {
      const folder = ['bin', 'test', 'bench', 'scripts'].includes(part) ? part : `src/${part}`;
      const found = violations({ path: `${folder}/x.ts`, text: `import '#src/daemon/main.ts';` });
      const free = !folder.startsWith('src/') || part === 'daemon';
      assert.equal(found.length, free ? 0 : 1, part);
    }
  });

  it('are found however they are written', () => {
    const text = `
      import def from '#src/a/a.ts';
      import {
        b,
        type C,
      } from "./b.ts";
      import type * as d from '../d.ts';
      export { e } from '#src/e/e.ts';
      export * from './f.ts';
      import '#src/g/g.ts';
      const h = await import('node:h');
      // import i from '#src/i/i.ts';
      /* import { j } from '#src/j/j.ts'; */
    `;
    assert.deepEqual(importsOf(text).toSorted(), [
      '#src/a/a.ts',
      '#src/e/e.ts',
      '#src/g/g.ts',
      '../d.ts',
      './b.ts',
      './f.ts',
      'node:h',
    ]);
  });

  it('of wire: nothing at all', () => {
    const found = (text: string): number => violations({ path: 'src/wire/x.ts', text }).length;
    assert.equal(found(`import { a } from './status.ts';`), 0);
    for (const target of ['node:crypto', 'zod', '#src/crypto/der.ts', '../crypto/der.ts']) {
      assert.equal(found(`import { a } from '${target}';`), 1, target);
    }
  });
});
