import assert from 'node:assert/strict';

import { type Outcome } from '../../scripts/quickstart/run-program.ts';

/** A program ended with this status and said these things, and did not break down. */
export function assertFails({ status, stdout, stderr }: Outcome, expected: number, ...texts: readonly RegExp[]): void {
  assert.equal(status, expected, `${stdout}${stderr}`);
  for (const text of texts) assert.match(stdout + stderr, text);
  assert.doesNotMatch(stderr, /\n\s+at /, 'a stack trace');
}
