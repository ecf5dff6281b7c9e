import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type FleetConnection } from '#src/fleet/connection.ts';
import { isPrivate } from '#src/fleet/key-entry.ts';
import { type KeyEntry, type KeyQuery, KeyTable } from '#src/fleet/key-table.ts';
import { KeyFlags, KeyType, User } from '#src/wire/enumerations.ts';
import { entry, idOf, ids, packed } from './table-entries.ts';

const LABEL = 0x003;
const ID = 0x102;

const EVERYTHING: KeyQuery = { owners: [], values: [], accepts: () => true, mayHave: () => true };

/** CKA_SUBJECT, CKA_SERIAL_NUMBER, CKA_ISSUER, CKA_VALUE, CKA_MODULUS, CKA_EC_POINT, CKA_PUBLIC_KEY_INFO, CKA_PRIVATE, CKA_VALUE_LEN. */
const [SUBJECT, SERIAL, ISSUER, VALUE, MODULUS, EC_POINT, PUBLIC_KEY_INFO, PRIVATE, VALUE_LEN] = [
  0x101, 0x082, 0x081, 0x011, 0x120, 0x181, 0x129, 0x002, 0x161,
];

const number = (value: number): Uint8Array => Uint8Array.of(value >>> 8, value & 255);

/** 3000 private keys, as many public ones and certificates, all with the same label; 100 secret keys of 16 bytes. */
function manyKeys(): KeyTable {
  const table = new KeyTable();
  const label = Buffer.from('all the same');
  for (let i = 0; i < 3000; i++) {
    const point = new Uint8Array(65).fill(4).map((byte, at) => (at < 63 ? byte : (number(i)[at - 63] as number)));
    const spki = Buffer.concat([Buffer.alloc(26, 0x30), point]);
    const common = { [LABEL]: label, [ID]: number(i), [SUBJECT]: new Uint8Array(0) };
    const secret = { ...common, [PRIVATE]: Uint8Array.of(1) };
    const open = { ...common, [PRIVATE]: Uint8Array.of(0), [EC_POINT]: Buffer.concat([Buffer.of(4, 65), point]) };
    const certificate = {
      ...common,
      [PRIVATE]: Uint8Array.of(0),
      [SUBJECT]: Buffer.from(`subject ${i}`),
      [ISSUER]: Buffer.from('the issuer'),
      [SERIAL]: number(i),
      [VALUE]: Buffer.concat([Buffer.alloc(5000, 1), number(i), Buffer.alloc(100, 1)]),
    };
    table.add([
      entry(idOf(10 * i), { type: KeyType.EC_PRIVATE, spki, attributes: packed(secret) }),
      entry(idOf(10 * i + 1), { type: KeyType.EC_PUBLIC, spki, attributes: packed(open) }),
      entry(idOf(10 * i + 2), { type: KeyType.CERTIFICATE, attributes: packed(certificate) }),
    ]);
  }
  for (let i = 0; i < 100; i++) {
    const attributes = packed({ [LABEL]: label, [PRIVATE]: Uint8Array.of(1), [VALUE_LEN]: Uint8Array.of(16) });
    table.add([entry(idOf(100_000 + i), { type: KeyType.SECRET, attributes })]);
  }
  return table;
}

test('a search looks at no more keys than have the rarest of the values in their group', () => {
  const table = manyKeys();
  const label = { type: LABEL, value: Buffer.from('all the same') };
  const seven = { type: ID, value: number(7) };
  const point = new Uint8Array(65).fill(4).map((byte, at) => (at < 63 ? byte : (number(7)[at - 63] as number)));
  const value = Buffer.concat([Buffer.alloc(5000, 1), number(7), Buffer.alloc(100, 1)]);
  const pair = [idOf(70), idOf(71)];
  const cases: [KeyQuery['values'], string[]][] = [
    [[seven], [...pair, idOf(72)]],
    [
      [label, seven],
      [...pair, idOf(72)],
    ],
    [
      [seven, label],
      [...pair, idOf(72)],
    ],
    [[label, { type: ID, value: number(5000) }], []],
    [[{ type: LABEL, value: Buffer.from('another') }], []],
    [[{ type: SUBJECT, value: Buffer.from('subject 7') }], [idOf(72)]],
    [
      [
        { type: ISSUER, value: Buffer.from('the issuer') },
        { type: SERIAL, value: number(7) },
      ],
      [idOf(72)],
    ],
    [[{ type: VALUE, value }], [idOf(72)]],
    [[{ type: VALUE, value: value.toReversed() }], []],
    // A private key has no such attribute, but tells it: what matters is the public value.
    [[{ type: EC_POINT, value: Buffer.concat([Buffer.of(4, 65), point]) }], pair],
    [[{ type: EC_POINT, value: point }], pair],
    [[{ type: PUBLIC_KEY_INFO, value: Buffer.concat([Buffer.alloc(26, 0x30), point]) }], pair],
    [[{ type: MODULUS, value: Buffer.alloc(256, 1) }], []],
  ];
  for (const [values, expected] of cases) {
    assert.deepEqual(ids(table.search({ ...EVERYTHING, values }, '')), expected, JSON.stringify(values));
    const [first = idOf(0)] = expected;
    assert.deepEqual(ids(table.search({ ...EVERYTHING, values }, first)), expected.slice(1));
  }
});

test('without an indexed value it goes over the groups that may have fitting keys, and no others', () => {
  const table = manyKeys();
  const found = (query: Partial<KeyQuery>): number => ids(table.search({ ...EVERYTHING, ...query }, '')).length;
  assert.equal(found({}), 9100);
  assert.equal(found({ accepts: (isPrivate) => !isPrivate }), 6000);
  assert.equal(found({ accepts: (_, isToken) => !isToken }), 0);
  assert.equal(found({ mayHave: (type) => type === KeyType.SECRET }), 100);
  assert.equal(found({ mayHave: (_, common) => common.get(VALUE_LEN)?.[0] === 16 }), 100);
  assert.equal(found({ mayHave: (_, common) => common.get(VALUE_LEN)?.[0] === 32 }), 0);
  assert.equal(found({ values: [{ type: LABEL, value: Buffer.from('all the same') }] }), 9100);
  let asked = 0;
  found({
    mayHave: () => {
      asked++;
      return false;
    },
  });
  assert.ok(asked < 20, `${asked} sets of attributes for 9100 keys`);
});

test('RSA keys are found by their modulus, whatever their exponent is', () => {
  const table = new KeyTable();
  const modulus = (last: number): Buffer => Buffer.concat([Buffer.alloc(255, 0x5a), Buffer.of(last)]);
  const spki = (last: number, ...exponent: number[]): Buffer =>
    Buffer.concat([Buffer.alloc(29, 0x30), modulus(last), Buffer.of(2, exponent.length, ...exponent)]);
  const type = KeyType.RSA_PRIVATE;
  table.add([
    entry(idOf(1), { type, spki: spki(1, 1, 0, 1) }),
    entry(idOf(2), { type, spki: spki(2, 1, 0, 1) }),
    entry(idOf(3), { type, spki: spki(3, 3) }),
  ]);
  const found = (values: KeyQuery['values']): string[] => ids(table.search({ ...EVERYTHING, values }, ''));
  // Those with an odd exponent are always looked at.
  assert.deepEqual(found([{ type: MODULUS, value: modulus(1) }]), [idOf(1), idOf(3)]);
  assert.deepEqual(found([{ type: MODULUS, value: modulus(3) }]), [idOf(3)]);
  assert.deepEqual(found([{ type: PUBLIC_KEY_INFO, value: spki(2, 1, 0, 1) }]), [idOf(2), idOf(3)]);
});

test('a public value is found at the end of the key, and that of a certificate among its attributes', () => {
  const table = new KeyTable();
  const value = Buffer.alloc(1312, 0x77);
  const spki = Buffer.concat([Buffer.alloc(22, 0x30), value]);
  const certificate = packed({ [VALUE]: Buffer.alloc(700, 1), [PUBLIC_KEY_INFO]: spki });
  table.add([
    entry(idOf(1), { type: KeyType.ML_DSA_PUBLIC, spki }),
    entry(idOf(2), { type: KeyType.CERTIFICATE, attributes: certificate }),
    entry(idOf(3), { type: KeyType.ML_DSA_PUBLIC, spki: Buffer.alloc(1334, 3) }),
  ]);
  const found = (values: KeyQuery['values']): string[] => ids(table.search({ ...EVERYTHING, values }, ''));
  assert.ok(found([{ type: VALUE, value }]).includes(idOf(1)));
  assert.deepEqual(found([{ type: VALUE, value: Buffer.alloc(700, 1) }]), [idOf(2)]);
  assert.deepEqual(found([{ type: PUBLIC_KEY_INFO, value: spki }]), [idOf(1), idOf(2)]);
});

test('session keys are found for their owners only, and leave nothing behind', () => {
  const table = new KeyTable();
  const [one, other] = [1, 2].map((owner) => ({ number: owner, user: User.NORMAL }) as FleetConnection) as [
    FleetConnection,
    FleetConnection,
  ];
  const values = [{ type: ID, value: number(7) }];
  const attributes = packed({ [ID]: number(7) });
  table.add([
    entry(idOf(1), { owner: one, flags: 0, attributes }),
    entry(idOf(2), { owner: other, flags: 0, attributes }),
    entry(idOf(3), { attributes }),
  ]);
  assert.deepEqual(ids(table.search({ ...EVERYTHING, values }, '')), [idOf(3)]);
  assert.deepEqual(ids(table.search({ ...EVERYTHING, values, owners: [one] }, '')), [idOf(1), idOf(3)]);
  const isSession = (_: boolean, isToken: boolean): boolean => !isToken;
  assert.deepEqual(ids(table.search({ ...EVERYTHING, owners: [one, other], accepts: isSession }, '')), [
    idOf(1),
    idOf(2),
  ]);
  assert.deepEqual(ids(table.sessionKeys()), [idOf(1), idOf(2)]);
  table.remove(idOf(1));
  table.remove(idOf(2));
  assert.deepEqual(ids(table.sessionKeys()), []);
  assert.deepEqual(ids(table.search({ ...EVERYTHING, owners: [one, other] }, '')), [idOf(3)]);
  assert.deepEqual(ids(table.after('')), [idOf(3)]);
});

test('a key that becomes private, or changes its values, is where it belongs now', () => {
  const table = new KeyTable();
  const open = entry(idOf(1), { attributes: packed({ [ID]: number(1), [PRIVATE]: Uint8Array.of(0) }) });
  table.add([open, entry(idOf(2), { attributes: packed({ [ID]: number(1), [PRIVATE]: Uint8Array.of(0) }) })]);
  const visible = (value: Uint8Array): string[] =>
    ids(table.search({ ...EVERYTHING, values: [{ type: ID, value }], accepts: (isPrivate) => !isPrivate }, ''));
  table.add([{ ...open, attributes: packed({ [ID]: number(1), [PRIVATE]: Uint8Array.of(1) }) }]);
  assert.deepEqual(visible(number(1)), [idOf(2)]);
  table.add([{ ...open, attributes: packed({ [ID]: number(2), [PRIVATE]: Uint8Array.of(0) }) }]);
  assert.deepEqual(visible(number(1)), [idOf(2)]);
  assert.deepEqual(visible(number(2)), [idOf(1)]);
  assert.equal(table.size, 2);
  assert.deepEqual(ids(table.after('')), [idOf(1), idOf(2)]);
});

const connections = [1, 2].map((owner) => ({ number: owner, user: User.NORMAL }) as FleetConnection);
const smallValue = fc.nat(3).map((byte) => (byte === 0 ? new Uint8Array(0) : Uint8Array.of(byte)));
const someAttributes = fc.dictionary(
  fc.constantFrom(...[LABEL, ID, SUBJECT, VALUE, PRIVATE, VALUE_LEN].map(String)),
  smallValue,
);
const someEntry = fc
  .record({
    number: fc.nat(30),
    type: fc.constantFrom(KeyType.EC_PRIVATE, KeyType.EC_PUBLIC, KeyType.CERTIFICATE),
    owner: fc.constantFrom(undefined, undefined, ...connections),
    attributes: someAttributes,
    isMap: fc.boolean(),
  })
  .map(({ number: id, type, owner, attributes, isMap }) => {
    const values = packed(attributes);
    const flags = owner ? 0 : KeyFlags.TOKEN;
    return entry(idOf(id), { type, owner, flags, attributes: isMap ? new Map(values) : values });
  });

test('a search gives what going over all keys would give, whatever was entered, replaced and removed before', () => {
  const change = fc.oneof(
    fc.record({ add: fc.array(someEntry, { maxLength: 20 }) }),
    fc.record({ remove: fc.nat(30) }),
  );
  const values = fc.array(
    fc.record({ type: fc.constantFrom(LABEL, ID, SUBJECT, VALUE, VALUE_LEN), value: smallValue }),
    { maxLength: 3 },
  );
  fc.assert(
    fc.property(
      fc.array(change, { maxLength: 12 }),
      values,
      fc.nat(2),
      fc.boolean(),
      fc.nat(30),
      (changes, wanted, owners, open, from) => {
        const table = new KeyTable();
        const model = new Map<string, KeyEntry>();
        for (const step of changes) {
          if ('remove' in step) {
            table.remove(idOf(step.remove));
            model.delete(idOf(step.remove));
            continue;
          }
          table.add(step.add);
          for (const one of step.add) model.set(one.id, one);
        }
        const owning = connections.slice(0, owners);
        const query: KeyQuery = {
          owners: owning,
          values: wanted,
          accepts: (isSecret) => !open || !isSecret,
          mayHave: (_, common) =>
            wanted.every(({ type, value }) => Buffer.compare(common.get(type) ?? value, value) === 0),
        };
        const allowed = (one: KeyEntry): boolean =>
          (!one.owner || owning.includes(one.owner)) && (!open || !isPrivate(one)) && one.id > idOf(from);
        const has = (one: KeyEntry, type: number, value: Uint8Array): boolean => {
          const own = one.attributes.get(type) ?? (type === LABEL || type === ID ? new Uint8Array(0) : undefined);
          return own !== undefined && Buffer.compare(own, value) === 0;
        };
        const fitting = [...model.values()].filter(
          (one) => allowed(one) && wanted.every(({ type, value }) => has(one, type, value)),
        );
        const found = [...table.search(query, idOf(from))];
        assert.deepEqual(ids(found), ids(found).toSorted(), 'ascending');
        assert.equal(new Set(found).size, found.length, 'none twice');
        assert.ok(found.every((one) => allowed(one) && model.get(one.id) === one));
        for (const one of fitting) assert.ok(found.includes(one), `${one.id} is missing`);
        assert.deepEqual(ids(table.after('')), [...model.keys()].toSorted());
        assert.equal(table.size, model.size);
        for (const owner of connections) {
          const own = [...model.values()].filter((one) => one.owner === owner).map(({ id }) => id);
          assert.deepEqual(ids(table.ownedBy(owner)), own.toSorted());
        }
      },
    ),
    { numRuns: 500 },
  );
});
