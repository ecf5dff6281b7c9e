import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Insertions } from '#src/device/insertions.ts';
import { type KeyStore } from '#src/store/key-store.ts';
import { type StoredKey } from '#src/store/stored-key.ts';
import { HalError } from '#src/wire/status.ts';
import { status } from './device-under-test.ts';

const named = (byte: number): StoredKey => ({ name: new Uint8Array(16).fill(byte) }) as StoredKey;

/** A store that counts commits and refuses names it has. */
function store(): { store: KeyStore; commits: number[][] } {
  const commits: number[][] = [];
  const insert = (keys: readonly StoredKey[]): void => {
    const names = keys.map(({ name }) => name[0] as number);
    if (new Set([...commits.flat(), ...names]).size < commits.flat().length + names.length) {
      throw new HalError('KEY_NAME_IN_USE');
    }
    commits.push(names);
  };
  return { store: { insert } as unknown as KeyStore, commits };
}

test('keys that are ready in one turn share a commit, and nobody is told before it', async () => {
  const { store: kept, commits } = store();
  const insertions = new Insertions(kept);
  const told: number[] = [];
  const insert = (...bytes: number[]) =>
    insertions.insert(bytes.map(named), []).then(() => told.push(bytes[0] as number, commits.length));
  const first = [insert(1, 2), insert(3), insert(4)];
  await Promise.resolve();
  assert.deepEqual([told, commits], [[], []]);
  assert.ok(insertions.has(named(2).name) && !insertions.has(named(9).name));
  await Promise.all(first);
  assert.deepEqual(commits, [[1, 2, 3, 4]]);
  assert.deepEqual(told, [1, 1, 3, 1, 4, 1]);
  assert.ok(!insertions.has(named(2).name));
  await insert(5);
  assert.deepEqual(commits.at(-1), [5]);
});

test('what is wrong with one fails that one alone, whole', async () => {
  const { store: kept, commits } = store();
  const insertions = new Insertions(kept);
  await insertions.insert([named(1)], []);
  const outcomes = await Promise.allSettled(
    [[2, 3], [4, 1], [5]].map((bytes) => insertions.insert(bytes.map(named), [])),
  );
  assert.deepEqual(
    outcomes.map((outcome) => outcome.status),
    ['fulfilled', 'rejected', 'fulfilled'],
  );
  assert.deepEqual(commits, [[1], [2, 3], [5]]);
  await assert.rejects(insertions.insert([named(5)], []), status('KEY_NAME_IN_USE'));
});
