import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expectedDifferences } from './expected-differences.ts';
import { expectedHashsigDifferences } from './expected-hashsig-differences.ts';
import { Replay } from './replay.ts';
import { openTarget, type TargetName, TARGETS } from './targets.ts';
import { recordedCalls } from './vectors.ts';

const GROUPS = [...new Set(recordedCalls.map(({ group }) => group))];

/** Groups that leave nothing behind that another would notice share a target; most begin with a new one. */
const BATCHES = [
  ['hash', 'tamper', 'basics'],
  ['pkey'],
  ['backup'],
  GROUPS.filter((group) => group.startsWith('hashsig')),
  ['no-masterkey'],
];

const rows = [...expectedDifferences, ...expectedHashsigDifferences];

test('every recorded group is replayed', () => {
  assert.deepEqual(BATCHES.flat().sort(), GROUPS.toSorted());
});

test('the table names frames that exist, each once for a target, with a reason', () => {
  const frames = new Set(recordedCalls.map(({ group, name }) => `${group}/${name}`));
  const seen = new Set<string>();
  for (const [frame, on, , why] of rows) {
    assert.ok(frames.has(frame), frame);
    assert.match(why, /^[A-Zs].{20,}\.$/);
    for (const target of on) {
      assert.ok(!seen.has(`${target} ${frame}`), `${target} ${frame} is listed twice`);
      seen.add(`${target} ${frame}`);
    }
  }
});

for (const name of TARGETS) {
  for (const groups of BATCHES) {
    test(`${name}: ${groups.length > 3 ? 'hashsig' : groups.join(', ')}`, async () => {
      const found: string[] = [];
      await using target = await openTarget(name, !groups.includes('no-masterkey'));
      for (const group of groups) {
        const replay = new Replay(target);
        for (const call of recordedCalls.filter((recorded) => recorded.group === group)) {
          const difference = await replay.call(call);
          if (difference !== undefined) found.push(`${group}/${call.name}: ${difference}`);
        }
      }
      assert.deepEqual(found, listed(name, groups));
    });
  }
}

/** What the table says, in the order of the recording. */
function listed(target: TargetName, groups: readonly string[]): string[] {
  const order = groups.flatMap((group) => recordedCalls.filter((call) => call.group === group));
  const differs = new Map(rows.filter(([, on]) => on.includes(target)).map(([frame, , text]) => [frame, text]));
  return order
    .map(({ group, name }) => `${group}/${name}`)
    .filter((frame) => differs.has(frame))
    .map((frame) => `${frame}: ${differs.get(frame)}`);
}
