import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConnectionLimit } from '#src/rpc/connection-limit.ts';

test('one host, and all together, get a limited number of connections; each that ends makes room', () => {
  const limit = new ConnectionLimit({ perAddress: 2, total: 3 });
  assert.deepEqual(
    ['a', 'a', 'a', 'b', 'b', 'c'].map((address) => limit.enter(address)),
    [true, true, false, true, false, false],
  );
  limit.leave('a');
  assert.ok(limit.enter('b'));
  assert.ok(!limit.enter('a'));
  limit.leave('b');
  assert.ok(limit.enter('a'));
});
