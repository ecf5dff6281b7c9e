import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type KeyEntry } from '#src/fleet/key-table.ts';
import { cursorOver, filtered, type KeyCursor, merged, SortedKeys } from '#src/fleet/sorted-keys.ts';

const COUNT = 5000;
const key = (id: string): KeyEntry => ({ id }) as KeyEntry;
const idOf = (number: number): string => number.toString(16).padStart(4, '0');
const idsOf = (cursor: KeyCursor): string[] => [...merged([cursor])].map(({ id }) => id);

/** The numbers below {@link COUNT} in an order that looks like none: 7919 is prime. */
const shuffled = Array.from({ length: COUNT }, (_, i) => (i * 7919) % COUNT);
const ordered = Array.from({ length: COUNT }, (_, i) => idOf(i));

test('keys in any order of arrival come out ascending, across many blocks', () => {
  for (const order of [shuffled, shuffled.toSorted((a, b) => a - b), shuffled.toSorted((a, b) => b - a)]) {
    const keys = new SortedKeys();
    for (const number of order) keys.put(key(idOf(number)));
    assert.equal(keys.size, COUNT);
    assert.deepEqual(idsOf(keys.after('')), ordered);
    assert.deepEqual(idsOf(keys.after(idOf(4321))), ordered.slice(4322));
    assert.deepEqual(idsOf(keys.after(`${idOf(4321)}x`)), ordered.slice(4322));
    assert.deepEqual(idsOf(keys.after('z')), []);
    for (const number of shuffled) if (number % 3 !== 0) keys.remove(idOf(number));
    keys.remove('none');
    assert.deepEqual(
      idsOf(keys.after('')),
      ordered.filter((_, i) => i % 3 === 0),
    );
    for (const id of ordered) keys.remove(id);
    assert.equal(keys.size, 0);
    assert.deepEqual(idsOf(keys.after('')), []);
  }
});

test('a key of the same id takes the place of the old one', () => {
  const keys = new SortedKeys();
  for (const id of ordered) keys.put(key(id));
  const other = { ...key(idOf(77)), bits: 1 };
  keys.put(other);
  assert.equal(keys.size, COUNT);
  assert.equal(keys.after(idOf(76)).peek(), other);
});

test('several cursors are one, each key from where it is', () => {
  const even = new SortedKeys();
  for (const [i, id] of ordered.entries()) if (i % 2 === 0) even.put(key(id));
  const odd = ordered.filter((_, i) => i % 2 === 1).map(key);
  const cursors = [cursorOver(odd.toReversed()), even.after('')];
  assert.deepEqual(
    [...merged(cursors)].map(({ id }) => id),
    ordered,
  );
  const last = filtered(even.after(''), ({ id }) => id.endsWith('e'));
  assert.deepEqual(
    idsOf(last),
    ordered.filter((id) => id.endsWith('e')),
  );
  assert.deepEqual([...merged([])], []);
});
