import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type FleetConnection } from '#src/fleet/connection.ts';
import { KeyTable } from '#src/fleet/key-table.ts';
import { User } from '#src/wire/enumerations.ts';
import { entry, idOf, ids } from './table-entries.ts';

const LABEL = 0x003;
const ID = 0x102;

test('the table behaves as a sorted list with exact-match indexes', () => {
  const action = fc.oneof(
    fc.record({ kind: fc.constant('add'), numbers: fc.array(fc.nat(40), { maxLength: 30 }), label: fc.nat(3) }),
    fc.record({ kind: fc.constant('remove'), numbers: fc.array(fc.nat(40), { maxLength: 5 }), label: fc.nat(3) }),
  );
  fc.assert(
    fc.property(fc.array(action, { maxLength: 12 }), fc.nat(40), (actions, from) => {
      const table = new KeyTable();
      const model = new Map<string, number>();
      for (const { kind, numbers, label } of actions) {
        if (kind === 'add') {
          const unique = [...new Set(numbers)];
          table.add(
            unique.map((number) => entry(idOf(number), { attributes: new Map([[LABEL, Uint8Array.of(label)]]) })),
          );
          for (const number of unique) model.set(idOf(number), label);
        } else {
          for (const number of numbers) {
            table.remove(idOf(number));
            model.delete(idOf(number));
          }
        }
      }
      const sorted = [...model.keys()].sort();
      assert.equal(table.size, sorted.length);
      assert.deepEqual(ids(table.after('')), sorted);
      assert.deepEqual(
        ids(table.after(idOf(from))),
        sorted.filter((id) => id > idOf(from)),
      );
      for (const label of [0, 1, 2, 3]) {
        assert.deepEqual(
          ids(table.byAttribute(LABEL, Uint8Array.of(label))).sort(),
          sorted.filter((id) => model.get(id) === label),
        );
      }
    }),
  );
});

test('a changed attribute is found under its new value only, an empty value is a value', () => {
  const table = new KeyTable();
  table.add([entry(idOf(1), { attributes: new Map([[ID, Uint8Array.of(1)]]) }), entry(idOf(2))]);
  table.add([entry(idOf(1), { attributes: new Map([[ID, new Uint8Array(0)]]) })]);
  assert.deepEqual(ids(table.byAttribute(ID, Uint8Array.of(1))), []);
  assert.deepEqual(ids(table.byAttribute(ID, new Uint8Array(0))), [idOf(1)]);
});

test('keys that appear or vanish while the table is read do not disturb the reader', () => {
  const table = new KeyTable();
  table.add([1, 3, 5, 7].map((number) => entry(idOf(number))));
  const seen: string[] = [];
  for (const { id } of table.after('')) {
    seen.push(id);
    if (id === idOf(3)) {
      table.remove(idOf(3));
      table.remove(idOf(5));
      table.add([entry(idOf(2)), entry(idOf(6))]);
    }
  }
  assert.deepEqual(seen, [1, 3, 6, 7].map(idOf));
});

test('session keys are known by the connection that made them', () => {
  const table = new KeyTable();
  const connection = { number: 1, user: User.NORMAL } as FleetConnection;
  table.add([entry(idOf(1), { owner: connection, flags: 0 }), entry(idOf(2))]);
  assert.deepEqual(ids(table.ownedBy(connection)), [idOf(1)]);
  table.remove(idOf(1));
  assert.deepEqual(ids(table.ownedBy(connection)), []);
});
