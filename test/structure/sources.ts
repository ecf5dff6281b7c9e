/** The source files of the project, for tests of its structure. */

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');

export interface SourceFile {
  /** From the root of the project, with slashes. */
  readonly path: string;
  readonly text: string;
}

/** Programs without an extension name node in the first two lines (a shell may have to find it). */
const RUNS_NODE = /^#!(?:.*\n)?.*\bnode\b/u;

/** Every TypeScript file below some folders, and programs of ours without an extension. */
export function sourceFiles(...folders: string[]): SourceFile[] {
  return folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && /(?:\.ts|^[^.]+)$/u.test(entry.name))
      .map((entry) => join(entry.parentPath, entry.name))
      .map((file) => ({ path: posix.relative(root, file), text: readFileSync(file, 'utf8') }))
      .filter(({ path, text }) => path.endsWith('.ts') || RUNS_NODE.test(text)),
  );
}

/** The text without comments. Simple: a comment mark within a string literal would be taken for a comment. */
export function withoutComments(text: string): string {
  return text.replaceAll(/\/\*[\s\S]*?\*\//gu, '').replaceAll(/(^|\s)\/\/.*$/gmu, '$1');
}

/** What a file imports, types included: `#src/wire/xdr.ts`, `./log.ts`, `node:fs`, `zod`. */
export function importsOf(text: string): string[] {
  const code = withoutComments(text);
  const patterns = [
    /^\s*(?:import|export)\b[^;'"]*?\bfrom\s*['"](.+?)['"]/gmu,
    /^\s*import\s*['"](.+?)['"]/gmu,
    /\bimport\(\s*['"`](.+?)['"`]/gmu,
  ];
  return patterns.flatMap((pattern) => Array.from(code.matchAll(pattern), ([, target]) => target as string));
}

/** Where an import leads: a path from the root of the project, or `undefined` for packages and parts of Node. */
export function targetOf(path: string, specifier: string): string | undefined {
  if (specifier.startsWith('#')) return specifier.slice(1);
  return specifier.startsWith('.') ? posix.join(posix.dirname(path), specifier) : undefined;
}

/** The part of the project a file belongs to: `wire`, `rpc`, ... below `src`, else the first folder. */
export function partOf(path: string): string {
  const [first, second] = path.split('/');
  return (first === 'src' ? second : first) as string;
}
