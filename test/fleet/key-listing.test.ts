import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Connection } from '#src/fleet/connection.ts';
import { type Device } from '#src/fleet/device.ts';
import { KeyListing } from '#src/fleet/key-listing.ts';
import { KeyTable } from '#src/fleet/key-table.ts';

const NAME = new Uint8Array(16).fill(7);
const connection = { number: 1, tickets: new Map([0, 1].map((index) => [index, new Uint8Array(1)])) } as Connection;

/** A device that holds one key called {@link NAME}. */
function device(index: number, spki: number): Device & { running: boolean } {
  const facts = { key: new Uint8Array(16).fill(0xa0 + index), name: NAME, type: 3, curve: 1, bits: 256, flags: 9 };
  const keys = [{ ...facts, session: 0, spki: Uint8Array.of(spki), attributes: [] }];
  return { index, running: true, call: () => Promise.resolve({ more: 0, keys }) } as unknown as Device & {
    running: boolean;
  };
}

const copiesOf = (keys: KeyTable) =>
  Object.fromEntries([...keys.after('')].map(({ id, copies }) => [id, [...copies.keys()]]));

const ID = NAME.toHex();

test('the same key on two devices is one key with two copies', async () => {
  const keys = new KeyTable();
  await new KeyListing(keys, [device(0, 1), device(1, 1)]).build(connection);
  assert.deepEqual(copiesOf(keys), { [ID]: [0, 1] });
});

test('another key of the same name is no copy: it goes by its UUID on the device', async () => {
  const keys = new KeyTable();
  await new KeyListing(keys, [device(0, 1), device(1, 2)]).build(connection);
  assert.deepEqual(copiesOf(keys), { [ID]: [0], ['a1'.repeat(16)]: [1] });
});

test('nor is it when its device comes back later', async () => {
  const keys = new KeyTable();
  const late = device(1, 2);
  const listing = new KeyListing(keys, [device(0, 1), late]);
  late.running = false;
  await listing.build(connection);
  assert.deepEqual(copiesOf(keys), { [ID]: [0] });
  late.running = true;
  await listing.complete(connection);
  assert.deepEqual(copiesOf(keys), { [ID]: [0], ['a1'.repeat(16)]: [1] });
});
