import assert from 'node:assert/strict';
import { createPrivateKey, createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import { describe, test } from 'node:test';
import { CKA, CKM, CKR } from '#src/cryptoki/constants.ts';
import { Curve, KeyFlags, KeyType, User } from '#src/wire/enumerations.ts';
import { encodeRequest, readStatus, type ResultsOf } from '#src/wire/message.ts';
import { encodeFrame } from '#src/wire/slip.ts';
import { HalStatus } from '#src/wire/status.ts';
import {
  ckr,
  deviceForSuite,
  type DeviceLink,
  DeviceUnderTest,
  freshName,
  NO_BYTES,
  NOBODY,
  pairArgs,
  PINS,
  setUp,
  status,
  USER,
  WHEEL,
} from './device-under-test.ts';

const EXPONENT = Buffer.from('010001', 'hex');
const DIGEST = Buffer.alloc(32, 0xc0);
const SESSION_KEY = 0x01;
const VERIFICATION = { mechanism: CKM.ECDSA, parameter: NO_BYTES, data: DIGEST, signature: Buffer.alloc(64, 1) };

type Facts = ResultsOf<'KEY_LOAD'>['loaded'];

const valueOf = (facts: Pick<Facts, 'attributes'>, type: number) =>
  facts.attributes.find((attribute) => attribute.type === type)?.value;

describe('keys of a device', () => {
  let link: DeviceLink;

  deviceForSuite((started) => {
    link = started;
  });

  const sign = (key: Uint8Array, mechanism: number, data: Uint8Array, connection = USER, parameter = NO_BYTES) =>
    link.call('KEY_SIGN', connection, { key, mechanism, parameter, data });
  const check = (key: Uint8Array, mechanism: number, data: Uint8Array, signature: Uint8Array, connection = USER) =>
    link.call('KEY_VERIFY', connection, { key, mechanism, parameter: NO_BYTES, data, signature });

  const kinds = [
    { name: 'RSA 1024', type: KeyType.RSA_PRIVATE, curve: Curve.NONE, bits: 1024, mechanism: CKM.RSA_PKCS },
    { name: 'RSA 2048', type: KeyType.RSA_PRIVATE, curve: Curve.NONE, bits: 2048, mechanism: CKM.RSA_PKCS },
    { name: 'P-256', type: KeyType.EC_PRIVATE, curve: Curve.P256, bits: 256, mechanism: CKM.ECDSA },
    { name: 'P-384', type: KeyType.EC_PRIVATE, curve: Curve.P384, bits: 384, mechanism: CKM.ECDSA },
    { name: 'P-521', type: KeyType.EC_PRIVATE, curve: Curve.P521, bits: 521, mechanism: CKM.ECDSA },
    { name: 'Ed25519', type: KeyType.ED_PRIVATE, curve: Curve.ED25519, bits: 255, mechanism: CKM.EDDSA },
    { name: 'Ed448', type: KeyType.ED_PRIVATE, curve: Curve.ED448, bits: 448, mechanism: CKM.EDDSA },
  ] as const;

  for (const { name, type, curve, bits, mechanism } of kinds) {
    test(`${name}: generated, signs, and others verify`, async () => {
      const args = pairArgs({ type, curve, bits, exponent: type === KeyType.RSA_PRIVATE ? EXPONENT : NO_BYTES });
      const { privateKey, publicKey } = await link.call('KEY_PAIR_CREATE', USER, args);
      assert.deepEqual([privateKey.type, privateKey.curve, privateKey.bits], [type, curve, bits]);
      assert.deepEqual(Buffer.from(privateKey.name), Buffer.from(args.name));
      assert.equal(publicKey.type, type + 1);
      assert.deepEqual(publicKey.spki, privateKey.spki);

      const { signature } = await sign(privateKey.key, mechanism, DIGEST);
      await check(publicKey.key, mechanism, DIGEST, signature);
      await check(privateKey.key, mechanism, DIGEST, signature);
      await assert.rejects(check(publicKey.key, mechanism, Buffer.alloc(32), signature), status('INVALID_SIGNATURE'));
      await assert.rejects(sign(publicKey.key, mechanism, DIGEST), status('UNSUPPORTED_KEY'));

      if (type === KeyType.ED_PRIVATE) {
        const key = createPublicKey({ key: Buffer.from(publicKey.spki), format: 'der', type: 'spki' });
        assert.equal(verify(null, DIGEST, key, signature), true);
      }
      if (type === KeyType.RSA_PRIVATE) {
        assert.equal(valueOf(privateKey, CKA.MODULUS)?.length, bits / 8);
        assert.deepEqual(valueOf(publicKey, CKA.PUBLIC_EXPONENT), new Uint8Array(EXPONENT));
        assert.equal(valueOf(publicKey, CKA.MODULUS_BITS)?.length, 8);
      } else {
        assert.ok(valueOf(privateKey, CKA.EC_PARAMS));
        assert.ok(valueOf(publicKey, CKA.EC_POINT));
        assert.equal(valueOf(privateKey, CKA.EC_POINT), undefined);
      }
    });
  }

  test('a request that is repeated gives the same pair, also while the first is at work', async () => {
    const args = pairArgs({ type: KeyType.RSA_PRIVATE, curve: 0, bits: 2048, exponent: EXPONENT });
    const [first, second] = await Promise.all([
      link.call('KEY_PAIR_CREATE', USER, args),
      link.call('KEY_PAIR_CREATE', USER, args),
    ]);
    assert.deepEqual(second, first);
    assert.deepEqual(await link.call('KEY_PAIR_CREATE', USER, args), first);
    assert.deepEqual(await link.call('KEY_PAIR_CREATE', WHEEL, args), first);
    await assert.rejects(
      link.call('KEY_PAIR_CREATE', USER, { ...args, publicName: freshName() }),
      status('KEY_NAME_IN_USE'),
    );
    await assert.rejects(link.call('KEY_PAIR_CREATE', USER, pairArgs({ name: args.name })), status('KEY_NAME_IN_USE'));
    const other = await link.call('KEY_PAIR_CREATE', USER, pairArgs({}));
    await assert.rejects(
      link.call('KEY_PAIR_CREATE', USER, { ...args, publicName: other.publicKey.name }),
      status('KEY_NAME_IN_USE'),
    );
  });

  test('what follows from the key wins over the template', async () => {
    const wrong = { type: CKA.EC_PARAMS, value: Buffer.from('wrong') };
    const label = { type: CKA.LABEL, value: Buffer.from('a label') };
    const { privateKey } = await link.call('KEY_PAIR_CREATE', USER, pairArgs({ attributes: [wrong, label, wrong] }));
    assert.equal(privateKey.attributes.length, 2);
    assert.equal(Buffer.from(valueOf(privateKey, CKA.EC_PARAMS) ?? '').toString('hex'), '06082a8648ce3d030107');
    assert.deepEqual(Buffer.from(valueOf(privateKey, CKA.LABEL) ?? ''), label.value);
  });

  test('arguments outside their rules', async () => {
    const rsa = { type: KeyType.RSA_PRIVATE, curve: 0, exponent: EXPONENT };
    const cases: [Parameters<typeof pairArgs>[0], Parameters<typeof status>[0]][] = [
      [{ ...rsa, bits: 0 }, 'BAD_ARGUMENTS'],
      [{ ...rsa, bits: 2047 }, 'BAD_ARGUMENTS'],
      [{ ...rsa, bits: 2048, exponent: NO_BYTES }, 'BAD_ARGUMENTS'],
      [{ ...rsa, bits: 2048, exponent: Buffer.from([3]) }, 'UNSUPPORTED_KEY'],
      [{ ...rsa, bits: 1016 }, 'UNSUPPORTED_KEY'],
      [{ ...rsa, bits: 8200 }, 'UNSUPPORTED_KEY'],
      [{ ...rsa, bits: 0xffff_fff8 }, 'UNSUPPORTED_KEY'],
      [{ curve: 0 }, 'BAD_ARGUMENTS'],
      [{ curve: Curve.ED25519 }, 'BAD_ARGUMENTS'],
      [{ type: KeyType.ED_PRIVATE, curve: Curve.P256 }, 'BAD_ARGUMENTS'],
      [{ type: KeyType.EC_PUBLIC }, 'UNSUPPORTED_KEY'],
      [{ type: KeyType.HASHSIG_PRIVATE }, 'UNSUPPORTED_KEY'],
      [{ type: 0xffff_ffff }, 'UNSUPPORTED_KEY'],
      [{ flags: 0x40 }, 'BAD_ARGUMENTS'],
      [{ publicFlags: 0x8000_0000 }, 'BAD_ARGUMENTS'],
    ];
    for (const [changes, expected] of cases) {
      await assert.rejects(
        link.call('KEY_PAIR_CREATE', USER, pairArgs(changes)),
        status(expected),
        JSON.stringify(changes),
      );
    }
    const name = freshName();
    const same = pairArgs({ name, publicName: name });
    await assert.rejects(link.call('KEY_PAIR_CREATE', USER, same), status('BAD_ARGUMENTS'));
  });

  test('a signature needs a fitting mechanism, the usage, and an input of the right size', async () => {
    const { privateKey, publicKey } = await link.call('KEY_PAIR_CREATE', USER, pairArgs());
    await assert.rejects(sign(privateKey.key, CKM.RSA_PKCS, DIGEST), status('UNSUPPORTED_KEY'));
    await check(publicKey.key, CKM.ECDSA, DIGEST, (await sign(privateKey.key, CKM.ECDSA_SHA256, DIGEST)).signature);
    await assert.rejects(sign(privateKey.key, CKM.ECDSA_SHA384, DIGEST), ckr(CKR.DATA_LEN_RANGE));
    await assert.rejects(sign(privateKey.key, CKM.SHA256_RSA_PKCS, DIGEST), ckr(CKR.KEY_TYPE_INCONSISTENT));
    await assert.rejects(sign(privateKey.key, CKM.SHA256, DIGEST), ckr(CKR.MECHANISM_INVALID));
    await assert.rejects(sign(privateKey.key, CKM.ECDSA, NO_BYTES), status('BAD_ARGUMENTS'));
    // The mechanism has no parameter, whatever comes.
    await sign(privateKey.key, CKM.ECDSA, DIGEST, USER, DIGEST);
    await assert.rejects(sign(freshName(), CKM.ECDSA, DIGEST), status('KEY_NOT_FOUND'));

    const other = await link.call('KEY_PAIR_CREATE', USER, pairArgs({ flags: 0x0a, publicFlags: 0x0a }));
    await assert.rejects(sign(other.privateKey.key, CKM.ECDSA, DIGEST), status('FORBIDDEN'));
    await assert.rejects(check(other.publicKey.key, CKM.ECDSA, DIGEST, Buffer.alloc(64)), status('FORBIDDEN'));

    const rsa = pairArgs({ type: KeyType.RSA_PRIVATE, curve: 0, bits: 1024, exponent: EXPONENT });
    const { privateKey: rsaKey } = await link.call('KEY_PAIR_CREATE', USER, rsa);
    assert.equal((await sign(rsaKey.key, CKM.RSA_PKCS, Buffer.alloc(117))).signature.length, 128);
    await assert.rejects(sign(rsaKey.key, CKM.RSA_PKCS, Buffer.alloc(118)), status('RESULT_TOO_LONG'));
  });

  test('an Ed25519 message may be long', async () => {
    const args = pairArgs({ type: KeyType.ED_PRIVATE, curve: Curve.ED25519 });
    const { privateKey, publicKey } = await link.call('KEY_PAIR_CREATE', USER, args);
    const message = Buffer.alloc(900_000, 0xdb);
    const { signature } = await sign(privateKey.key, CKM.EDDSA, message);
    const key = createPublicKey({ key: Buffer.from(publicKey.spki), format: 'der', type: 'spki' });
    assert.equal(verify(null, message, key, signature), true);
  });

  test('session keys exist for their connection and for wheel, and end with the connection', async () => {
    const args = pairArgs({ flags: SESSION_KEY, publicFlags: SESSION_KEY });
    const { privateKey } = await link.call('KEY_PAIR_CREATE', USER, args);
    assert.equal(privateKey.session, 7);
    const other = 100;
    await link.call('LOGIN', other, { user: 1, pin: Buffer.from('user pin') });
    await sign(privateKey.key, CKM.ECDSA, DIGEST);
    await assert.rejects(sign(privateKey.key, CKM.ECDSA, DIGEST, other), status('KEY_NOT_FOUND'));
    await assert.rejects(
      link.call('KEY_SET_ATTRIBUTES', other, { key: privateKey.key, attributes: [] }),
      status('KEY_NOT_FOUND'),
    );
    await link.call('KEY_DELETE', other, { keys: [privateKey.key] });
    await assert.rejects(link.call('KEY_PAIR_CREATE', other, args), status('KEY_NAME_IN_USE'));
    await sign(privateKey.key, CKM.ECDSA, DIGEST, WHEEL);
    await sign(privateKey.key, CKM.ECDSA, DIGEST);
    const listed = await link.call('KEY_LIST', USER, { after: new Uint8Array(16), limit: 1024 });
    assert.ok(listed.keys.every(({ key }) => Buffer.compare(key, privateKey.key) !== 0));

    const third = 101;
    await link.call('LOGIN', third, { user: 1, pin: Buffer.from('user pin') });
    const theirs = await link.call(
      'KEY_PAIR_CREATE',
      third,
      pairArgs({ flags: SESSION_KEY, publicFlags: SESSION_KEY }),
    );
    await sign(theirs.privateKey.key, CKM.ECDSA, DIGEST, third);
    await link.call('LOGOUT', third, {});
    await link.call('LOGIN', third, { user: 1, pin: Buffer.from('user pin') });
    await assert.rejects(sign(theirs.privateKey.key, CKM.ECDSA, DIGEST, third), status('KEY_NOT_FOUND'));
    await sign(privateKey.key, CKM.ECDSA, DIGEST);
  });

  test('a connection that ends while its key is made leaves nothing behind', async () => {
    const connection = 102;
    await link.call('LOGIN', connection, { user: 1, pin: Buffer.from('user pin') });
    const rsa = { type: KeyType.RSA_PRIVATE, curve: 0, bits: 2048, exponent: EXPONENT } as const;
    const before = await link.call('DEVICE_STATUS', 0, {});
    const args = pairArgs({ ...rsa, flags: SESSION_KEY, publicFlags: SESSION_KEY });
    const creating = link.call('KEY_PAIR_CREATE', connection, args);
    const refused = assert.rejects(creating, status('FORBIDDEN'));
    await link.call('LOGOUT', connection, {});
    await refused;
    const afterwards = await link.call('DEVICE_STATUS', 0, {});
    assert.equal(afterwards.volatileKeys, before.volatileKeys);
    assert.equal(afterwards.logins, before.logins - 1);
  });

  test('a login that succeeds after its connection has ended is not kept', async () => {
    const before = await link.call('DEVICE_STATUS', 0, {});
    const login = encodeRequest('LOGIN', 103, { user: 1, pin: Buffer.from('user pin') });
    link.write(Buffer.concat([encodeFrame(login), encodeFrame(encodeRequest('LOGOUT', 103, {}))]));
    const [logoutReply, loginReply] = await link.rawReplies(2);
    assert.equal(readStatus(logoutReply ?? NO_BYTES), HalStatus.OK);
    assert.equal(readStatus(loginReply ?? NO_BYTES), HalStatus.FORBIDDEN);
    assert.equal((await link.call('DEVICE_STATUS', 0, {})).logins, before.logins);
  });

  test('keys are listed page by page, in ascending order, each once', async () => {
    for (let number = 0; number < 5; number++) await link.call('KEY_PAIR_CREATE', USER, pairArgs());
    const { tokenKeys } = await link.call('DEVICE_STATUS', 0, {});
    for (const limit of [1, 3, tokenKeys - 1, tokenKeys, tokenKeys + 1]) {
      const found: string[] = [];
      let page: ResultsOf<'KEY_LIST'> = { more: 1, keys: [] };
      while (page.more === 1) {
        const last = page.keys.at(-1)?.key ?? new Uint8Array(16);
        page = await link.call('KEY_LIST', USER, { after: last, limit });
        assert.ok(page.keys.length <= limit);
        found.push(...page.keys.map(({ key }) => Buffer.from(key).toString('hex')));
      }
      assert.equal(found.length, tokenKeys);
      assert.deepEqual(found, [...new Set(found)].toSorted());
    }
    for (const limit of [0, 1025, 0xffff_ffff]) {
      await assert.rejects(link.call('KEY_LIST', USER, { after: new Uint8Array(16), limit }), status('BAD_ARGUMENTS'));
    }
  });

  test('a page of keys with large attributes still fits a message', async () => {
    const value = Buffer.alloc(65_536, 0xc0);
    const attributes = [0, 1, 2].map((type) => ({ type: 0x8000_0000 + type, value }));
    for (let number = 0; number < 6; number++) await link.call('KEY_PAIR_CREATE', USER, pairArgs({ attributes }));
    const { tokenKeys } = await link.call('DEVICE_STATUS', 0, {});
    let count = 0;
    let page: ResultsOf<'KEY_LIST'> = { more: 1, keys: [] };
    while (page.more === 1) {
      const last = page.keys.at(-1)?.key ?? new Uint8Array(16);
      page = await link.call('KEY_LIST', USER, { after: last, limit: 1024 });
      count += page.keys.length;
    }
    assert.equal(count, tokenKeys);
  });

  test('attributes are set, replaced and deleted together', async () => {
    const { privateKey } = await link.call('KEY_PAIR_CREATE', USER, pairArgs());
    const { key } = privateKey;
    const set = (changes: { type: number; value: Uint8Array | null }[]) =>
      link.call('KEY_SET_ATTRIBUTES', USER, { key, attributes: changes });
    const one = { type: 0x102, value: new Uint8Array([1]) };
    const empty = { type: 3, value: new Uint8Array(0) };
    assert.deepEqual((await set([one, empty])).attributes, [...privateKey.attributes, one, empty]);
    assert.deepEqual(
      (
        await set([
          { type: 3, value: null },
          { ...one, value: null },
        ])
      ).attributes,
      privateKey.attributes,
    );
    assert.deepEqual((await set([{ type: 99, value: null }])).attributes, privateKey.attributes);
    const large = Array.from({ length: 5 }, (_, type) => ({ type, value: new Uint8Array(65_000) }));
    await assert.rejects(set(large), status('RESULT_TOO_LONG'));
    assert.deepEqual((await set([])).attributes, privateKey.attributes);
    await assert.rejects(
      link.call('KEY_SET_ATTRIBUTES', USER, { key: freshName(), attributes: [] }),
      status('KEY_NOT_FOUND'),
    );
  });

  test('deleted keys are gone at once; missing ones count as deleted', async () => {
    const { privateKey, publicKey } = await link.call('KEY_PAIR_CREATE', USER, pairArgs());
    await sign(privateKey.key, CKM.ECDSA, DIGEST);
    const before = await link.call('DEVICE_STATUS', 0, {});
    await link.call('KEY_DELETE', USER, { keys: [privateKey.key, freshName(), publicKey.key] });
    await assert.rejects(sign(privateKey.key, CKM.ECDSA, DIGEST), status('KEY_NOT_FOUND'));
    await link.call('KEY_DELETE', USER, { keys: [privateKey.key] });
    assert.equal((await link.call('DEVICE_STATUS', 0, {})).tokenKeys, before.tokenKeys - 2);
  });

  test('keys made elsewhere are loaded, and the same name twice is the same key', async () => {
    const { privateKey: key } = generateKeyPairSync('ec', { namedCurve: 'P-384' });
    const der = key.export({ format: 'der', type: 'pkcs8' });
    const name = freshName();
    const args = { session: 0, name, der, flags: 0x09, attributes: [{ type: CKA.ID, value: Buffer.from([5]) }] };
    const { loaded } = await link.call('KEY_LOAD', USER, args);
    assert.deepEqual([loaded.type, loaded.curve, loaded.bits], [KeyType.EC_PRIVATE, Curve.P384, 384]);
    assert.deepEqual(await link.call('KEY_LOAD', USER, args), { loaded });
    const { signature } = await sign(loaded.key, CKM.ECDSA, DIGEST);

    const spki = createPublicKey(key).export({ format: 'der', type: 'spki' });
    assert.deepEqual(Buffer.from(loaded.spki), spki);
    const half = await link.call('KEY_LOAD', USER, { ...args, name: freshName(), der: spki, flags: 0x01 });
    assert.equal(half.loaded.type, KeyType.EC_PUBLIC);
    await check(half.loaded.key, CKM.ECDSA, DIGEST, signature);
    assert.ok(createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }));
  });

  test('a public key is loaded without login if it is public and goes with its session, a private key never', async () => {
    const { privateKey: key, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const nobody = 77;
    const load = (der: Uint8Array, flags: number) =>
      link.call('KEY_LOAD', nobody, { session: 1, name: freshName(), der, flags, attributes: [] });
    const spki = publicKey.export({ format: 'der', type: 'spki' });
    const { DIGITALSIGNATURE, PUBLIC, TOKEN } = KeyFlags;
    const { loaded } = await load(spki, DIGITALSIGNATURE | PUBLIC);
    assert.equal(loaded.type, KeyType.EC_PUBLIC);
    for (const flags of [DIGITALSIGNATURE, DIGITALSIGNATURE | PUBLIC | TOKEN]) {
      await assert.rejects(load(spki, flags), status('FORBIDDEN'));
    }
    await assert.rejects(
      load(key.export({ format: 'der', type: 'pkcs8' }), DIGITALSIGNATURE | PUBLIC),
      status('FORBIDDEN'),
    );
    await link.call('KEY_DELETE', nobody, { keys: [loaded.key] });
  });

  test('the end of a login leaves the public keys of a session, a logout nothing', async () => {
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const der = publicKey.export({ format: 'der', type: 'spki' });
    const caller = 78;
    const load = (flags: number) =>
      link.call('KEY_LOAD', caller, { session: 1, name: freshName(), der, flags, attributes: [] });
    // A key that is there finds that the signature is none.
    const answers = (key: Uint8Array, expected: 'INVALID_SIGNATURE' | 'KEY_NOT_FOUND') =>
      assert.rejects(link.call('KEY_VERIFY', caller, { ...VERIFICATION, key }), status(expected));
    await link.call('LOGIN', caller, { user: User.NORMAL, pin: PINS[User.NORMAL] });
    const { loaded: open } = await load(KeyFlags.DIGITALSIGNATURE | KeyFlags.PUBLIC);
    const { loaded: hidden } = await load(KeyFlags.DIGITALSIGNATURE);
    await link.call('LOGIN_END', caller, {});
    await assert.rejects(link.call('IS_LOGGED_IN', caller, { user: User.NORMAL }), status('FORBIDDEN'));
    await answers(open.key, 'INVALID_SIGNATURE');
    await answers(hidden.key, 'KEY_NOT_FOUND');
    await link.call('LOGOUT', caller, {});
    await answers(open.key, 'KEY_NOT_FOUND');
  });

  test('keys that are no keys are refused', async () => {
    const { privateKey: key } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const der = key.export({ format: 'der', type: 'pkcs8' });
    const load = (bytes: Uint8Array) =>
      link.call('KEY_LOAD', USER, { session: 0, name: freshName(), der: bytes, flags: 9, attributes: [] });
    await assert.rejects(load(NO_BYTES), status('BAD_ARGUMENTS'));
    await assert.rejects(load(Buffer.from('3000', 'hex')), status('ASN1_PARSE_FAILED'));
    await assert.rejects(load(der.subarray(0, -1)), status('ASN1_PARSE_FAILED'));
    await assert.rejects(load(Buffer.alloc(16_384, 0x30)), status('ASN1_PARSE_FAILED'));
    const { privateKey: unknown } = generateKeyPairSync('ec', { namedCurve: 'secp224r1' });
    await assert.rejects(load(unknown.export({ format: 'der', type: 'pkcs8' })), status('UNSUPPORTED_KEY'));
    const offCurve = createPublicKey(key).export({ format: 'der', type: 'spki' });
    offCurve[90] = (offCurve[90] ?? 0) ^ 1;
    await assert.rejects(load(offCurve), status('KEY_NOT_ON_CURVE'));
  });

  test('without login no key is made, used or listed', async () => {
    const { privateKey } = await link.call('KEY_PAIR_CREATE', USER, pairArgs());
    await assert.rejects(sign(privateKey.key, CKM.ECDSA, DIGEST, NOBODY), status('FORBIDDEN'));
    const open = pairArgs({ flags: 0x11, publicFlags: 0x11 });
    await assert.rejects(link.call('KEY_PAIR_CREATE', NOBODY, open), status('FORBIDDEN'));
    await assert.rejects(link.call('KEY_LIST', NOBODY, { after: new Uint8Array(16), limit: 1 }), status('FORBIDDEN'));
  });

  test('hundreds of signatures in flight: each request gets its own reply', async () => {
    const rsa = pairArgs({ type: KeyType.RSA_PRIVATE, curve: 0, bits: 1024, exponent: EXPONENT });
    const { privateKey: rsaKey } = await link.call('KEY_PAIR_CREATE', USER, rsa);
    const { privateKey, publicKey } = await link.call('KEY_PAIR_CREATE', USER, pairArgs());
    await Promise.all(
      Array.from({ length: 300 }, async (_, number) => {
        const data = Buffer.alloc(32);
        data.writeUInt32BE(number);
        if (number % 3 === 0) {
          const { signature } = await sign(rsaKey.key, CKM.RSA_PKCS, data);
          await check(rsaKey.key, CKM.RSA_PKCS, data, signature);
        } else {
          const { signature } = await sign(privateKey.key, CKM.ECDSA, data);
          await check(publicKey.key, CKM.ECDSA, data, signature);
        }
      }),
    );
  });
});

test('public session keys without login only if the appliance says so', async () => {
  await using device = await DeviceUnderTest.create();
  const link = await device.start('--public-session-keys');
  await setUp(link);
  const open = pairArgs({ flags: 0x11, publicFlags: 0x11 });
  const { privateKey } = await link.call('KEY_PAIR_CREATE', NOBODY, open);
  const args = { key: privateKey.key, mechanism: CKM.ECDSA, parameter: NO_BYTES, data: DIGEST };
  await link.call('KEY_SIGN', NOBODY, args);
  await assert.rejects(link.call('KEY_SIGN', NOBODY + 1, args), status('KEY_NOT_FOUND'));
  await assert.rejects(link.call('KEY_PAIR_CREATE', NOBODY, pairArgs()), status('FORBIDDEN'));
  // A connection that ends takes its keys along, whether it was logged in or not.
  await link.call('LOGOUT', NOBODY, {});
  await assert.rejects(link.call('KEY_SIGN', NOBODY, args), status('KEY_NOT_FOUND'));
  assert.equal((await link.call('DEVICE_STATUS', 0, {})).volatileKeys, 0);
});
