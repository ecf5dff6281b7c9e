import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';

import { formatHsmConf, parseHsmEndpoint } from '#src/config/hsm-conf.ts';
import { Settings } from '#src/config/settings.ts';
import { COMMANDS } from '#src/console/command-table.ts';
import { MECHANISMS } from '#src/cryptoki/mechanisms.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const FOLDER = join(ROOT, 'docs', 'man');

const read = (name: string): string => readFileSync(join(FOLDER, name), 'utf8');

/** What the first group of the pattern finds, each once, sorted. */
function found(text: string, pattern: RegExp): string[] {
  return [...new Set([...text.matchAll(pattern)].map(([, name = '']) => name))].toSorted();
}

/** The part of a page from a section or subsection to the next of the same kind. */
function section(page: string, heading: string): string {
  const start = page.indexOf(`\n${heading}\n`);
  assert.notEqual(start, -1, `${heading} is missing`);
  const rest = page.slice(start + 1);
  const end = rest.slice(1).search(heading.startsWith('.Ss') ? /^\.S[hs] /m : /^\.Sh /m);
  return end === -1 ? rest : rest.slice(0, end + 1);
}

describe('man pages', () => {
  for (const [program, page] of [
    ['dks-hsmd', 'dks-hsmd.8'],
    ['dks_setup_console', 'dks_setup_console.1'],
  ] as const) {
    it(`${page} has exactly the options of ${program} --help, in the synopsis and in the list`, () => {
      const help = execFileSync(join(ROOT, 'bin', program), ['--help'], { encoding: 'utf8' });
      const options = found(help, /(?<![\w-])--([a-z][a-z-]*)/g);
      assert.ok(options.length > 5);
      const text = read(page);
      assert.deepEqual(found(text, /^\.It (?:Fl h , )?Fl -([a-z-]+)/gm), options);
      assert.deepEqual(found(section(text, '.Sh SYNOPSIS'), /Fl -([a-z-]+)/g), options);
    });
  }

  it('dks_setup_console.1 has exactly the commands of the HSM', () => {
    const list = section(read('dks_setup_console.1'), '.Ss Commands of the HSM');
    const words = [...list.matchAll(/^\.It Ic (.*)$/gm)].flatMap(([, item = '']) => item.split(' , '));
    assert.deepEqual(
      words.map((command) => command.replace(/ (Ar|Op) .*/, '')).toSorted(),
      COMMANDS.map((command) => command.words.join(' ')).toSorted(),
    );
  });

  it('dks_setup_console.1 has exactly the exit statuses of --help', () => {
    const help = execFileSync(join(ROOT, 'bin', 'dks_setup_console'), ['--help'], { encoding: 'utf8' });
    const page = section(read('dks_setup_console.1'), '.Sh EXIT STATUS');
    assert.deepEqual(found(page, /^\.It (\d+)$/gm), found(help, /^ {2}(\d+) {2}/gm));
  });

  const library = read('libcryptechdks-pkcs11.7');

  it('libcryptechdks-pkcs11.7 has exactly the environment variables that the library reads', () => {
    const sources = readdirSync(join(ROOT, 'pkcs11'))
      .filter((name) => name.endsWith('.c'))
      .map((name) => readFileSync(join(ROOT, 'pkcs11', name), 'utf8'))
      .join('\n');
    const calls = [...sources.matchAll(/getenv\s*\(/g)];
    const variables = found(sources, /\bsecure_getenv\s*\(\s*"(\w+)"\s*\)/g);
    assert.ok(variables.length > 0 && calls.length >= variables.length);
    assert.equal(
      calls.length,
      [...sources.matchAll(/\bsecure_getenv\s*\(\s*"/g)].length,
      'a variable is read in another way',
    );
    assert.deepEqual(found(section(library, '.Sh ENVIRONMENT'), /^\.It Ev (\w+)$/gm), variables);
  });

  it('libcryptechdks-pkcs11.7 has exactly the mechanisms of the token', () => {
    const names = found(section(library, '.Ss Mechanisms'), /CKM_(\w+)/g);
    assert.deepEqual(names, MECHANISMS.map(({ name }) => name).toSorted());
  });

  it('libcryptechdks-pkcs11.7 names every function that is not supported', () => {
    const source = readFileSync(join(ROOT, 'pkcs11', 'unsupported.c'), 'utf8');
    const absent = section(library, '.Ss What is absent');
    const functions = found(source, /^(?:UNSUPPORTED|CK_RV) ?\(?(C_\w+)/gm);
    assert.ok(functions.length > 5);
    const documented = new Set(found(absent, /Fn (C_\w+)/g));
    assert.deepEqual(
      functions.filter((name) => !documented.has(name)),
      [],
    );
  });

  it('dks-hsm-settings.5 has exactly the settings that exist', async (t) => {
    const state = mkdtempSync(join(tmpdir(), 'man-settings-'));
    t.after(() => rmSync(state, { recursive: true }));
    const names = [...read('dks-hsm-settings.5').matchAll(/^\.It (Ic .*)$/gm)]
      .flatMap(([, item = '']) => found(item, /Ic (\w+)/g))
      .toSorted();
    // No setting takes this value, and what is unusable is named: so every name of the page must be a known one.
    writeFileSync(
      join(state, 'settings.json'),
      JSON.stringify(Object.fromEntries(names.map((name) => [name, { x: 1 }]))),
    );
    const { problem = '' } = await Settings.open(state);
    assert.deepEqual(found(problem, /(\w+) has an unusable value/g), names);
    // The file now has all settings that have a default.
    const written = Object.keys(JSON.parse(readFileSync(join(state, 'settings.json'), 'utf8')) as object);
    assert.deepEqual(
      written.filter((name) => !names.includes(name)),
      [],
    );
  });

  it('hsm.conf.5 has exactly the elements of the file, and an example that can be read', () => {
    const page = read('hsm.conf.5');
    const [, example = ''] = /^\.Bd -literal\n([\s\S]*?)^\.Ed$/m.exec(page) ?? [];
    const cty = parseHsmEndpoint(example, 'cty', 'example');
    const rpc = parseHsmEndpoint(example, 'rpc', 'example');
    assert.deepEqual([cty.port, rpc.port], [8081, 8080]);
    const written = formatHsmConf({ cty, rpc: { ...rpc, fingerprint: '0'.repeat(64) } });
    const elements = found(written, /<(\w+)>/g).filter((name) => name !== 'diamondhsm');
    assert.deepEqual(found(page, /^\.It Li <(\w+)>$/gm), elements);
  });

  const pages = readdirSync(FOLDER);
  const isInstalled = (program: string, ...args: string[]): boolean =>
    spawnSync(program, args, { input: '' }).error === undefined;
  const hasMan = isInstalled('man', '--version');
  const hasMandoc = isInstalled('mandoc', '-T', 'lint');
  const skip = hasMan || hasMandoc ? false : 'neither man nor mandoc is installed';
  for (const page of pages) {
    it(`${page} is formatted without warnings`, { skip }, () => {
      const path = join(FOLDER, page);
      if (hasMan) {
        const env = { ...process.env, MANWIDTH: '80' };
        const args = ['--warnings', '-E', 'UTF-8', '-l', path];
        const { status, stdout, stderr } = spawnSync('man', args, { encoding: 'utf8', env });
        assert.deepEqual({ status, stderr }, { status: 0, stderr: '' });
        assert.match(stdout, /^NAME$/m);
      }
      if (hasMandoc) {
        const { stdout } = spawnSync('mandoc', ['-T', 'lint', '-W', 'warning', path], { encoding: 'utf8' });
        assert.equal(stdout, '');
      }
    });
  }

  it('are all linked from the manual', () => {
    const manual = readFileSync(join(ROOT, 'docs', 'manual.md'), 'utf8');
    assert.deepEqual(found(manual, /\]\(man\/([\w.-]+)\)/g), pages.toSorted());
  });
});
