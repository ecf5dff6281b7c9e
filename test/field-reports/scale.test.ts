import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';

import { pidsOf } from '#test/processes.ts';
import { begin, build, pass, testsOf, tokenForTests } from './chapter.ts';

/** KiB of memory of the appliance's processes. */
function residentKib(pids: readonly number[]): number {
  return pids
    .map((pid) => /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '0')
    .reduce((sum, kib) => sum + Number(kib), 0);
}

describe('throughput and long runs', { timeout: 180_000 }, () => {
  const token = tokenForTests({ devices: 1 });
  testsOf(token, 'scale');

  it('the appliance does not grow with sessions, searches, keys and failures that come and go', async (context) => {
    const pids = pidsOf(token.appliance.state);
    assert.ok(pids.length > 1);
    await pass(context, token, build('scale'), 'keeps_busy', ['2']);
    const before = residentKib(pids);
    await pass(context, token, build('scale'), 'keeps_busy', ['6']);
    const grown = residentKib(pids) - before;
    // Node's heap breathes; a leak of 1 KiB for each of the 12,000 calls would be far more.
    assert.ok(grown < 40_000, `grown by ${grown} KiB`);
  });

  it('one signature is one exchange with the appliance, and length queries are none', async () => {
    const running = begin(token, build('scale'), 'counts_exchanges');
    const result = await running.result;
    assert.equal(result.stderr, '');
    const [signing, queries] = [...result.stdout.matchAll(/^(\d+) messages for/gm)].map(([, count]) => Number(count));
    assert.ok(signing !== undefined && signing <= 55, result.stdout);
    assert.equal(queries, 0, result.stdout);
  });
});
