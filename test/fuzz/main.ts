/**
 * Sends made-up frames to the decoders, to a device, to the appliance's dispatcher or through real sockets.
 *
 *   npm run fuzz -- [--frames 100000] [--seed N] [--target decoder|device|appliance|socket]
 *
 * Without a target all of them take their turn; without a seed it is new each time, and printed.
 */

import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { type TargetName, TARGETS } from './targets.ts';

const { values } = parseArgs({
  options: {
    frames: { type: 'string', default: '100000' },
    seed: { type: 'string' },
    target: { type: 'string' },
  },
});
const frames = Number(values.frames);
const names = Object.keys(TARGETS).filter((name) => values.target === undefined || name === values.target);
if (names.length === 0 || !Number.isSafeInteger(frames) || frames < 1) {
  process.stderr.write(`usage: npm run fuzz -- [--frames N] [--seed N] [--target ${Object.keys(TARGETS).join('|')}]\n`);
  process.exit(2);
}
for (const name of names as TargetName[]) {
  const seed = values.seed === undefined ? randomInt(2 ** 32) : Number(values.seed);
  process.stdout.write(`${name}: ${frames} frames, seed ${seed}\n`);
  const started = performance.now();
  await TARGETS[name](seed, frames);
  process.stdout.write(`${name}: no complaint, ${((performance.now() - started) / 1000).toFixed(1)} s\n`);
}
process.exit();
