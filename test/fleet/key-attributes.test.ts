import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { KeyAttributes, ownSize } from '#src/fleet/key-attributes.ts';

const LABEL = 0x003;
const SIGN = 0x108;

const attributes = fc
  .uniqueArray(
    fc.record({
      type: fc.oneof(fc.constantFrom(LABEL, 0x102, SIGN, 0x180, 0x8d4b_5001), fc.nat(0x200)),
      value: fc.uint8Array({ maxLength: 40 }),
    }),
    { selector: ({ type }) => type, maxLength: 60 },
  )
  .map((list) => list.map(({ type, value }) => ({ type, value: new Uint8Array(value) })));

const ascending = (a: number, b: number): number => a - b;

const inOrder = (map: ReadonlyMap<number, Uint8Array>): [number, string][] =>
  [...map].map(([type, value]): [number, string] => [type, value.toHex()]).sort(([a], [b]) => a - b);

test('the attributes of a key are as they were given, whatever is kept where', () => {
  fc.assert(
    fc.property(attributes, fc.nat(9), (given, start) => {
      const model = new Map(given.map(({ type, value }) => [type, value]));
      const room = new Uint8Array(start + ownSize(given)).fill(0xee);
      const packed = new KeyAttributes(given, room, start);
      assert.deepEqual(inOrder(packed), inOrder(model));
      assert.equal(packed.size, model.size);
      assert.deepEqual([...packed.keys()].sort(ascending), [...model.keys()].sort(ascending));
      assert.equal([...packed.values()].length, model.size);
      const each: number[] = [];
      packed.forEach((_value, type) => each.push(type));
      assert.deepEqual(each.sort(ascending), [...model.keys()].sort(ascending));
      for (const type of [...model.keys(), LABEL, SIGN, 0x7fff_ffff]) {
        assert.deepEqual(packed.get(type), model.get(type));
        assert.equal(packed.has(type), model.has(type));
      }
      assert.ok(
        room.subarray(0, start).every((byte) => byte === 0xee),
        'what is before it is left alone',
      );
    }),
  );
});

test('the values are copies: the message they came in is used again', () => {
  const given = [
    { type: LABEL, value: Uint8Array.of(1, 2, 3) },
    { type: SIGN, value: Uint8Array.of(1) },
    { type: 0x105, value: Uint8Array.of(7, 7, 7, 7) },
  ];
  const packed = new KeyAttributes(given);
  for (const { value } of given) value.fill(0xff);
  assert.deepEqual(inOrder(packed), [
    [LABEL, '010203'],
    [0x105, '07070707'],
    [SIGN, '01'],
  ]);
});

test('what keys have alike exists once, what is their own does not', () => {
  const key = (label: string, sign: number): KeyAttributes =>
    new KeyAttributes([
      { type: SIGN, value: Uint8Array.of(sign) },
      { type: LABEL, value: Buffer.from(label) },
      { type: 0x101, value: new Uint8Array(0) },
    ]);
  assert.equal(key('a', 1).common, key('b', 1).common);
  assert.notEqual(key('a', 1).common, key('a', 0).common);
  assert.deepEqual([...key('a', 1).common.keys()], [SIGN, 0x101]);
  assert.equal(Buffer.from(key('b', 1).get(LABEL) ?? []).toString(), 'b');
});

test('an owner of keys who makes them all different gets them all right', () => {
  const number = (i: number): Uint8Array => Uint8Array.of(i >>> 8, i & 255);
  const keys = Array.from({ length: 5000 }, (_, i) => new KeyAttributes([{ type: 0x170, value: number(i) }]));
  for (const [i, key] of keys.entries()) assert.deepEqual(key.get(0x170), number(i));
});
