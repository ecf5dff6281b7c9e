import assert from 'node:assert/strict';
import { test } from 'node:test';

import { KNOWN_ANSWERS, selfTest } from '#src/crypto/self-test.ts';

test('all known answers come out, each under a name of its own', async () => {
  const results = await selfTest();
  assert.deepEqual(
    results.filter(({ passed }) => !passed),
    [],
  );
  assert.equal(new Set(results.map(({ name }) => name)).size, results.length);
  assert.ok(results.every(({ name }) => name.length > 0 && Buffer.byteLength(name) <= 64));
  assert.ok(results.length >= 30 && results.length <= 256);
});

test('one wrong bit in any answer is noticed, and in that answer alone', async () => {
  const broken = KNOWN_ANSWERS.map((answer) => ({
    ...answer,
    compute: async () => {
      const bytes = Buffer.from(await answer.compute());
      bytes[bytes.length - 1] = (bytes.at(-1) as number) ^ 1;
      return bytes;
    },
  }));
  assert.ok((await selfTest(broken)).every(({ passed }) => !passed));
  for (const index of [0, KNOWN_ANSWERS.length - 1]) {
    const mixed = KNOWN_ANSWERS.map((answer, at) => (at === index ? broken[at] : answer)) as typeof broken;
    const failed = (await selfTest(mixed)).filter(({ passed }) => !passed);
    assert.deepEqual(failed, [{ name: KNOWN_ANSWERS[index]?.name, passed: false }]);
  }
});

test('an algorithm that gives nothing, too little or an error has not passed', async () => {
  const expected = '616263';
  const results = await selfTest([
    { name: 'nothing', expected, compute: () => new Uint8Array(0) },
    { name: 'too little', expected, compute: () => Buffer.from('ab') },
    { name: 'error', expected, compute: () => assert.fail('broken') },
    { name: 'rejection', expected, compute: async () => Promise.reject(new TypeError('broken')) },
    { name: 'good', expected, compute: () => Buffer.from('abc') },
  ]);
  assert.deepEqual(
    results.map(({ passed }) => passed),
    [false, false, false, false, true],
  );
});
