import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { LoadedKey, LoadedKeys } from '#src/device/loaded-keys.ts';
import { UseCount } from '#src/device/use-counts.ts';
import { KeyType } from '#src/wire/enumerations.ts';

const NO_BYTES = new Uint8Array(0);

function key(id: string): LoadedKey {
  const stored = {
    uuid: Buffer.alloc(16, id),
    name: Buffer.alloc(16, id),
    type: KeyType.SECRET,
    curve: 0,
    bits: 128,
    flags: 8,
    spki: NO_BYTES,
    wrapped: Buffer.alloc(24),
    checkValue: Buffer.alloc(4),
    attributes: [],
    owner: undefined,
    session: 0,
  } as const;
  return new LoadedKey(id, stored, { secret: Buffer.alloc(16, 0xff) }, new UseCount(stored.uuid, true));
}

const isWiped = ({ secret }: LoadedKey) => secret.every((byte) => byte === 0);

describe('keys ready for use', () => {
  test('those that were not used lately are wiped, those in use are not', () => {
    const keys = new LoadedKeys(4);
    const all = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map(key);
    for (const one of all) {
      keys.set(one.id, one);
      assert.equal(keys.get('a'), all[0]);
    }
    assert.deepEqual(all.map(isWiped), [false, true, true, true, true, false, false]);
    assert.equal(keys.get('b'), undefined);
    assert.equal(keys.get('g'), all[6]);
  });

  test('a key that is deleted is wiped at once, and all of them when the master key goes', () => {
    const keys = new LoadedKeys(4);
    const all = ['a', 'b', 'c'].map(key);
    for (const one of all) keys.set(one.id, one);
    keys.delete('a');
    assert.deepEqual(all.map(isWiped), [true, false, false]);
    keys.clear();
    assert.deepEqual(all.map(isWiped), [true, true, true]);
    assert.equal(keys.get('c'), undefined);
  });

  test('what was allowed is to be found out anew after a change', () => {
    const one = key('a');
    one.allow('sign', 1);
    assert.deepEqual(
      [one.isAllowed('sign', 1), one.isAllowed('sign', 2), one.isAllowed('verify', 1)],
      [true, false, false],
    );
    one.key = { ...one.key, attributes: [] };
    assert.equal(one.isAllowed('sign', 1), false);
  });
});
