/**
 * The tests of the library again, with everything compiled under AddressSanitizer and UBSan, and some of them under
 * valgrind, which also sees what no sanitizer instruments: the private OpenSSL. All of them: `npm run test:slow`.
 */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

import { SANITIZERS, VALGRIND } from './programs.ts';

const FOLDER = fileURLToPath(new URL('.', import.meta.url));

interface Checked {
  readonly title: string;
  readonly env: Readonly<Record<string, string>>;
  readonly args: readonly string[];
}

const CHECKED: readonly Checked[] = [
  {
    title: 'AddressSanitizer and UBSan',
    env: { DKS_SANITIZE: 'address,undefined' },
    args: ['module.test.ts', 'faults.test.ts', 'pins.test.ts'],
  },
  {
    title: 'valgrind',
    env: { DKS_VALGRIND: '1' },
    args: [
      '--test-name-pattern=/follows? the rules/',
      '--test-name-pattern=reply was lost',
      'pins.test.ts',
      'faults.test.ts',
      'module.test.ts',
    ],
  },
];

// These tests run others of this folder, perhaps themselves checked.
describe('the module', { timeout: 300_000, skip: SANITIZERS !== '' || VALGRIND }, () => {
  for (const { title, env, args } of CHECKED) {
    it(`is clean under ${title}`, async (context: TestContext) => {
      // The runner would otherwise take this run for a part of itself.
      const { NODE_TEST_CONTEXT: _, ...inherited } = process.env;
      const options = { cwd: FOLDER, env: { ...inherited, ...env }, maxBuffer: 16 * 1024 * 1024 };
      const tests = ['--test', '--test-concurrency=1', '--test-reporter=tap', ...args];
      const output = await new Promise<string>((resolve) => {
        execFile(process.execPath, tests, options, (_error, stdout, stderr) => resolve(stdout + stderr));
      });
      const [, passed] = /^# pass (\d+)$/m.exec(output) ?? [];
      assert.match(output, /^# fail 0$/m, output.slice(-6000));
      assert.match(output, /^# cancelled 0$/m, output.slice(-6000));
      assert.ok(Number(passed) >= 4, output);
      context.diagnostic(`${passed} tests`);
    });
  }
});
