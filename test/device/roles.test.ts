import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { CKA, CKK, CKM } from '#src/cryptoki/constants.ts';
import { Curve, KeyType, User } from '#src/wire/enumerations.ts';
import { type ArgsOf } from '#src/wire/message.ts';
import { operations } from '#src/wire/operations.ts';
import { deviceOperations } from '#src/wire/device-operations.ts';
import { HalError } from '#src/wire/status.ts';
import { vendorOperations } from '#src/wire/vendor-operations.ts';
import {
  type DeviceLink,
  DeviceUnderTest,
  FACTORY_PIN,
  freshName,
  logIn,
  NO_BYTES,
  NOBODY,
  pairArgs,
  PINS,
  setUp,
  SO,
  USER,
  WHEEL,
} from './device-under-test.ts';
import { type Facts, HKDF, loadSecret, makePair, OPEN, RSA_2048, secret } from './templates.ts';

type Name = keyof typeof deviceOperations | keyof typeof vendorOperations;
type AnyArgs = Omit<ArgsOf<Name>, 'connection'>;

const DIGEST = Buffer.alloc(32, 1);
const ROLES = { wheel: WHEEL, so: SO, user: USER, none: NOBODY } as const;
type Role = keyof typeof ROLES;

/** Functions that an appliance answers and a device does not know. */
const APPLIANCE = Object.entries(vendorOperations)
  .filter(([, { code }]) => code >= 1979)
  .map(([name]) => name);

const ML_KEM = { mechanism: CKM.ML_KEM, parameter: NO_BYTES };

let link: DeviceLink;
let kem: { privateKey: Facts; publicKey: Facts };
/** A pair whose private key wants the PIN for every use. */
let careful: { privateKey: Facts; publicKey: Facts };
let masterKey: Uint8Array;

async function newKey(): Promise<Uint8Array> {
  const { privateKey } = await link.call('KEY_PAIR_CREATE', USER, pairArgs());
  return privateKey.key;
}

/** A handle of the connection for a new key; one that nobody has if the connection may not have any. */
async function newHandle(connection: number): Promise<number> {
  const uuid = await newKey();
  const { pkey } = await link.call('PKEY_OPEN', connection, { session: 0, uuid }).catch(() => ({ pkey: 0x7fff_ffff }));
  return pkey;
}

async function newDigest(connection: number): Promise<number> {
  const { hash } = await link.call('HASH_INITIALIZE', connection, { session: 0, alg: 3, key: NO_BYTES });
  return hash;
}

async function newSecret(values: Parameters<typeof loadSecret>[2], keyType?: number): Promise<Uint8Array> {
  return (await loadSecret(link, Buffer.alloc(32, 1), values, keyType)).key;
}

async function cipherArgs(usage: number) {
  return {
    key: await newSecret({ [usage]: true }),
    mechanism: CKM.AES_ECB,
    parameter: NO_BYTES,
    data: Buffer.alloc(16),
  };
}

/** A public RSA key that needs no login, with its mechanism. */
async function openKey() {
  const halves = [{ [CKA.DECRYPT]: true }, { [CKA.ENCRYPT]: true, [CKA.PRIVATE]: false }] as const;
  const { publicKey } = await makePair(link, { ...RSA_2048, bits: 1024 }, ...halves);
  return { key: publicKey.key, mechanism: CKM.RSA_PKCS };
}

const signArgs = async () => ({ key: await newKey(), mechanism: CKM.ECDSA, parameter: NO_BYTES, data: DIGEST });

async function spki(): Promise<Uint8Array> {
  const { publicKey } = await link.call('KEY_PAIR_CREATE', USER, pairArgs());
  return publicKey.spki;
}

/** Arguments with which each function succeeds for whom it is meant. */
const ARGUMENTS: Record<
  Exclude<Name, 'GET_HSM_STATE' | 'GET_IP'>,
  ((connection: number) => AnyArgs | Promise<AnyArgs>) | undefined
> = {
  GET_VERSION: () => ({}),
  GET_RANDOM: () => ({ length: 16 }),
  SET_PIN: () => ({ user: User.NORMAL, pin: Buffer.from(PINS[User.NORMAL]) }),
  LOGIN: undefined,
  LOGOUT: undefined,
  LOGOUT_ALL: undefined,
  IS_LOGGED_IN: undefined,
  HASH_GET_DIGEST_LEN: () => ({ alg: 3 }),
  HASH_GET_DIGEST_ALGORITHM_ID: () => ({ alg: 3, lenMax: 64 }),
  HASH_GET_ALGORITHM: async (connection) => ({ hash: await newDigest(connection) }),
  HASH_INITIALIZE: () => ({ session: 0, alg: 3, key: NO_BYTES }),
  HASH_UPDATE: async (connection) => ({ hash: await newDigest(connection), data: DIGEST }),
  HASH_FINALIZE: async (connection) => ({ hash: await newDigest(connection), length: 32 }),
  PKEY_LOAD: async () => ({ session: 0, der: await spki(), flags: 9 }),
  PKEY_OPEN: async () => ({ session: 0, uuid: await newKey() }),
  PKEY_GENERATE_RSA: () => ({ session: 0, bits: 1024, exponent: Buffer.from([1, 0, 1]), flags: 9 }),
  PKEY_GENERATE_EC: () => ({ session: 0, curve: 1, flags: 9 }),
  PKEY_CLOSE: async (connection) => ({ pkey: await newHandle(connection) }),
  PKEY_DELETE: async (connection) => ({ pkey: await newHandle(connection) }),
  PKEY_GET_KEY_TYPE: async (connection) => ({ pkey: await newHandle(connection) }),
  PKEY_GET_KEY_FLAGS: async (connection) => ({ pkey: await newHandle(connection) }),
  PKEY_GET_KEY_CURVE: async (connection) => ({ pkey: await newHandle(connection) }),
  PKEY_GET_PUBLIC_KEY_LEN: async (connection) => ({ pkey: await newHandle(connection) }),
  PKEY_GET_PUBLIC_KEY: async (connection) => ({ pkey: await newHandle(connection), derMax: 1000 }),
  PKEY_SIGN: async (connection) => ({ pkey: await newHandle(connection), hash: 0, input: DIGEST, sigMax: 1000 }),
  PKEY_VERIFY: undefined,
  PKEY_MATCH: () => ({
    session: 0,
    type: 0,
    curve: 0,
    mask: 0,
    flags: 0,
    attributes: [],
    state: 0,
    resultMax: 64,
    previous: freshName(),
  }),
  PKEY_SET_ATTRIBUTES: async (connection) => ({
    pkey: await newHandle(connection),
    attributes: [{ type: 3, value: DIGEST }],
  }),
  PKEY_GET_ATTRIBUTES: async (connection) => ({ pkey: await newHandle(connection), types: [0x180], bufferLen: 100 }),
  PKEY_EXPORT: undefined,
  PKEY_IMPORT: undefined,
  PKEY_GENERATE_HASHSIG: undefined,
  CHECK_TAMPER: () => ({}),
  SET_RPC_DEVICE: undefined,
  DISABLE_CACHE_KEYGEN: undefined,
  ENABLE_CACHE_KEYGEN: undefined,
  USE_INCOMING_DEVICE_UUIDS: undefined,
  USE_INCOMING_MASTER_UUIDS: undefined,
  DEVICE_STATUS: () => ({}),
  KEY_LIST: () => ({ after: new Uint8Array(16), limit: 10 }),
  KEY_PAIR_CREATE: () => pairArgs(),
  KEY_LOAD: async () => ({ session: 0, name: freshName(), der: await spki(), flags: 9, attributes: [] }),
  KEY_DELETE: async () => ({ keys: [await newKey()] }),
  KEY_SET_ATTRIBUTES: async () => ({ key: await newKey(), attributes: [{ type: 3, value: DIGEST }] }),
  KEY_SIGN: signArgs,
  KEY_VERIFY: async () => {
    const args = await signArgs();
    return { ...args, signature: (await link.call('KEY_SIGN', USER, args)).signature };
  },
  SELF_TEST: () => ({}),
  KEY_CREATE: () => ({ ...secret(CKK.AES, 256), mechanism: CKM.AES_KEY_GEN, parameter: NO_BYTES }),
  OBJECT_LOAD: () => ({ ...secret(CKK.AES, 0), value: Buffer.alloc(16) }),
  KEY_COPY: async () => {
    const { loaded } = await link.call('OBJECT_LOAD', USER, { ...secret(CKK.AES, 0), value: Buffer.alloc(16) });
    const { key, flags, attributes } = loaded;
    return { key, flags, attributes, session: 0, name: freshName() };
  },
  KEY_VALUE: async () => ({ key: await newSecret(OPEN) }),
  // A public key; secret ones are for those who may use them.
  KEY_ENCRYPT: async () => ({ ...(await cipherArgs(CKA.ENCRYPT)), ...(await openKey()) }),
  KEY_DECRYPT: () => cipherArgs(CKA.DECRYPT),
  KEY_WRAP: async () => ({
    wrappingKey: await newSecret({ ...OPEN, [CKA.WRAP]: true }),
    mechanism: CKM.AES_KEY_WRAP_KWP,
    parameter: NO_BYTES,
    key: await newSecret(OPEN),
  }),
  KEY_UNWRAP: async () => {
    const keys = {
      wrappingKey: await newSecret({ ...OPEN, [CKA.WRAP]: true, [CKA.UNWRAP]: true }),
      key: await newSecret(OPEN),
    };
    const how = { mechanism: CKM.AES_KEY_WRAP_KWP, parameter: NO_BYTES };
    const { wrapped } = await link.call('KEY_WRAP', USER, { ...keys, ...how });
    return { unwrappingKey: keys.wrappingKey, ...how, wrapped, ...secret(CKK.AES, 0) };
  },
  KEY_DERIVE: async () => ({
    baseKey: await newSecret({ ...OPEN, [CKA.DERIVE]: true }, CKK.GENERIC_SECRET),
    ...HKDF,
    ...secret(CKK.AES, 256, OPEN),
  }),
  KEY_ENCAPSULATE: async () => ({ publicKey: kem.publicKey.key, ...ML_KEM, ...secret(CKK.AES, 0) }),
  KEY_DECAPSULATE: async () => {
    const made = await link.call('KEY_ENCAPSULATE', USER, {
      publicKey: kem.publicKey.key,
      ...ML_KEM,
      ...secret(CKK.AES, 0),
    });
    return { privateKey: kem.privateKey.key, ...ML_KEM, ciphertext: made.ciphertext, ...secret(CKK.AES, 0) };
  },
  KEY_AUTHENTICATE: async (connection) => {
    const pin = connection === WHEEL ? FACTORY_PIN : PINS[User.NORMAL];
    return { key: careful.privateKey.key, pin: Buffer.from(pin) };
  },
  KEY_INVITE: () => ({}),
  KEY_SEND: async () => ({ key: await newSecret(OPEN), invitation: freshName() }),
  KEY_RECEIVE: async (connection) => {
    const { invitation } = await link.call('KEY_INVITE', connection, {});
    return { session: 0, ...(await link.call('KEY_SEND', USER, { key: await newSecret(OPEN), invitation })) };
  },
  KEYS_ERASE: undefined,
  LOGIN_TICKET: undefined,
  LOGIN_RESUME: undefined,
  LOGIN_END: undefined,
  MASTERKEY_SET: () => ({ key: Buffer.from(masterKey) }),
  MASTERKEY_CHECK: () => ({ key: masterKey }),
  MASTERKEY_CLEAR: () => ({}),
  PIN_KEEP: () => ({ user: User.NORMAL }),
  PIN_SETTLE: () => ({ user: User.NORMAL }),
  PIN_ROLLBACK: async (connection) => {
    const args = { user: User.NORMAL, pin: Buffer.from(PINS[User.NORMAL]) };
    await link.call('SET_PIN', connection, args).catch(() => {});
    return { user: User.NORMAL };
  },
  // Afterwards its connection may take it back, whatever the role.
  PIN_REPLACE: () => ({
    user: User.NORMAL,
    oldPin: Buffer.from(PINS[User.NORMAL]),
    newPin: Buffer.from(PINS[User.NORMAL]),
  }),
};

/** Functions of a key handle, which only a user or wheel can get. */
const isHandleFunction = (name: string) => name.startsWith('PKEY_') && 'pkey' in operations[name as Name].args;

function expected(name: Name, role: Role): string {
  if (isHandleFunction(name) && role !== 'user' && role !== 'wheel') {
    return name === 'PKEY_GET_PUBLIC_KEY_LEN' ? 'OK' : 'KEY_NOT_FOUND';
  }
  const allowed = {
    any: true,
    match: true,
    internal: false,
    userOrWheel: role === 'user' || role === 'wheel',
    userOrWheelUnlessPublicSession: role === 'user' || role === 'wheel',
    wheel: role === 'wheel',
    so: role === 'so',
    wheelOrSoForUser: role === 'wheel' || role === 'so',
  };
  return allowed[operations[name].caller] ? 'OK' : 'FORBIDDEN';
}

describe('who may call which function', () => {
  let device: DeviceUnderTest;
  before(async () => {
    device = await DeviceUnderTest.create();
    link = await device.start();
    ({ masterKey } = await setUp(link));
    const kemKind = { type: KeyType.ML_KEM_PRIVATE, curve: Curve.ML_KEM_512, bits: 0 };
    kem = await makePair(link, kemKind, { [CKA.DECAPSULATE]: true }, { [CKA.ENCAPSULATE]: true });
    const ecKind = { type: KeyType.EC_PRIVATE, curve: Curve.P256, bits: 0 };
    careful = await makePair(
      link,
      ecKind,
      { [CKA.SIGN]: true, [CKA.ALWAYS_AUTHENTICATE]: true },
      { [CKA.VERIFY]: true },
    );
  });
  after(() => device[Symbol.asyncDispose]());

  for (const [name, build] of Object.entries(ARGUMENTS) as [Name, (typeof ARGUMENTS)[keyof typeof ARGUMENTS]][]) {
    if (build === undefined) continue;
    test(name, async () => {
      for (const [role, connection] of Object.entries(ROLES) as [Role, number][]) {
        const args = await build(connection);
        const outcome = await link.call(name, connection, args as never).then(
          () => 'OK',
          (error: HalError) => error.status,
        );
        const wanted = expected(name, role);
        assert.equal(outcome, wanted === 'OK' ? 'OK' : new HalError(wanted as 'FORBIDDEN').status, `as ${role}`);
        if (name === 'MASTERKEY_CLEAR') await link.call('MASTERKEY_SET', WHEEL, { key: Buffer.from(masterKey) });
      }
    });
  }

  test('so sets no other PIN than the user’s, not even its own', async () => {
    for (const user of [User.SO, User.WHEEL]) {
      await assert.rejects(link.call('SET_PIN', SO, { user, pin: Buffer.from('12345') }), /not allowed/);
    }
  });

  test('a search without login finds nothing that is not PUBLIC', async () => {
    const search = { session: 0, type: 0, curve: 0, mask: 0, attributes: [], resultMax: 64, previous: freshName() };
    await newKey();
    assert.deepEqual((await link.call('PKEY_MATCH', NOBODY, { ...search, state: 0, flags: 0 })).uuids, []);
    assert.deepEqual((await link.call('PKEY_MATCH', NOBODY, { ...search, state: 0, flags: 0x10 })).uuids, []);
    const { uuid } = await link.call('PKEY_GENERATE_EC', USER, { session: 0, curve: 1, flags: 0x19 });
    assert.deepEqual((await link.call('PKEY_MATCH', NOBODY, { ...search, state: 0, flags: 0x10 })).uuids, [uuid]);
  });

  test('everybody is logged out by wheel or so, and only themselves by others', async () => {
    const stillIn = (connection: number, user: User) =>
      link.call('IS_LOGGED_IN', connection, { user }).then(
        () => true,
        () => false,
      );
    await link.call('LOGOUT_ALL', NOBODY, {});
    await link.call('LOGOUT_ALL', USER, {});
    assert.deepEqual(
      [await stillIn(WHEEL, User.WHEEL), await stillIn(SO, User.SO), await stillIn(USER, User.NORMAL)],
      [true, true, false],
    );
    await logIn(link);
    await link.call('LOGOUT_ALL', SO, {});
    assert.equal((await link.call('DEVICE_STATUS', 0, {})).logins, 0);
    await logIn(link);
  });

  test('the functions of the appliance are unknown to a device', async () => {
    assert.equal(APPLIANCE.length, 7);
    for (const name of APPLIANCE) {
      await assert.rejects(link.call(name as 'GET_IP', WHEEL, { index: 0 }), /unknown function/);
    }
  });
});
