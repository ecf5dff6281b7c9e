import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { test, type TestContext } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { type TargetName, TARGETS } from './targets.ts';

/** A million in all. */
const FRAMES: Readonly<Record<TargetName, number>> = {
  decoder: 890_000,
  device: 90_000,
  appliance: 12_000,
  socket: 8_000,
};
/** Code, caches and pools that a first run fills stay; hundreds of bytes per frame would be more than this. */
const MOST_GROWTH = 48 * 1024 * 1024;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

function used(): number {
  collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

async function run(context: TestContext, name: TargetName): Promise<void> {
  const seed = randomInt(2 ** 32);
  const frames = FRAMES[name];
  context.diagnostic(`npm run fuzz -- --target ${name} --seed ${seed} --frames ${frames}`);
  const before = used();
  try {
    await TARGETS[name](seed, frames);
  } catch (error) {
    assert.fail(`seed ${seed}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  }
  const growth = used() - before;
  assert.ok(growth < MOST_GROWTH, `seed ${seed}: ${growth} bytes more in use after ${frames} frames`);
}

for (const name of Object.keys(TARGETS) as TargetName[]) {
  test(`${FRAMES[name]} frames against the ${name}: no crash, no hang, no leak`, (context) => run(context, name));
}

test('a million frames', () => {
  assert.equal(
    Object.values(FRAMES).reduce((sum, frames) => sum + frames, 0),
    1_000_000,
  );
});
