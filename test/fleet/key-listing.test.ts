import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Connection } from '#src/fleet/connection.ts';
import { type Device } from '#src/fleet/device.ts';
import { KeyListing } from '#src/fleet/key-listing.ts';
import { KeyTable } from '#src/fleet/key-table.ts';
import { entryFromFacts, type KeyFacts } from '#src/fleet/key-entry.ts';
import { KeyType } from '#src/wire/enumerations.ts';

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

/** A device with as many keys as a test wants, which it lists in pages; `before` runs before each page is answered. */
function fullDevice(index: number, keys: readonly KeyFacts[], before: (page: number) => void | Promise<void>): Device {
  const sorted = keys.toSorted((a, b) => Buffer.compare(a.key, b.key));
  let page = 0;
  const call = async (_name: string, { after, limit }: { after: Uint8Array; limit: number }): Promise<unknown> => {
    await before(page++);
    const behind = sorted.filter(({ key }) => Buffer.compare(key, after) > 0);
    return { more: behind.length > limit ? 1 : 0, keys: behind.slice(0, limit) };
  };
  return { index, running: true, call } as unknown as Device;
}

function facts(number: number, device: number, values: Partial<KeyFacts> = {}): KeyFacts {
  const uuid = (kind: number): Uint8Array => {
    const bytes = new Uint8Array(16).fill(kind);
    new DataView(bytes.buffer).setUint32(4, number * 7919);
    return bytes;
  };
  return {
    key: uuid(0xd0 + device),
    name: uuid(0x70),
    type: 3,
    curve: 1,
    bits: 256,
    flags: 9,
    session: 0,
    spki: Uint8Array.of(number >>> 8, number),
    attributes: [{ type: 0x003, value: Buffer.from(`key ${number}`) }],
    ...values,
  };
}

test('some thousands of keys of two devices come in pages, and are as their devices say', async () => {
  const keys = new KeyTable();
  const pages = [0, 0];
  const devices = [0, 1].map((index) =>
    fullDevice(
      index,
      Array.from({ length: 2500 }, (_, i) => facts(2 * i + index, index)),
      () => {
        pages[index] = (pages[index] ?? 0) + 1;
      },
    ),
  );
  const found = await new KeyListing(keys, devices).build(connection);
  assert.deepEqual([found.size, keys.size], [5000, 5000]);
  assert.ok(
    pages.every((count) => count > 2),
    String(pages),
  );
  for (const number of [0, 1, 2047, 2048, 4999]) {
    const wanted = facts(number, number % 2);
    const [entry] = keys.byAttribute(0x003, Buffer.from(`key ${number}`));
    assert.deepEqual(entry?.name, wanted.name);
    assert.deepEqual(entry?.copies.get(number % 2), wanted.key);
    assert.deepEqual(entry?.spki, wanted.spki);
    assert.equal(entry?.copies.size, 1);
  }
});

test('what happens to keys while they are listed is not undone by the listing', async () => {
  const keys = new KeyTable();
  const listed = Array.from({ length: 3000 }, (_, i) => facts(i, 0));
  const early = facts(5000, 0);
  const first = listed.toSorted((a, b) => Buffer.compare(a.key, b.key))[0] as KeyFacts;
  const listing = new KeyListing(keys, [fullDevice(0, listed, () => {})]);
  await listing.build(connection);
  const again = new KeyListing(keys, [
    fullDevice(0, listed, (page) => {
      if (page !== 1) return;
      // Another client destroys a key of the first page and makes a new one that is before it.
      keys.remove(first.name.toHex());
      keys.add([entryFromFacts(0, early)]);
    }),
  ]);
  await again.build(connection);
  assert.equal(keys.get(first.name.toHex()), undefined);
  assert.ok(keys.get(early.name.toHex()));
  assert.equal(keys.size, 3000);
});

test('keys that their device does not list any more leave the table', async () => {
  const keys = new KeyTable();
  const listed = Array.from({ length: 100 }, (_, i) => facts(i, 0));
  await new KeyListing(keys, [fullDevice(0, listed, () => {})]).build(connection);
  await new KeyListing(keys, [fullDevice(0, listed.slice(1), () => {})]).build(connection);
  assert.equal(keys.size, 99);
  assert.equal(keys.get(facts(0, 0).name.toHex()), undefined);
});

test('the name belongs to the key of the first device, whichever answers first', async () => {
  for (const slow of [0, 1]) {
    const keys = new KeyTable();
    const wait = Promise.withResolvers<void>();
    const devices = [0, 1].map((index) =>
      fullDevice(index, [facts(1, index, { spki: Uint8Array.of(index) })], () =>
        index === slow ? wait.promise : undefined,
      ),
    );
    const built = new KeyListing(keys, devices).build(connection);
    setImmediate(() => wait.resolve());
    await built;
    const other = facts(1, 1).key.toHex();
    assert.deepEqual(copiesOf(keys), { [facts(1, 0).name.toHex()]: [0], [other]: [1] });
  }
});

test('secret keys of the same name are copies only if their check values agree', async () => {
  const CHECK_VALUE = 0x090;
  const secret = (device: number, check: number): KeyFacts =>
    facts(1, device, {
      type: KeyType.SECRET,
      spki: new Uint8Array(0),
      attributes: [{ type: CHECK_VALUE, value: Uint8Array.of(1, 2, check) }],
    });
  for (const [check, size] of [
    [3, 1],
    [4, 2],
  ] as const) {
    const keys = new KeyTable();
    const devices = [fullDevice(0, [secret(0, 3)], () => {}), fullDevice(1, [secret(1, check)], () => {})];
    await new KeyListing(keys, devices).build(connection);
    assert.equal(keys.size, size);
  }
});
