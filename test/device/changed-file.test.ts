/** What somebody gains who can write to the key store file: nothing that the attributes of keys forbid. */

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { CKA, CKK, CKM, CKR } from '#src/cryptoki/constants.ts';
import { FALSE, TRUE } from '#src/cryptoki/values.ts';
import { MkmClient } from '#src/mkm/client.ts';
import { decodeAttributes, encodeAttributes } from '#src/store/attributes-v1.ts';
import { unwrapRow, wrapForRow } from '#src/store/key-wrapping.ts';
import { toKey } from '#src/store/rows.ts';
import { type Attribute, type StoredKey } from '#src/store/stored-key.ts';
import {
  ckr,
  type DeviceLink,
  DeviceUnderTest,
  logIn,
  NO_BYTES,
  setUp,
  SO,
  status,
  USER,
} from './device-under-test.ts';
import { attributes, type Facts, loadSecret, makePair, OPEN, RSA_2048, valueOf } from './templates.ts';

const VALUE = Buffer.alloc(16, 2);

let device: DeviceUnderTest;
let link: DeviceLink;
beforeEach(async () => {
  device = await DeviceUnderTest.create();
  link = await device.start();
  await setUp(link);
});
afterEach(() => device[Symbol.asyncDispose]());

/** Ends the device, does something to its file and starts it again. */
async function behindItsBack(work: (database: DatabaseSync) => void): Promise<void> {
  await link.kill('SIGTERM');
  const database = new DatabaseSync(join(device.state, 'device-0', 'keystore.db'));
  work(database);
  database.close();
  link = await device.start();
  await logIn(link);
}

const changed = (list: readonly Attribute[], type: number, value: Uint8Array): Attribute[] => [
  ...list.filter((attribute) => attribute.type !== type),
  { type, value },
];

/** Sets an attribute of a row. */
function edit(database: DatabaseSync, { key }: Facts, type: number, value: Uint8Array): void {
  const row = database.prepare('SELECT attributes FROM key WHERE uuid = ?').get(key) as { attributes: Uint8Array };
  const list = changed(decodeAttributes(row.attributes), type, value);
  database.prepare('UPDATE key SET attributes = ? WHERE uuid = ?').run(encodeAttributes(list), key);
}

const read = ({ key }: Facts) => link.call('KEY_VALUE', USER, { key });
const label = ({ key }: Facts, text: string) =>
  link.call('KEY_SET_ATTRIBUTES', USER, { key, attributes: attributes({ [CKA.LABEL]: Buffer.from(text) }) });

/** Rows as version 4 of the store has them. */
function asVersion4(database: DatabaseSync, masterKey: Uint8Array): void {
  const rows = database.prepare('SELECT * FROM key WHERE wrapped IS NOT NULL').all();
  for (const row of rows) {
    const key = toKey(row) as StoredKey;
    const wrapped = wrapForRow(masterKey, key, unwrapRow(masterKey, key));
    database.prepare('UPDATE key SET wrapped = ? WHERE uuid = ?').run(wrapped, key.uuid);
  }
  database.exec('DROP INDEX key_unbound; ALTER TABLE key DROP COLUMN seal; PRAGMA user_version = 4');
}

async function masterKey(): Promise<Uint8Array> {
  const holder = await MkmClient.connect(device.mkm);
  const { key } = await holder.read(0);
  holder.close();
  return key.slice();
}

describe('a key store file that somebody else writes to', () => {
  test('a key whose attributes were loosened is of no use, and is not repaired by a change', async () => {
    const key = await loadSecret(link, VALUE, { [CKA.ENCRYPT]: true, [CKA.EXTRACTABLE]: true });
    await assert.rejects(read(key), ckr(CKR.ATTRIBUTE_SENSITIVE));
    await label(key, 'one');
    await behindItsBack((database) => edit(database, key, CKA.SENSITIVE, FALSE));
    const encrypt = { key: key.key, mechanism: CKM.AES_ECB, parameter: NO_BYTES, data: Buffer.alloc(16) };
    for (const attempt of [
      () => read(key),
      () => link.call('KEY_ENCRYPT', USER, encrypt),
      () => label(key, 'two'),
      () => link.call('KEY_COPY', USER, { ...key, name: Buffer.alloc(16, 9) }),
    ]) {
      await assert.rejects(attempt(), status('KEYWRAP_BAD_MAGIC'));
    }
    // As a row of before the attributes were bound.
    await behindItsBack((database) => database.exec('UPDATE key SET seal = NULL'));
    await assert.rejects(read(key), status('KEYWRAP_BAD_MAGIC'));
    await behindItsBack((database) => {
      edit(database, key, CKA.SENSITIVE, TRUE);
      database.exec("UPDATE key SET seal = x''");
    });
    await link.call('KEY_DELETE', USER, { keys: [key.key] });
  });

  test('nobody becomes trusted by it', async () => {
    const usage = { [CKA.UNWRAP]: true, [CKA.DECRYPT]: true };
    const { publicKey } = await makePair(link, { ...RSA_2048, bits: 3072 }, usage, { [CKA.WRAP]: true });
    const secret = await loadSecret(link, VALUE, { [CKA.ENCRYPT]: true, [CKA.EXTRACTABLE]: true });
    const wrap = () =>
      link.call('KEY_WRAP', USER, {
        wrappingKey: publicKey.key,
        mechanism: CKM.RSA_PKCS,
        parameter: NO_BYTES,
        key: secret.key,
      });
    await assert.rejects(wrap(), ckr(CKR.KEY_NOT_WRAPPABLE));
    for (const type of [CKA.TRUSTED, CKA.DKS_CLOSED_PAIR]) {
      await label(publicKey, 'ours');
      await behindItsBack((database) => edit(database, publicKey, type, TRUE));
      await assert.rejects(wrap(), status('KEYWRAP_BAD_MAGIC'));
      await behindItsBack((database) => database.exec('UPDATE key SET seal = NULL WHERE wrapped IS NULL'));
      await assert.rejects(wrap(), ckr(CKR.KEY_NOT_WRAPPABLE));
    }
    // A change by the device blesses nothing.
    await label(publicKey, 'mine');
    await assert.rejects(wrap(), ckr(CKR.KEY_NOT_WRAPPABLE));
    await link.call('KEY_SET_ATTRIBUTES', SO, { key: publicKey.key, attributes: attributes({ [CKA.TRUSTED]: true }) });
    await wrap();
  });

  test('keys of version 4 work on, and have their attributes bound once the master key is there', async () => {
    const made: Facts[] = [];
    for (let i = 0; i < 150; i++) {
      made.push(await loadSecret(link, VALUE, { ...OPEN, [CKA.SIGN]: true }, CKK.GENERIC_SECRET));
    }
    const { privateKey, publicKey } = await makePair(link, RSA_2048, { [CKA.SIGN]: true }, { [CKA.VERIFY]: true });
    const key = await masterKey();
    const bound = (text: string) => `the attributes of ${text} keys of an older version were bound`;
    await behindItsBack((database) => asVersion4(database, key));
    // The work goes on meanwhile, and the log tells when it is done.
    const data = Buffer.alloc(32, 1);
    const mac = { key: made[0]?.key as Uint8Array, mechanism: CKM.SHA256_HMAC, parameter: NO_BYTES, data };
    await link.call('KEY_SIGN', USER, mac);
    const digest = { key: privateKey.key, mechanism: CKM.SHA256_RSA_PKCS, parameter: NO_BYTES, data };
    const { signature } = await link.call('KEY_SIGN', USER, digest);
    await link.call('KEY_VERIFY', USER, { ...digest, key: publicKey.key, signature });
    assert.ok(link.stderr.includes(bound('151')), link.stderr);
    assert.deepEqual(
      valueOf({ attributes: (await read(made[149] as Facts)).attributes }, CKA.VALUE),
      new Uint8Array(VALUE),
    );
    const victim = made[7] as Facts;
    await behindItsBack((database) => edit(database, victim, CKA.DERIVE, TRUE));
    await assert.rejects(read(victim), status('KEYWRAP_BAD_MAGIC'));
    await read(made[8] as Facts);
    assert.ok(!link.stderr.includes('older version'));
  });
});
