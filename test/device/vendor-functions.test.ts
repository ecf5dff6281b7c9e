import assert from 'node:assert/strict';
import { createHash, createHmac, createPublicKey, verify } from 'node:crypto';
import { describe, test } from 'node:test';
import { KeyFlags, KeyType, MatchState } from '#src/wire/enumerations.ts';
import { type ArgsOf } from '#src/wire/message.ts';
import {
  deviceForSuite,
  type DeviceLink,
  DeviceUnderTest,
  NO_BYTES,
  PINS,
  setUp,
  status,
  USER,
  WHEEL,
} from './device-under-test.ts';

const { DIGITALSIGNATURE, KEYENCIPHERMENT, TOKEN, EXPORTABLE } = KeyFlags;
const SIGN = DIGITALSIGNATURE | TOKEN;
const EXPONENT = Buffer.from('010001', 'hex');
const SHA256 = 3;
const MESSAGE = Buffer.from('abc');
const DIGEST = createHash('sha256').update(MESSAGE).digest();
const DIGEST_INFO = Buffer.concat([Buffer.from('3031300d060960864801650304020105000420', 'hex'), DIGEST]);
const LABEL = 3;

describe('functions of vendor clients', () => {
  let link: DeviceLink;
  deviceForSuite((started) => {
    link = started;
  });

  const generateEc = (flags = SIGN, connection = USER, curve = 1) =>
    link.call('PKEY_GENERATE_EC', connection, { session: 0, curve, flags });
  const generateRsa = (flags = SIGN, bits = 1024) =>
    link.call('PKEY_GENERATE_RSA', USER, { session: 0, bits, exponent: EXPONENT, flags });
  const publicKeyOf = async (pkey: number) => {
    const { der } = await link.call('PKEY_GET_PUBLIC_KEY', USER, { pkey, derMax: 16_000 });
    return createPublicKey({ key: Buffer.from(der), format: 'der', type: 'spki' });
  };
  const startHash = async (alg = SHA256, key: Uint8Array = NO_BYTES) => {
    const { hash } = await link.call('HASH_INITIALIZE', USER, { session: 0, alg, key });
    await link.call('HASH_UPDATE', USER, { hash, data: MESSAGE.subarray(0, 1) });
    await link.call('HASH_UPDATE', USER, { hash, data: NO_BYTES });
    await link.call('HASH_UPDATE', USER, { hash, data: MESSAGE.subarray(1) });
    return hash;
  };

  test('digests and HMACs of all algorithms', async () => {
    const names = ['sha1', 'sha224', 'sha256', 'sha512-224', 'sha512-256', 'sha384', 'sha512'];
    for (const [index, name] of names.entries()) {
      const alg = index + 1;
      const expected = createHash(name).update(MESSAGE).digest();
      const { length } = await link.call('HASH_GET_DIGEST_LEN', USER, { alg });
      assert.equal(length, expected.length);
      const hash = await startHash(alg);
      assert.equal((await link.call('HASH_GET_ALGORITHM', USER, { hash })).alg, alg);
      assert.deepEqual(Buffer.from((await link.call('HASH_FINALIZE', USER, { hash, length })).digest), expected);
      await assert.rejects(link.call('HASH_UPDATE', USER, { hash, data: MESSAGE }), status('BAD_ARGUMENTS'));

      const key = Buffer.alloc(200, 5);
      const hmac = await startHash(alg, key);
      assert.ok(hmac >= 0x8000_0000);
      const { digest } = await link.call('HASH_FINALIZE', USER, { hash: hmac, length });
      assert.deepEqual(Buffer.from(digest), createHmac(name, key).update(MESSAGE).digest());
    }
    for (const alg of [0, 8, 0xffff_ffff]) {
      await assert.rejects(link.call('HASH_GET_DIGEST_LEN', USER, { alg }), status('BAD_ARGUMENTS'));
      await assert.rejects(
        link.call('HASH_INITIALIZE', USER, { session: 0, alg, key: NO_BYTES }),
        status('BAD_ARGUMENTS'),
      );
    }
  });

  test('the length of a final digest: padded with zeros, too short ends it, none leaves it', async () => {
    const finish = (hash: number, length: number) => link.call('HASH_FINALIZE', USER, { hash, length });
    const hash = await startHash();
    await assert.rejects(finish(hash, 0), status('BAD_ARGUMENTS'));
    assert.deepEqual(Buffer.from((await finish(hash, 40)).digest), Buffer.concat([DIGEST, Buffer.alloc(8)]));
    const other = await startHash();
    await assert.rejects(finish(other, 31), status('BAD_ARGUMENTS'));
    await assert.rejects(finish(other, 32), status('BAD_ARGUMENTS'));
  });

  test('signatures over a digest, a DigestInfo and a running digest are one and the same', async () => {
    const { pkey } = await generateRsa();
    const sign = (args: Partial<ArgsOf<'PKEY_SIGN'>>) =>
      link.call('PKEY_SIGN', USER, { pkey, hash: 0, input: NO_BYTES, sigMax: 128, ...args });
    const { signature } = await sign({ input: DIGEST_INFO });
    assert.ok(verify('sha256', MESSAGE, await publicKeyOf(pkey), signature));
    assert.deepEqual((await sign({ hash: await startHash() })).signature, signature);
    const check = (args: Partial<ArgsOf<'PKEY_VERIFY'>>) =>
      link.call('PKEY_VERIFY', USER, { pkey, hash: 0, input: NO_BYTES, signature, ...args });
    await check({ input: DIGEST_INFO });
    await check({ hash: await startHash() });
    await assert.rejects(check({ input: DIGEST }), status('INVALID_SIGNATURE'));
    for (const length of [1, 10, 127, 129]) {
      const wrong = check({ input: DIGEST_INFO, signature: Buffer.alloc(length, 1) });
      await assert.rejects(wrong, status('INVALID_SIGNATURE'));
    }
    await assert.rejects(check({ input: DIGEST_INFO, signature: NO_BYTES }), status('BAD_ARGUMENTS'));

    await assert.rejects(sign({}), status('BAD_ARGUMENTS'));
    await assert.rejects(sign({ hash: await startHash(), input: DIGEST }), status('BAD_ARGUMENTS'));
    await assert.rejects(sign({ input: DIGEST_INFO, sigMax: 0 }), status('BAD_ARGUMENTS'));
    const hash = await startHash();
    await assert.rejects(sign({ hash, sigMax: 127 }), status('RESULT_TOO_LONG'));
    await assert.rejects(sign({ hash }), status('BAD_ARGUMENTS'), 'the digest is used up');
  });

  test('EC signatures on every curve', async () => {
    for (const [curve, length] of [
      [1, 64],
      [2, 96],
      [3, 132],
    ] as const) {
      const { pkey } = await generateEc(SIGN, USER, curve);
      assert.equal((await link.call('PKEY_GET_KEY_CURVE', USER, { pkey })).curve, curve);
      const { signature } = await link.call('PKEY_SIGN', USER, { pkey, hash: 0, input: DIGEST, sigMax: length });
      assert.equal(signature.length, length);
      const key = { key: await publicKeyOf(pkey), dsaEncoding: 'ieee-p1363' } as const;
      assert.ok(verify('sha256', MESSAGE, key, signature));
      await link.call('PKEY_VERIFY', USER, { pkey, hash: 0, input: DIGEST, signature });
      const short = link.call('PKEY_SIGN', USER, { pkey, hash: 0, input: DIGEST, sigMax: length - 1 });
      await assert.rejects(short, status('RESULT_TOO_LONG'));
    }
  });

  test('handles belong to their connection and end with close, delete and logout', async () => {
    const { pkey, uuid } = await generateEc();
    assert.ok(pkey >= 0x8000_0000);
    const typeOf = (connection: number, handle: number) => link.call('PKEY_GET_KEY_TYPE', connection, { pkey: handle });
    assert.equal((await typeOf(USER, pkey)).type, KeyType.EC_PRIVATE);
    await assert.rejects(typeOf(WHEEL, pkey), status('KEY_NOT_FOUND'));
    await assert.rejects(typeOf(USER, pkey ^ 0x8000_0000), status('KEY_NOT_FOUND'));
    await assert.rejects(typeOf(USER, 0), status('KEY_NOT_FOUND'));

    const { pkey: second } = await link.call('PKEY_OPEN', USER, { session: 0, uuid });
    assert.notEqual(second, pkey);
    await link.call('PKEY_CLOSE', USER, { pkey });
    await assert.rejects(link.call('PKEY_CLOSE', USER, { pkey }), status('KEY_NOT_FOUND'));
    await typeOf(USER, second);

    const visitor = 60;
    await link.call('LOGIN', visitor, { user: 1, pin: PINS[1] });
    const { pkey: theirs } = await link.call('PKEY_OPEN', visitor, { session: 0, uuid });
    await link.call('LOGOUT', visitor, {});
    await link.call('LOGIN', visitor, { user: 1, pin: PINS[1] });
    await assert.rejects(typeOf(visitor, theirs), status('KEY_NOT_FOUND'));

    await link.call('PKEY_DELETE', USER, { pkey: second });
    await assert.rejects(typeOf(USER, second), status('KEY_NOT_FOUND'));
    await assert.rejects(link.call('PKEY_OPEN', USER, { session: 0, uuid }), status('KEY_NOT_FOUND'));
    await assert.rejects(
      link.call('PKEY_OPEN', USER, { session: 0, uuid: new Uint8Array(16) }),
      status('KEY_NOT_FOUND'),
    );
  });

  test('a connection cannot take handles without end, and gets them all back', async () => {
    const { uuid } = await generateEc();
    const visitor = 61;
    await link.call('LOGIN', visitor, { user: 1, pin: PINS[1] });
    for (let round = 0; round < 2; round++) {
      let count = 0;
      const open = async () => {
        for (;;) {
          await link.call('PKEY_OPEN', visitor, { session: 0, uuid });
          count += 1;
        }
      };
      await assert.rejects(open(), status('NO_KEY_SLOTS_AVAILABLE'));
      assert.equal(count, 4096);
      await link.call('LOGOUT', visitor, {});
      await link.call('LOGIN', visitor, { user: 1, pin: PINS[1] });
    }
  });

  test('attributes: values, lengths, missing and empty ones', async () => {
    const { pkey } = await generateEc();
    const get = (types: number[], bufferLen: number) =>
      link.call('PKEY_GET_ATTRIBUTES', USER, { pkey, types, bufferLen });
    const set = (attributes: ArgsOf<'PKEY_SET_ATTRIBUTES'>['attributes']) =>
      link.call('PKEY_SET_ATTRIBUTES', USER, { pkey, attributes });
    await assert.rejects(get([LABEL], 10), status('ATTRIBUTE_NOT_FOUND'));
    assert.deepEqual((await get([], 10)).attributes, []);
    await assert.rejects(set([]), status('BAD_ARGUMENTS'));
    const value = new Uint8Array([1, 2, 3]);
    await set([
      { type: LABEL, value },
      { type: 9, value: NO_BYTES },
    ]);
    const both = [
      { type: 9, value: new Uint8Array(0) },
      { type: LABEL, value },
    ];
    assert.deepEqual((await get([9, LABEL], 3)).attributes, both);
    await assert.rejects(get([9, LABEL], 2), status('RESULT_TOO_LONG'));
    assert.equal((await get([LABEL, LABEL], 6)).attributes.length, 2);
    // The reply to a length query has another form: type and length, NIL for what is missing.
    const query = Buffer.from('0000001c00000003000000000000000300000003000000090000000800000000', 'hex');
    query.writeUInt32BE(pkey, 8);
    const reply = Buffer.from(await link.exchange(USER, query)).toString('hex');
    assert.equal(reply, '0000001c0000000300000000000000030000000300000003000000090000000000000008ffffffff');
    await set([{ type: LABEL, value: null }]);
    await assert.rejects(get([LABEL], 10), status('ATTRIBUTE_NOT_FOUND'));
  });

  test('search: page by page, by type, flags and attributes', async () => {
    const connection = 62;
    await link.call('LOGIN', connection, { user: 1, pin: PINS[1] });
    const mark = [{ type: LABEL, value: Buffer.from('search') }];
    const uuids: string[] = [];
    for (let number = 0; number < 7; number++) {
      const flags = number < 4 ? SIGN : DIGITALSIGNATURE;
      const { pkey, uuid } = await generateEc(flags, connection);
      await link.call('PKEY_SET_ATTRIBUTES', connection, { pkey, attributes: mark });
      uuids.push(Buffer.from(uuid).toString('hex'));
    }
    const search = { session: 0, type: 0, curve: 0, mask: 0, flags: 0, attributes: mark };
    const all = async (resultMax: number, changes: Partial<ArgsOf<'PKEY_MATCH'>> = {}) => {
      const found: string[] = [];
      let state: number = MatchState.START;
      let previous: Uint8Array = new Uint8Array(16);
      for (;;) {
        const page = await link.call('PKEY_MATCH', connection, { ...search, ...changes, state, resultMax, previous });
        found.push(...page.uuids.map((uuid) => Buffer.from(uuid).toString('hex')));
        if (page.uuids.length < resultMax) return found;
        ({ state } = page);
        previous = page.uuids.at(-1) ?? previous;
      }
    };
    const sorted = [...uuids.slice(0, 4).toSorted(), ...uuids.slice(4).toSorted()];
    for (const resultMax of [1, 2, 4, 7, 8, 1000]) assert.deepEqual(await all(resultMax), sorted);
    assert.deepEqual(await all(64, { mask: TOKEN, flags: TOKEN }), sorted.slice(0, 4));
    assert.deepEqual(await all(64, { mask: TOKEN }), sorted.slice(4));
    assert.deepEqual(await all(64, { type: KeyType.RSA_PRIVATE }), []);
    assert.deepEqual(await all(64, { curve: 2 }), []);
    assert.deepEqual(await all(64, { attributes: [{ type: LABEL, value: NO_BYTES }] }), []);
    assert.deepEqual(await all(64, { mask: 0xffff_ffc0, flags: 0x40 }), []);
    const previous = new Uint8Array(16);
    const bad = { ...search, state: 0, previous };
    await assert.rejects(link.call('PKEY_MATCH', connection, { ...bad, resultMax: 0 }), status('BAD_ARGUMENTS'));
    await assert.rejects(
      link.call('PKEY_MATCH', connection, { ...bad, resultMax: 1, state: 4 }),
      status('BAD_ARGUMENTS'),
    );
    const done = await link.call('PKEY_MATCH', connection, { ...bad, resultMax: 1, state: MatchState.DONE });
    assert.deepEqual(done, { state: MatchState.DONE, uuids: [] });
  });

  test('a key travels from one device to another', async () => {
    await using other = await DeviceUnderTest.create();
    const receiver = await other.start();
    await setUp(receiver);
    const kekek = await receiver.call('PKEY_GENERATE_RSA', USER, {
      session: 0,
      bits: 2048,
      exponent: EXPONENT,
      flags: KEYENCIPHERMENT | TOKEN,
    });
    const { der } = await receiver.call('PKEY_GET_PUBLIC_KEY', USER, { pkey: kekek.pkey, derMax: 1000 });
    const loaded = await link.call('PKEY_LOAD', USER, { session: 0, der, flags: KEYENCIPHERMENT });
    const maxima = { pkcs8Max: 5480, kekMax: 512 };
    for (const { pkey } of [await generateEc(SIGN | EXPORTABLE), await generateRsa(SIGN | EXPORTABLE)]) {
      const exported = await link.call('PKEY_EXPORT', USER, { pkey, kekek: loaded.pkey, ...maxima });
      const into = { session: 0, kekek: kekek.pkey, flags: SIGN };
      const imported = await receiver.call('PKEY_IMPORT', USER, { ...into, ...exported });
      const read = { derMax: 1000 };
      const original = await link.call('PKEY_GET_PUBLIC_KEY', USER, { pkey, ...read });
      const copy = await receiver.call('PKEY_GET_PUBLIC_KEY', USER, { pkey: imported.pkey, ...read });
      assert.deepEqual(copy, original);
      const sign = { pkey: imported.pkey, hash: 0, input: DIGEST, sigMax: 1000 };
      const { signature } = await receiver.call('PKEY_SIGN', USER, sign);
      await link.call('PKEY_VERIFY', USER, { pkey, hash: 0, input: DIGEST, signature });

      // A wrong padding cannot be told from a wrong KEK, nor from a damaged key.
      for (const part of ['kek', 'pkcs8'] as const) {
        for (const offset of [40, 60]) {
          const damaged = exported[part].slice();
          damaged[offset] = (damaged[offset] ?? 0) ^ 1;
          const importing = receiver.call('PKEY_IMPORT', USER, { ...into, ...exported, [part]: damaged });
          await assert.rejects(importing, status('KEYWRAP_BAD_MAGIC'));
        }
      }
      const garbage = receiver.call('PKEY_IMPORT', USER, { ...into, ...exported, pkcs8: DIGEST });
      await assert.rejects(garbage, status('ASN1_PARSE_FAILED'));
    }
    const { pkey } = await generateEc();
    const exportArgs = { pkey, kekek: loaded.pkey, ...maxima };
    await assert.rejects(link.call('PKEY_EXPORT', USER, exportArgs), status('FORBIDDEN'));
    const { pkey: exportable } = await generateEc(SIGN | EXPORTABLE);
    const refused = async (changes: Partial<ArgsOf<'PKEY_EXPORT'>>, expected: Parameters<typeof status>[0]) => {
      const exporting = link.call('PKEY_EXPORT', USER, { ...exportArgs, pkey: exportable, ...changes });
      await assert.rejects(exporting, status(expected));
    };
    await refused({ kekek: exportable }, 'FORBIDDEN');
    await refused({ kekek: 1 }, 'KEY_NOT_FOUND');
    await refused({ kekMax: 32 }, 'BAD_ARGUMENTS');
    await refused({ kekMax: 276 }, 'RESULT_TOO_LONG');
    await refused({ pkcs8Max: 5479 }, 'RESULT_TOO_LONG');
  });

  test('keys that vendor clients do not know are refused', async () => {
    const ed25519 = Buffer.from(`302a300506032b6570032100${'58' + '66'.repeat(31)}`, 'hex').subarray(0, 44);
    await assert.rejects(
      link.call('PKEY_LOAD', USER, { session: 0, der: ed25519, flags: SIGN }),
      /unsupported|point|not understood/,
    );
  });
});
