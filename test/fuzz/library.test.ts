/** The PKCS#11 library and made-up replies, for a few seconds; `npm run fuzz:library` goes on for as long as you like. */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const SCRIPT = fileURLToPath(new URL('../../scripts/fuzz-library', import.meta.url));
const SECONDS = 10;

test(`made-up replies to the library for ${SECONDS} seconds: no crash, no leak, no hang`, async (context: TestContext) => {
  const { stderr } = await promisify(execFile)(SCRIPT, [String(SECONDS)], { maxBuffer: 64 * 1024 * 1024 });
  const inputs = Number(/number_of_executed_units: (\d+)/.exec(stderr)?.[1]);
  context.diagnostic(`${inputs} inputs`);
  // Some hundred are the seeds.
  assert.ok(inputs > 300, stderr.slice(-2000));
});
