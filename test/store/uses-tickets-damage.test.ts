import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, describe, test } from 'node:test';
import { hashPin, verifyPin } from '#src/crypto/pin-hash.ts';
import { SqliteKeyStore } from '#src/store/sqlite-key-store.ts';
import { type StoredKey } from '#src/store/stored-key.ts';
import { KeyType, User } from '#src/wire/enumerations.ts';
import { HalStatus } from '#src/wire/status.ts';

const folder = mkdtempSync(join(tmpdir(), 'dks-store-'));
after(() => rmSync(folder, { recursive: true, force: true }));

let files = 0;
const newPath = () => join(folder, `${++files}.db`);
const ANY = { type: 0, curve: 0, mask: 0, flags: 0 };
const ZERO = new Uint8Array(16);

function uuid(number: number): Uint8Array {
  const bytes = new Uint8Array(16);
  new DataView(bytes.buffer).setUint32(12, number);
  return bytes;
}

/** A certificate: nothing of it is secret. */
function object(number: number): StoredKey {
  return {
    uuid: uuid(number),
    name: uuid(0x1000_0000 + number),
    type: KeyType.CERTIFICATE,
    curve: 0,
    bits: 0,
    flags: 0x18,
    spki: new Uint8Array(0),
    wrapped: undefined,
    checkValue: new Uint8Array(4),
    attributes: [{ type: 0x11, value: new Uint8Array([number]) }],
  };
}

describe('counts of uses', () => {
  test('add up, over a restart, and end with the key', () => {
    const path = newPath();
    const store = new SqliteKeyStore({ path, maxKeys: 10 });
    store.insert([object(1), object(2)]);
    assert.equal(store.uses(uuid(1)), 0);
    store.addUses([
      { uuid: uuid(1), count: 3 },
      { uuid: uuid(2), count: 1 },
      { uuid: uuid(9), count: 5 },
    ]);
    store.addUses([{ uuid: uuid(1), count: 4 }]);
    assert.deepEqual([store.uses(uuid(1)), store.uses(uuid(2)), store.uses(uuid(9))], [7, 1, 0]);
    store.close();
    const again = new SqliteKeyStore({ path, maxKeys: 10 });
    assert.equal(again.uses(uuid(1)), 7);
    again.delete([uuid(1)]);
    again.insert([object(1)]);
    assert.equal(again.uses(uuid(1)), 0);
    again.close();
  });
});

describe('login tickets', () => {
  test('are those of one run; those of another run are forgotten', () => {
    const path = newPath();
    const [first, second] = [uuid(100), uuid(200)];
    const store = new SqliteKeyStore({ path, maxKeys: 10 });
    assert.deepEqual(store.tickets(first), []);
    store.setTicket(first, { connection: 5, serial: uuid(1) });
    store.setTicket(first, { connection: 6, serial: uuid(2) });
    store.setTicket(first, { connection: 5, serial: uuid(3) });
    store.deleteTicket(6);
    store.deleteTicket(7);
    store.close();
    const again = new SqliteKeyStore({ path, maxKeys: 10 });
    assert.deepEqual(
      again.tickets(first).map(({ connection, serial }) => ({ connection, serial })),
      [{ connection: 5, serial: uuid(3) }],
    );
    assert.deepEqual(again.tickets(second), []);
    assert.deepEqual(again.tickets(first), []);
    again.close();
  });
});

describe('a damaged row', () => {
  test('is reported and hides no other key', () => {
    const path = newPath();
    const numbers = Array.from({ length: 12 }, (_, i) => i + 1);
    const store = new SqliteKeyStore({ path, maxKeys: 100 });
    store.insert(numbers.map(object));
    store.close();
    const database = new DatabaseSync(path);
    const damage = database.prepare("UPDATE key SET attributes = x'01000000' WHERE uuid = ?");
    const damaged = [1, 5, 6, 7, 12];
    for (const number of damaged) damage.run(uuid(number));
    database.close();

    const reported: number[] = [];
    const onDamage = (bad: Uint8Array): void => {
      reported.push(bad[15] as number);
    };
    const again = new SqliteKeyStore({ path, maxKeys: 100, onDamage });
    const good = numbers.filter((number) => !damaged.includes(number));
    const numberOf = ({ uuid: bytes }: StoredKey) => bytes[15];
    assert.deepEqual(again.list(ZERO, 100).map(numberOf), good);
    assert.deepEqual([...new Set(reported)], damaged);
    // Pages of two: the three damaged rows in the middle neither end the listing nor come back.
    const paged: (number | undefined)[] = [];
    for (let page = again.list(ZERO, 2); page.length > 0; page = again.list(page.at(-1)?.uuid ?? ZERO, 2)) {
      paged.push(...page.map(numberOf));
    }
    assert.deepEqual(paged, good);
    assert.deepEqual([...again.match(ANY, ZERO)].map(numberOf), good);
    assert.throws(() => again.get(uuid(5)), { status: HalStatus.BAD_ATTRIBUTE_LENGTH });
    again.delete([uuid(5)]);
    assert.equal(again.get(uuid(5)), undefined);
    again.close();
  });
});

test('all keys go at once; PINs stay', async () => {
  const store = new SqliteKeyStore({ path: newPath(), maxKeys: 3 });
  store.setPin(User.SO, await hashPin(Buffer.from('1234')));
  store.insert([object(1), object(2), object(3)]);
  assert.throws(() => store.insert([object(4)]), { status: HalStatus.NO_KEY_INDEX_SLOTS });
  assert.equal(store.deleteAll(), 3);
  assert.equal(store.size, 0);
  assert.deepEqual(store.list(ZERO, 10), []);
  assert.ok(store.pin(User.SO));
  store.insert([object(4)]);
  store.close();
});

test('a PIN that is replaced stays valid beside the new one until that is settled', async () => {
  const store = new SqliteKeyStore({ path: newPath(), maxKeys: 3 });
  const [old, next] = [await hashPin(Buffer.from('old pin')), await hashPin(Buffer.from('new pin'))];
  store.setPin(User.NORMAL, old);
  store.replacePin(User.NORMAL, old, next);
  assert.equal(await verifyPin(Buffer.from('new pin'), store.pin(User.NORMAL)), true);
  assert.equal(await verifyPin(Buffer.from('old pin'), store.keptPin(User.NORMAL)), true);
  store.settlePin(User.NORMAL, next);
  assert.equal(store.keptPin(User.NORMAL), undefined);
  store.close();
});
