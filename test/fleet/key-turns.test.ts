import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KeyTurns } from '#src/fleet/key-turns.ts';

test('works on one key run one after the other, on different keys at once', async () => {
  const turns = new KeyTurns();
  const events: string[] = [];
  const work = (name: string) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    return {
      resolve,
      run: async () => {
        events.push(`${name} begins`);
        await promise;
        events.push(`${name} ends`);
        return name;
      },
    };
  };
  const [first, second, other, both] = [work('first'), work('second'), work('other'), work('both')];
  const results = [
    turns.run(['a'], first.run),
    turns.run(['a'], second.run),
    turns.run(['b'], other.run),
    turns.run(['b', 'a'], both.run),
  ];
  assert.deepEqual(events, ['first begins', 'other begins']);
  both.resolve();
  second.resolve();
  other.resolve();
  await results[2];
  assert.deepEqual(events.slice(2), ['other ends']);
  first.resolve();
  assert.deepEqual(await Promise.all(results), ['first', 'second', 'other', 'both']);
  assert.deepEqual(events.slice(3), ['first ends', 'second begins', 'second ends', 'both begins', 'both ends']);
});

test('what fails lets the next one go on', async () => {
  const turns = new KeyTurns();
  const failing = turns.run(['a'], () => Promise.reject(new RangeError('no')));
  const next = turns.run(['a'], () => Promise.resolve('yes'));
  await assert.rejects(failing, RangeError);
  assert.equal(await next, 'yes');
  assert.equal(await turns.run(['a'], () => Promise.resolve('again')), 'again');
});
