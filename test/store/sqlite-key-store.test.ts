import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, describe, test } from 'node:test';
import fc from 'fast-check';
import { deriveKey } from '#src/crypto/derive-key.ts';
import { wrapKey } from '#src/crypto/key-wrap.ts';
import { hashPin, verifyPin } from '#src/crypto/pin-hash.ts';
import { decodeAttributes, encodeAttributes } from '#src/store/attributes-v1.ts';
import { bindRow, checkValueOf, isSealed, unwrapRow, wrapForRow } from '#src/store/key-wrapping.ts';
import { decodePinRecord, encodePinRecord } from '#src/store/pin-record-v1.ts';
import { SqliteKeyStore } from '#src/store/sqlite-key-store.ts';
import { type StoredKey } from '#src/store/stored-key.ts';
import { Curve, KeyType, User } from '#src/wire/enumerations.ts';
import { HalStatus } from '#src/wire/status.ts';

const folder = mkdtempSync(join(tmpdir(), 'dks-store-'));
after(() => rmSync(folder, { recursive: true, force: true }));

let files = 0;
const newPath = () => join(folder, `${++files}.db`);
const open = (path = newPath(), maxKeys = 1000) => new SqliteKeyStore({ path, maxKeys });

const MASTER_KEY = Buffer.alloc(32, 7);
const PKCS8 = Buffer.from('the secret of the key');
const ZERO = new Uint8Array(16);

function uuid(number: number): Uint8Array {
  const bytes = new Uint8Array(16);
  new DataView(bytes.buffer).setUint32(12, number);
  return bytes;
}

function key(number: number, changes: Partial<StoredKey> = {}): StoredKey {
  const identity = {
    uuid: uuid(number),
    name: uuid(0x1000_0000 + number),
    type: KeyType.EC_PRIVATE,
    curve: Curve.P256,
    bits: 256,
    flags: 9,
    spki: new Uint8Array(91).fill(number),
  };
  return {
    ...identity,
    wrapped: new Uint8Array(wrapForRow(MASTER_KEY, identity, PKCS8)),
    checkValue: new Uint8Array(checkValueOf(MASTER_KEY)),
    attributes: [{ type: 3, value: new Uint8Array([number]) }],
    ...changes,
  };
}

describe('one-time keys', () => {
  const range = { uuid: uuid(1), identifier: uuid(77), start: 0, end: 32 };
  const above = new Uint8Array(32).fill(5);

  test('move on only from where they stand, and stay there over a restart', () => {
    const path = newPath();
    const store = open(path);
    store.insert([key(1)], [range]);
    const start = store.oneTimePosition(uuid(1));
    assert.ok(start);
    const next = { leaf: 0, below: 7, end: 32, above };
    assert.equal(store.moveOneTimePosition(uuid(1), start, next), true);
    assert.equal(store.moveOneTimePosition(uuid(1), start, next), false);
    assert.equal(store.moveOneTimePosition(uuid(2), start, next), false);
    assert.equal(store.moveOneTimePosition(uuid(1), { ...next, end: 31 }, { ...next, below: 9 }), false);
    store.close();
    const again = open(path);
    assert.deepEqual(again.oneTimePosition(uuid(1)), next);
    assert.throws(() => again.moveOneTimePosition(uuid(1), next, { ...next, leaf: 33 }));
    again.close();
  });

  test('of one identifier come into a store once, also after the key was destroyed', () => {
    const store = open();
    store.insert([key(1)], [range]);
    const again = () => store.insert([key(2)], [{ ...range, uuid: uuid(2) }]);
    assert.throws(again, { status: HalStatus.KEY_NAME_IN_USE });
    assert.equal(store.get(uuid(2)), undefined);
    store.delete([uuid(1)]);
    assert.equal(store.oneTimePosition(uuid(1)), undefined);
    assert.throws(again, { status: HalStatus.KEY_NAME_IN_USE });
    assert.equal(store.size, 0);
    store.close();
  });
});

describe('key store', () => {
  test('gives back what was stored, also after it was opened again', () => {
    const path = newPath();
    const keys = [key(2), key(1, { wrapped: undefined, attributes: [] })];
    const first = open(path);
    first.insert(keys);
    first.close();
    const store = open(path);
    assert.equal(store.size, 2);
    for (const stored of keys) {
      assert.deepEqual(store.get(stored.uuid), stored);
      assert.deepEqual(store.getByName(stored.name), stored);
    }
    assert.equal(store.get(uuid(3)), undefined);
    assert.deepEqual(store.ticketKey, first.ticketKey);
    store.close();
  });

  test('two keys of one transaction: both or none', () => {
    const store = open();
    store.insert([key(1)]);
    assert.throws(() => store.insert([key(2), key(3, { name: key(1).name })]), { status: HalStatus.KEY_NAME_IN_USE });
    assert.equal(store.size, 1);
    assert.equal(store.get(uuid(2)), undefined);
    store.insert([key(2), key(3)]);
    assert.equal(store.size, 3);
    store.close();
  });

  test('lists in ascending order of the device UUID, page by page', () => {
    const store = open();
    store.insert([5, 0x80, 1, 0x90, 300].map((number) => key(number)));
    const page = store.list(ZERO, 2).map((stored) => stored.uuid);
    assert.deepEqual(page, [uuid(1), uuid(5)]);
    assert.deepEqual(
      store.list(uuid(5), 10).map((stored) => stored.uuid),
      [uuid(0x80), uuid(0x90), uuid(300)],
    );
    // The end of a page need not exist any more.
    assert.equal(store.list(uuid(6), 10).length, 3);
    store.close();
  });

  test('matches type, curve and flags over more keys than one batch', () => {
    const store = open();
    store.insert(
      Array.from({ length: 600 }, (_, index) =>
        key(index + 1, index % 3 === 0 ? { type: KeyType.EC_PUBLIC, flags: 0x1b } : {}),
      ),
    );
    const count = (filter: Parameters<SqliteKeyStore['match']>[0]) => [...store.match(filter, ZERO)].length;
    assert.equal(count({ type: 0, curve: 0, mask: 0, flags: 0xff }), 600);
    assert.equal(count({ type: KeyType.EC_PUBLIC, curve: Curve.P256, mask: 0, flags: 0 }), 200);
    assert.equal(count({ type: 0, curve: 0, mask: 0x10, flags: 0 }), 400);
    assert.equal(count({ type: 0, curve: Curve.P384, mask: 0, flags: 0 }), 0);
    store.close();
  });

  test('deletes all or none, and missing keys count as deleted', () => {
    const store = open();
    store.insert([key(1), key(2), key(3)]);
    store.delete([uuid(1), uuid(9), uuid(3)]);
    assert.equal(store.size, 1);
    assert.deepEqual(
      store.list(ZERO, 10).map((stored) => stored.uuid),
      [uuid(2)],
    );
    store.close();
  });

  test('replaces attributes; a key that is gone is an error', () => {
    const store = open();
    store.insert([key(1)]);
    const attributes = [{ type: 0x102, value: new Uint8Array(70_000).fill(1) }];
    const binding = bindRow(MASTER_KEY, key(1), attributes, PKCS8);
    store.setAttributes(uuid(1), attributes, binding);
    assert.deepEqual(store.get(uuid(1))?.attributes, attributes);
    assert.throws(() => store.setAttributes(uuid(2), [], binding), { status: HalStatus.KEY_NOT_FOUND });
    store.close();
  });

  test('is limited to a number of keys', () => {
    const store = open(newPath(), 2);
    store.insert([key(1)]);
    assert.throws(() => store.insert([key(2), key(3)]), { status: HalStatus.NO_KEY_INDEX_SLOTS });
    store.insert([key(2)]);
    store.delete([uuid(1)]);
    store.insert([key(3)]);
    store.close();
  });

  test('a full disk: an error that says what to do, nothing half made, and it works again afterwards', () => {
    const path = newPath();
    const store = new SqliteKeyStore({ path, maxKeys: 1000, maxBytes: 100_000 });
    const large = (number: number) => key(number, { attributes: [{ type: 3, value: new Uint8Array(20_000) }] });
    let stored = 0;
    assert.throws(() => {
      for (;;) {
        store.insert([large(stored + 1), large(stored + 2)]);
        stored += 2;
      }
    }, /full: free some space/);
    assert.ok(stored > 0);
    assert.equal(store.size, stored);
    assert.equal(store.list(ZERO, 100).length, stored);
    store.delete([uuid(1), uuid(2)]);
    store.insert([large(500)]);
    store.close();
    const again = open(path);
    assert.equal(again.size, stored - 1);
    again.close();
  });

  test('a second process cannot open it', () => {
    const path = newPath();
    const store = open(path);
    const script = `
      import { DatabaseSync } from 'node:sqlite';
      try { new DatabaseSync(process.argv[1], { timeout: 0 }).prepare('SELECT * FROM key').all(); }
      catch (error) { console.log(error.message); }`;
    const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script, path], { encoding: 'utf8' });
    assert.match(stdout, /database is locked/);
    store.close();
  });

  test('a file that is not a key store, or is of a newer program, is refused and stays as it is', () => {
    const path = newPath();
    writeFileSync(path, 'something else entirely, and longer than a header of SQLite would be, to be sure');
    assert.throws(() => open(path), /is not a key store: restore it from a backup/);
    assert.match(readFileSync(path, 'latin1'), /^something else/);

    const newer = newPath();
    open(newer).close();
    const database = new DatabaseSync(newer);
    database.exec('PRAGMA user_version = 99');
    database.close();
    assert.throws(() => open(newer), /version 99.*install the newer program/);
  });

  test('a store of version 1 keeps its keys and can take hash-based ones', () => {
    const path = newPath();
    const old = open(path);
    old.insert([key(1)]);
    old.close();
    const database = new DatabaseSync(path);
    database.exec('DROP TABLE key_use; DROP TABLE login_ticket; DROP TABLE one_time_keys');
    database.exec('DROP INDEX key_unbound; ALTER TABLE key DROP COLUMN seal');
    database.exec('ALTER TABLE pin DROP COLUMN kept; PRAGMA user_version = 1');
    database.close();
    const store = open(path);
    assert.deepEqual(store.get(uuid(1)), key(1));
    store.addUses([{ uuid: uuid(1), count: 2 }]);
    assert.equal(store.uses(uuid(1)), 2);
    store.insert([key(2)], [{ uuid: uuid(2), identifier: uuid(77), start: 4, end: 32 }]);
    assert.deepEqual(store.oneTimePosition(uuid(2)), { leaf: 4, below: 0, end: 32, above: undefined });
    store.close();
  });

  test('a folder that does not exist is an error that names the path', () => {
    assert.throws(() => open(join(folder, 'missing', 'k.db')), {
      status: HalStatus.KEYSTORE_ACCESS,
      message: /missing/,
    });
  });

  test('a new store has the factory PIN of wheel and no others', async () => {
    const store = open();
    const factory = Buffer.from('YouReallyNeedToChangeThisPINRightNowWeAreNotKidding');
    assert.equal(await verifyPin(factory, store.pin(User.WHEEL)), true);
    assert.equal(store.pin(User.SO), undefined);
    assert.equal(store.pin(User.NORMAL), undefined);
    store.close();
  });

  test('keeps PINs and counts of failures', async () => {
    const path = newPath();
    const store = open(path);
    const record = await hashPin(Buffer.from('1234'));
    store.setPin(User.SO, record);
    store.setPinFailures(User.SO, 3);
    store.close();
    const again = open(path);
    assert.equal(await verifyPin(Buffer.from('1234'), again.pin(User.SO)), true);
    assert.equal(again.pinFailures(User.SO), 3);
    assert.equal(again.pinFailures(User.WHEEL), 0);
    again.setPin(User.SO, undefined);
    assert.equal(again.pin(User.SO), undefined);
    again.close();
  });

  test('holds no key in the clear', () => {
    const path = newPath();
    const store = open(path);
    store.insert([key(1)]);
    const bytes = Buffer.concat([readFileSync(path), readFileSync(`${path}-wal`)]);
    assert.equal(bytes.includes(PKCS8), false);
    assert.equal(bytes.includes(MASTER_KEY), false);
    store.close();
  });

  test('tells under which master keys the keys were made', () => {
    const store = open();
    assert.deepEqual(store.checkValues(), []);
    const other = new Uint8Array(checkValueOf(Buffer.alloc(32, 8)));
    store.insert([key(1), key(2), key(3, { checkValue: other })]);
    assert.equal(store.checkValues().length, 2);
    store.delete([uuid(3)]);
    assert.deepEqual(store.checkValues(), [new Uint8Array(checkValueOf(MASTER_KEY))]);
    store.close();
  });
});

describe('wrapped keys', () => {
  test('unwrap under the master key they were made with, and under no other', () => {
    assert.deepEqual(Buffer.from(unwrapRow(MASTER_KEY, key(1))), PKCS8);
    assert.throws(() => unwrapRow(Buffer.alloc(32, 8), key(1)), { status: HalStatus.KEYWRAP_BAD_MAGIC });
  });

  test('long public keys, those of RSA up to 7,416 bits in the form that stores have already', () => {
    const identity = (length: number, fill: number) => ({ ...key(1), spki: new Uint8Array(length).fill(fill) });
    for (const length of [965, 966, 4000]) {
      const wrapped = wrapForRow(MASTER_KEY, identity(length, 1), PKCS8);
      assert.deepEqual(Buffer.from(unwrapRow(MASTER_KEY, { ...identity(length, 1), wrapped })), PKCS8);
      const other = { ...identity(length, 2), wrapped };
      assert.throws(() => unwrapRow(MASTER_KEY, other), { status: HalStatus.KEYWRAP_BAD_MAGIC });
    }
    const { uuid: own, name, type, curve, bits, flags, spki } = identity(965, 1);
    const numbers = Buffer.alloc(16);
    [type, curve, bits, flags].forEach((number, index) => numbers.writeUInt32BE(number, 4 * index));
    const rowKey = deriveKey(MASTER_KEY, 'key row v1', Buffer.concat([own, name, numbers, spki]), 32);
    const wrapped = new Uint8Array(wrapKey(rowKey, PKCS8));
    assert.deepEqual(Buffer.from(unwrapRow(MASTER_KEY, { ...identity(965, 1), wrapped })), PKCS8);
  });

  test('do not unwrap in a row of another identity', () => {
    const changes: Partial<StoredKey>[] = [
      { uuid: uuid(2) },
      { name: uuid(2) },
      { type: KeyType.RSA_PRIVATE },
      { curve: Curve.P384 },
      { bits: 384 },
      { flags: 0x29 },
      { spki: new Uint8Array(91).fill(2) },
    ];
    for (const change of changes) {
      assert.throws(() => unwrapRow(MASTER_KEY, { ...key(1), ...change }), { status: HalStatus.KEYWRAP_BAD_MAGIC });
    }
  });
});

describe('attributes', () => {
  const attributes = [{ type: 3, value: new Uint8Array([1]) }];
  const other = [{ type: 3, value: new Uint8Array([2]) }];

  test('are bound by the wrapping: with others, or as if nothing bound them, the key does not unwrap', () => {
    const row: StoredKey = { ...key(1), attributes, ...bindRow(MASTER_KEY, key(1), attributes, PKCS8) };
    assert.deepEqual(Buffer.from(unwrapRow(MASTER_KEY, row)), PKCS8);
    for (const change of [{ attributes: other }, { attributes: [] }, { seal: undefined }, { flags: 0x29 }]) {
      assert.throws(() => unwrapRow(MASTER_KEY, { ...row, ...change }), { status: HalStatus.KEYWRAP_BAD_MAGIC });
    }
  });

  test('of rows without a secret are sealed together with the public key', () => {
    const row: StoredKey = { ...key(1), attributes, ...bindRow(MASTER_KEY, key(1), attributes, undefined) };
    assert.equal(row.wrapped, undefined);
    assert.equal(isSealed(MASTER_KEY, row), true);
    const changes: Partial<StoredKey>[] = [
      { attributes: other },
      { spki: new Uint8Array(91).fill(2) },
      { uuid: uuid(2) },
      { seal: undefined },
      { seal: new Uint8Array(0) },
      { seal: new Uint8Array(32) },
    ];
    for (const change of changes) assert.equal(isSealed(MASTER_KEY, { ...row, ...change }), false);
  });
});

describe('stored forms', () => {
  test('attributes come back as they were', () => {
    const attribute = fc.record(
      { type: fc.nat(0xffff_ffff), value: fc.uint8Array({ maxLength: 300 }) },
      { noNullPrototype: true },
    );
    fc.assert(
      fc.property(fc.array(attribute, { maxLength: 20 }), (attributes) => {
        assert.deepEqual(decodeAttributes(encodeAttributes(attributes)), attributes);
      }),
    );
  });

  test('attributes cut anywhere but between two are refused', () => {
    const bytes = encodeAttributes([
      { type: 1, value: new Uint8Array(5) },
      { type: 2, value: new Uint8Array(3) },
    ]);
    const between = new Set([1, 14]);
    for (let length = 0; length < bytes.length; length++) {
      if (between.has(length)) continue;
      assert.throws(() => decodeAttributes(bytes.subarray(0, length)), { status: HalStatus.BAD_ATTRIBUTE_LENGTH });
    }
  });

  test('PIN records of both schemes come back; damaged ones are refused', async () => {
    const scrypt = await hashPin(Buffer.from('1234'));
    const old = {
      scheme: 'pbkdf2-sha256',
      iterations: 2000,
      salt: new Uint8Array(16),
      value: new Uint8Array(64),
    } as const;
    for (const record of [scrypt, old]) {
      const bytes = encodePinRecord(record);
      assert.deepEqual(encodePinRecord(decodePinRecord(bytes)), bytes);
      for (let length = 0; length < bytes.length; length++) {
        assert.throws(() => decodePinRecord(bytes.subarray(0, length)), { status: HalStatus.KEYSTORE_LOST_DATA });
      }
    }
  });
});
