import assert from 'node:assert/strict';
import { createHash, createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import { after, before, test } from 'node:test';
import { Curve, DigestAlgorithm, KeyFlags, KeyType, User } from '#src/wire/enumerations.ts';
import { encodeRequest, type ArgsOf } from '#src/wire/message.ts';
import { NIL } from '#src/wire/schema.ts';
import { HalError, HalStatus, type HalStatusName } from '#src/wire/status.ts';
import { type Appliance, type Secrets, startAppliance } from '../appliance.ts';
import { RpcClient } from './rpc-client.ts';

const LABEL = 0x003;
const TOKEN = KeyFlags.DIGITALSIGNATURE | KeyFlags.TOKEN;
const SESSION = KeyFlags.DIGITALSIGNATURE;
const F4 = Uint8Array.of(1, 0, 1);

let appliance: Appliance;
let secrets: Secrets;
let client: RpcClient;
before(async () => {
  appliance = await startAppliance();
  secrets = await appliance.setUp();
  client = await loggedIn();
});
after(async () => {
  await client.close();
  await appliance.stop();
});

async function loggedIn(user: User = User.NORMAL): Promise<RpcClient> {
  const fresh = await RpcClient.vendor(appliance.rpcPort);
  await fresh.login(user === User.WHEEL ? secrets.wheelPin : secrets.userPin, user);
  return fresh;
}

const refused =
  (name: HalStatusName) =>
  (error: unknown): boolean =>
    error instanceof HalError && error.status === HalStatus[name];

const ec = (flags: number, curve: number = Curve.P256) => client.call('PKEY_GENERATE_EC', { session: 0, curve, flags });
const search = (from: RpcClient, args: Partial<ArgsOf<'PKEY_MATCH'>>) =>
  from.call('PKEY_MATCH', {
    session: 0,
    type: 0,
    curve: 0,
    mask: 0,
    flags: 0,
    attributes: [],
    state: 0,
    resultMax: 64,
    previous: new Uint8Array(16),
    ...args,
  });

test('an EC key: facts, signature, verification', async () => {
  for (const [curve, hash, size] of [
    [Curve.P256, 'sha256', 64],
    [Curve.P384, 'sha384', 96],
    [Curve.P521, 'sha512', 132],
  ] as const) {
    const { pkey, uuid } = await ec(TOKEN, curve);
    assert.ok(pkey >= 0x8000_0000, 'token keys have bit 31');
    assert.equal((uuid[6]! & 0xf0) | (uuid[8]! & 0xc0), 0x40 | 0x80, 'a UUID of version 4');
    assert.equal((await client.call('PKEY_GET_KEY_TYPE', { pkey })).type, KeyType.EC_PRIVATE);
    assert.equal((await client.call('PKEY_GET_KEY_CURVE', { pkey })).curve, curve);
    assert.equal((await client.call('PKEY_GET_KEY_FLAGS', { pkey })).flags, TOKEN);
    const { length } = await client.call('PKEY_GET_PUBLIC_KEY_LEN', { pkey });
    const { der } = await client.call('PKEY_GET_PUBLIC_KEY', { pkey, derMax: length });
    await assert.rejects(client.call('PKEY_GET_PUBLIC_KEY', { pkey, derMax: length - 1 }), refused('RESULT_TOO_LONG'));

    const input = createHash(hash).update('abc').digest();
    const { signature } = await client.call('PKEY_SIGN', { pkey, hash: 0, input, sigMax: size });
    assert.equal(signature.length, size);
    const publicKey = createPublicKey({ key: Buffer.from(der), format: 'der', type: 'spki' });
    assert.ok(verify(hash, Buffer.from('abc'), { key: publicKey, dsaEncoding: 'ieee-p1363' }, signature));
    await client.call('PKEY_VERIFY', { pkey, hash: 0, input, signature });
    await assert.rejects(
      client.call('PKEY_VERIFY', { pkey, hash: 0, input, signature: signature.with(5, signature[5]! ^ 1) }),
      refused('INVALID_SIGNATURE'),
    );
    await assert.rejects(
      client.call('PKEY_SIGN', { pkey, hash: 0, input, sigMax: size - 1 }),
      refused('RESULT_TOO_LONG'),
    );
    await client.call('PKEY_DELETE', { pkey });
    await assert.rejects(client.call('PKEY_CLOSE', { pkey }), refused('KEY_NOT_FOUND'));
    await assert.rejects(client.call('PKEY_OPEN', { session: 0, uuid }), refused('KEY_NOT_FOUND'));
  }
});

test('an RSA key signs a DigestInfo or a running digest alike', async () => {
  const { pkey } = await client.call('PKEY_GENERATE_RSA', { session: 0, bits: 2048, exponent: F4, flags: TOKEN });
  const { der } = await client.call('PKEY_GET_PUBLIC_KEY', { pkey, derMax: 4096 });
  const { hash } = await client.call('HASH_INITIALIZE', {
    session: 0,
    alg: DigestAlgorithm.SHA256,
    key: new Uint8Array(0),
  });
  for (const part of ['a', '', 'bc']) await client.call('HASH_UPDATE', { hash, data: Buffer.from(part) });
  const empty = new Uint8Array(0);
  const { signature } = await client.call('PKEY_SIGN', { pkey, hash, input: empty, sigMax: 256 });
  await assert.rejects(client.call('HASH_GET_ALGORITHM', { hash }), refused('BAD_ARGUMENTS'), 'the digest is used up');
  const publicKey = createPublicKey({ key: Buffer.from(der), format: 'der', type: 'spki' });
  assert.ok(verify('sha256', Buffer.from('abc'), publicKey, signature));

  const info = Buffer.concat([
    Buffer.from('3031300d060960864801650304020105000420', 'hex'),
    createHash('sha256').update('abc').digest(),
  ]);
  const direct = await client.call('PKEY_SIGN', { pkey, hash: 0, input: info, sigMax: 1024 });
  assert.deepEqual(direct.signature, signature);
  await assert.rejects(
    client.call('PKEY_SIGN', { pkey, hash: 0, input: new Uint8Array(246), sigMax: 256 }),
    refused('RESULT_TOO_LONG'),
  );
  await assert.rejects(
    client.call('PKEY_VERIFY', { pkey, hash: 0, input: info, signature: new Uint8Array(9) }),
    refused('INVALID_SIGNATURE'),
  );
  await client.call('PKEY_DELETE', { pkey });
});

test('arguments outside their rules', async () => {
  const rsa = (bits: number, exponent: Uint8Array, flags: number = TOKEN) =>
    client.status('PKEY_GENERATE_RSA', { session: 0, bits, exponent, flags });
  assert.equal(await rsa(2047, F4), HalStatus.BAD_ARGUMENTS);
  assert.equal(await rsa(0, F4), HalStatus.BAD_ARGUMENTS);
  assert.equal(await rsa(2048, new Uint8Array(0)), HalStatus.BAD_ARGUMENTS);
  assert.equal(await rsa(2048, F4, 0x40), HalStatus.BAD_ARGUMENTS);
  assert.equal(await rsa(512, F4), HalStatus.UNSUPPORTED_KEY);
  assert.equal(await rsa(16_384, F4), HalStatus.UNSUPPORTED_KEY);
  assert.equal(await rsa(2048, Uint8Array.of(3)), HalStatus.UNSUPPORTED_KEY);
  assert.equal(
    await client.status('PKEY_GENERATE_EC', { session: 0, curve: 4, flags: TOKEN }),
    HalStatus.BAD_ARGUMENTS,
  );
  const { pkey } = await ec(SESSION);
  const input = new Uint8Array(32);
  const sign = (hash: number, data: Uint8Array, sigMax: number) =>
    client.status('PKEY_SIGN', { pkey, hash, input: data, sigMax });
  assert.equal(await sign(0, new Uint8Array(0), 64), HalStatus.BAD_ARGUMENTS);
  assert.equal(await sign(1, input, 64), HalStatus.BAD_ARGUMENTS);
  assert.equal(await sign(0, input, 0), HalStatus.BAD_ARGUMENTS);
  assert.equal(await sign(0, input, 0xffff_ffff), HalStatus.RPC_PACKET_OVERFLOW);
  assert.equal(await client.status('GET_RANDOM', { length: 0xffff_ffff }), HalStatus.RPC_PACKET_OVERFLOW);
  assert.equal(await client.status('GET_RANDOM', { length: 16_368 }), HalStatus.OK);
  assert.equal(await client.status('PKEY_GET_KEY_TYPE', { pkey: 0 }), HalStatus.KEY_NOT_FOUND);
  assert.equal((await client.call('PKEY_GET_PUBLIC_KEY_LEN', { pkey: 77 })).length, 0);
  const badUuid = encodeRequest('PKEY_LOAD', 3, { session: 0, der: new Uint8Array(15), flags: 0 }).slice();
  badUuid[3] = 14;
  const { readStatus } = await import('#src/wire/message.ts');
  assert.equal(readStatus(await client.exchange(badUuid)), HalStatus.KEY_NAME_TOO_LONG);
});

test('keys are loaded; what is not a key, or not one of the vendor’s, is refused', async () => {
  const load = (der: Uint8Array, flags: number = SESSION) => client.call('PKEY_LOAD', { session: 0, der, flags });
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const loaded = await load(privateKey.export({ format: 'der', type: 'pkcs8' }));
  const loadedPublic = await load(publicKey.export({ format: 'der', type: 'spki' }));
  assert.equal((await client.call('PKEY_GET_KEY_TYPE', { pkey: loadedPublic.pkey })).type, KeyType.EC_PUBLIC);
  const input = createHash('sha256').update('abc').digest();
  const { signature } = await client.call('PKEY_SIGN', { pkey: loaded.pkey, hash: 0, input, sigMax: 64 });
  await client.call('PKEY_VERIFY', { pkey: loadedPublic.pkey, hash: 0, input, signature });

  await assert.rejects(load(new Uint8Array(0)), refused('BAD_ARGUMENTS'));
  await assert.rejects(load(Uint8Array.of(0x30, 0)), refused('ASN1_PARSE_FAILED'));
  const edwards = generateKeyPairSync('ed25519').privateKey.export({ format: 'der', type: 'pkcs8' });
  await assert.rejects(load(edwards, TOKEN), refused('UNSUPPORTED_KEY'));
});

test('attributes: lengths, values, deletion, absence', async () => {
  const { pkey } = await ec(TOKEN);
  const lengths = async (types: number[]) => {
    const message = encodeRequest('PKEY_GET_ATTRIBUTES', 5, { pkey, types, bufferLen: 0 });
    const reply = await client.exchange(message);
    return Array.from({ length: types.length }, (_, i) => new DataView(reply.buffer).getUint32(16 + 8 * i + 4));
  };
  assert.deepEqual(await lengths([LABEL]), [NIL], 'a fresh key has no attributes');
  const attributes = [
    { type: LABEL, value: Buffer.from('zsk') },
    { type: 0x8000_0001, value: new Uint8Array(0) },
    { type: 0x100, value: new Uint8Array(6000).fill(5) },
  ];
  await client.call('PKEY_SET_ATTRIBUTES', { pkey, attributes });
  assert.deepEqual(await lengths([LABEL, 0x8000_0001, 0x100, 0x999]), [3, 0, 6000, NIL]);
  const get = (types: number[], bufferLen: number) => client.call('PKEY_GET_ATTRIBUTES', { pkey, types, bufferLen });
  const [value] = (await get([LABEL, LABEL], 6)).attributes;
  assert.equal(Buffer.from(value!.value).toString(), 'zsk');
  await assert.rejects(get([LABEL], 2), refused('RESULT_TOO_LONG'));
  await assert.rejects(get([LABEL, 0x999], 100), refused('ATTRIBUTE_NOT_FOUND'));
  assert.deepEqual((await get([], 100)).attributes, []);
  await client.call('PKEY_SET_ATTRIBUTES', { pkey, attributes: [{ type: LABEL, value: null }] });
  assert.deepEqual(await lengths([LABEL]), [NIL]);
  assert.equal(await client.status('PKEY_SET_ATTRIBUTES', { pkey, attributes: [] }), HalStatus.BAD_ARGUMENTS);
  await client.call('PKEY_DELETE', { pkey });
});

test('MATCH pages through all keys of all devices exactly once', async () => {
  const label = { type: LABEL, value: Buffer.from('match me') };
  const made: string[] = [];
  for (let i = 0; i < 5; i++) {
    const { pkey, uuid } = await ec(i < 3 ? TOKEN : SESSION);
    made.push(Buffer.from(uuid).toString('hex'));
    await client.call('PKEY_SET_ATTRIBUTES', { pkey, attributes: [label] });
  }
  for (const resultMax of [1, 2, 3, 5, 6, 1000]) {
    const found: string[] = [];
    let state = 0;
    let previous: Uint8Array = new Uint8Array(16);
    for (;;) {
      const page = await search(client, { attributes: [label], state, previous, resultMax });
      found.push(...page.uuids.map((uuid) => Buffer.from(uuid).toString('hex')));
      state = page.state;
      // The vendor's library stops at the first page that is not full.
      if (page.uuids.length < resultMax) break;
      previous = page.uuids.at(-1)!.slice();
    }
    assert.equal(state, 3);
    assert.deepEqual(found, [...made.slice(0, 3).sort(), ...made.slice(3).sort()], `pages of ${resultMax}`);
  }
  const onlyToken = await search(client, { attributes: [label], mask: KeyFlags.TOKEN, flags: KeyFlags.TOKEN });
  assert.equal(onlyToken.uuids.length, 3);
  const onlySession = await search(client, { attributes: [label], mask: KeyFlags.TOKEN, flags: 0 });
  assert.equal(onlySession.uuids.length, 2);
  assert.equal((await search(client, { attributes: [label], type: KeyType.RSA_PRIVATE })).uuids.length, 0);
  assert.equal((await search(client, { attributes: [label], curve: Curve.P384 })).uuids.length, 0);
  await assert.rejects(search(client, { resultMax: 0 }), refused('BAD_ARGUMENTS'));
  await assert.rejects(search(client, { state: 4 }), refused('BAD_ARGUMENTS'));

  const stranger = await RpcClient.vendor(appliance.rpcPort);
  assert.deepEqual(await search(stranger, { state: 1 }), { state: 1, uuids: [] }, 'nothing without login');
  assert.equal((await search(stranger, { flags: KeyFlags.PUBLIC })).uuids.length, 0);
  await stranger.close();
});

test('connections do not see each other’s handles and session keys; wheel sees session keys', async () => {
  const other = await loggedIn();
  const wheel = await loggedIn(User.WHEEL);
  const token = await ec(TOKEN);
  const session = await ec(SESSION);
  assert.ok(session.pkey < 0x8000_0000);
  for (const { pkey } of [token, session]) {
    assert.equal(await other.status('PKEY_GET_KEY_TYPE', { pkey }), HalStatus.KEY_NOT_FOUND);
  }
  await other.call('PKEY_OPEN', { session: 0, uuid: token.uuid });
  assert.equal(await other.status('PKEY_OPEN', { session: 0, uuid: session.uuid }), HalStatus.KEY_NOT_FOUND);
  const { pkey } = await wheel.call('PKEY_OPEN', { session: 0, uuid: session.uuid });
  await wheel.call('PKEY_SIGN', { pkey, hash: 0, input: new Uint8Array(32), sigMax: 64 });

  // The session key ends with the login, handles to token keys too.
  await client.call('LOGOUT', {});
  assert.equal(await wheel.status('PKEY_GET_KEY_TYPE', { pkey }), HalStatus.KEY_NOT_FOUND);
  assert.equal(await client.status('PKEY_GET_KEY_TYPE', { pkey: token.pkey }), HalStatus.KEY_NOT_FOUND);
  assert.equal(await client.status('PKEY_OPEN', { session: 0, uuid: token.uuid }), HalStatus.FORBIDDEN);
  assert.equal(await client.status('PKEY_GENERATE_EC', { session: 0, curve: 1, flags: TOKEN }), HalStatus.FORBIDDEN);
  await client.login(secrets.userPin);
  await Promise.all([other.close(), wheel.close()]);
});

const randomName = () => crypto.getRandomValues(new Uint8Array(16));

test('kinds of keys that vendor clients do not know are invisible to them', async () => {
  const own = await RpcClient.own(appliance.rpcPort);
  await own.login(secrets.userPin);
  const token = { type: 1, value: Uint8Array.of(1) };
  const making = () => ({ session: 1, request: randomName(), parameter: new Uint8Array(0) });
  const pair = async (mechanism: number, type: number, value: string) => {
    const publicTemplate = [token, { type, value: Uint8Array.fromHex(value) }];
    const args = { ...making(), mechanism, publicTemplate, privateTemplate: [token] };
    const { publicKey, privateKey } = await own.call('KEY_PAIR_GENERATE', args);
    return [publicKey.object, privateKey.object];
  };
  const shown = await pair(0x1040, 0x180, '06082a8648ce3d030107');
  // Ed25519, X25519, secp256k1, ML-DSA-44, and a secret key and a data object.
  const length = [token, { type: 0x161, value: Uint8Array.fromHex('2000000000000000') }];
  const hidden = [
    ...(await pair(0x1055, 0x180, '06032b6570')),
    ...(await pair(0x1056, 0x180, '06032b656e')),
    ...(await pair(0x1040, 0x180, '06052b8104000a')),
    ...(await pair(0x001c, 0x61d, '0100000000000000')),
    (await own.call('SECRET_KEY_GENERATE', { ...making(), mechanism: 0x1080, template: length })).created.object,
    (
      await own.call('OBJECT_CREATE', {
        ...making(),
        template: [token, { type: 0, value: new Uint8Array(8) }, { type: 3, value: Uint8Array.of(0x78) }],
      })
    ).created.object,
  ];
  for (const uuid of hidden) {
    assert.equal(await client.status('PKEY_OPEN', { session: 0, uuid }), HalStatus.KEY_NOT_FOUND);
  }
  const { uuids } = await search(client, { resultMax: 10_000 });
  const found = new Set(uuids.map((uuid) => uuid.toHex()));
  assert.deepEqual(
    hidden.filter((uuid) => found.has(uuid.toHex())),
    [],
  );
  assert.deepEqual(
    shown.filter((uuid) => !found.has(uuid.toHex())),
    [],
  );
  for (const object of [...hidden, ...shown]) await own.call('OBJECT_DESTROY', { object });
  await own.close();
});

test('functions of the inner side are refused and have no effect', async () => {
  assert.equal(await client.status('SET_RPC_DEVICE', { index: 0 }), HalStatus.FORBIDDEN);
  for (const name of [
    'DISABLE_CACHE_KEYGEN',
    'ENABLE_CACHE_KEYGEN',
    'USE_INCOMING_DEVICE_UUIDS',
    'USE_INCOMING_MASTER_UUIDS',
  ] as const) {
    assert.equal(await client.status(name, {}), HalStatus.FORBIDDEN);
  }
  const { uuid } = await ec(TOKEN);
  await client.call('PKEY_OPEN', { session: 0, uuid });
  assert.equal((await client.call('GET_IP', {})).address, '127.0.0.1');
  const { pkey } = await ec(SESSION);
  const limits = { pkcs8Max: 5480, kekMax: 512 };
  assert.equal(await client.status('PKEY_EXPORT', { pkey, kekek: pkey, ...limits }), HalStatus.FORBIDDEN);
});

test('LOGOUT_ALL ends other logins only for a privileged caller', async () => {
  const wheel = await loggedIn(User.WHEEL);
  const other = await loggedIn();
  await client.call('LOGOUT_ALL', {});
  assert.equal(await other.status('IS_LOGGED_IN', { user: 1 }), HalStatus.OK);
  await wheel.call('LOGOUT_ALL', {});
  assert.equal(await other.status('IS_LOGGED_IN', { user: 1 }), HalStatus.FORBIDDEN);
  await client.login(secrets.userPin);
  await Promise.all([wheel.close(), other.close()]);
});
