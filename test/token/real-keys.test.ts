/** Secret keys and operations on real devices, with keys that are not on one device. */

import assert from 'node:assert/strict';
import { createCipheriv, createDecipheriv, createHmac, hkdfSync } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { CKA, CKK, CKM, CKO, CKR } from '#src/cryptoki/constants.ts';
import { CKD, CKF_HKDF_SALT, CKP } from '#src/cryptoki/parameter-numbers.ts';
import { writeParameter } from '#src/cryptoki/parameters.ts';
import { User } from '#src/wire/enumerations.ts';
import { pidsOf, until } from '../processes.ts';
import { Found, randomUuid, rejectsWith } from './start-token.ts';
import { FACTORY_PIN, none, pin, type RealProgram, RealToken, USER_PIN } from './start-real.ts';
import { P256, template, type Template } from './templates.ts';

const AES = { VALUE_LEN: 32 };
const KEK = { ...AES, WRAP: true, UNWRAP: true, ENCRYPT: false, DECRYPT: false };
const READABLE = { SENSITIVE: false, EXTRACTABLE: true };

let real: RealToken;
let user: RealProgram;

before(async () => {
  real = await RealToken.start();
  user = await real.program();
});
after(() => real?.stop());

/** Keys by one call until one is on the wanted device. */
async function keyOn(device: number, make: () => Promise<Found>): Promise<Found> {
  for (;;) {
    const key = await make();
    if (real.places(key)[0] === device) return key;
  }
}

describe('secret keys', () => {
  test('AES-GCM is that of OpenSSL', async () => {
    const value = Buffer.alloc(32, 5);
    const key = await user.create({
      CLASS: CKO.SECRET_KEY,
      KEY_TYPE: CKK.AES,
      VALUE: value,
      ENCRYPT: true,
      DECRYPT: true,
    });
    key.assertHas({ LOCAL: false, ALWAYS_SENSITIVE: false, NEVER_EXTRACTABLE: false, VALUE_LEN: 32 }, 'imported');
    const iv = Buffer.alloc(12, 1);
    const gcm = writeParameter('gcm', { iv, aad: Buffer.from('aad'), tagBits: 128 }).slice();
    const cipher = createCipheriv('aes-256-gcm', value, iv).setAAD(Buffer.from('aad'));
    const expected = Buffer.concat([cipher.update('text'), cipher.final(), cipher.getAuthTag()]);
    const result = await user.encrypt(key, CKM.AES_GCM, gcm, Buffer.from('text'));
    assert.deepEqual(Buffer.from(result), expected);
    assert.equal(Buffer.from(await user.decrypt(key, CKM.AES_GCM, gcm, result)).toString(), 'text');
    expected[0] = (expected[0] as number) ^ 1;
    await assert.rejects(user.decrypt(key, CKM.AES_GCM, gcm, expected));
    await rejectsWith(user.encrypt(key, CKM.AES_GCM, none, Buffer.from('text')), CKR.MECHANISM_PARAM_INVALID);
  });

  test('HMAC is that of OpenSSL, and its length counts', async () => {
    const value = Buffer.alloc(40, 9);
    const kind = { CLASS: CKO.SECRET_KEY, KEY_TYPE: CKK.GENERIC_SECRET };
    const key = await user.create({ ...kind, VALUE: value, SIGN: true, VERIFY: true });
    const { signature } = await user.sign(key.object, CKM.SHA384_HMAC, Buffer.from('text'));
    assert.deepEqual(Buffer.from(signature), createHmac('sha384', value).update('text').digest());
    const args = { object: key.object, mechanism: CKM.SHA384_HMAC, parameter: none, data: Buffer.from('text') };
    await user.call('VERIFY', { ...args, signature });
    await rejectsWith(user.call('VERIFY', { ...args, signature: signature.slice(1) }), CKR.SIGNATURE_LEN_RANGE);
    await rejectsWith(user.call('VERIFY', { ...args, signature: new Uint8Array(48) }), CKR.SIGNATURE_INVALID);
  });

  test('values are read only of keys that allow it', async () => {
    const value = Buffer.alloc(32, 3);
    const kind = { CLASS: CKO.SECRET_KEY, KEY_TYPE: CKK.GENERIC_SECRET, VALUE: value };
    const open = await user.create({ ...kind, ...READABLE });
    assert.equal((await user.value(open)).get(CKA.VALUE), value.toString('hex'));
    for (const closed of [
      await user.create({ ...kind, SENSITIVE: true, EXTRACTABLE: true }),
      await user.create({ ...kind, SENSITIVE: false, EXTRACTABLE: false }),
      (await user.generate(CKM.EC_KEY_PAIR_GEN, { EC_PARAMS: P256 }, {})).privateKey,
    ]) {
      await rejectsWith(user.value(closed), CKR.ATTRIBUTE_SENSITIVE);
    }
    await user.set(open.object, { SENSITIVE: true });
    await rejectsWith(user.value(open), CKR.ATTRIBUTE_SENSITIVE);
    await rejectsWith(user.set(open.object, { SENSITIVE: false }), CKR.ATTRIBUTE_READ_ONLY);
  });

  test('private data and certificates', async () => {
    const data = await user.create({ CLASS: CKO.DATA, LABEL: 'd', VALUE: '0xbeef', PRIVATE: true, TOKEN: true });
    assert.equal(data.get('VALUE'), undefined);
    assert.equal((await user.value(data)).get(CKA.VALUE), 'beef');
    const open = await user.create({ CLASS: CKO.DATA, LABEL: 'd', VALUE: '0xbeef', PRIVATE: false });
    assert.equal(open.get('VALUE'), 'beef');
    assert.equal((await real.visitor().find({ CLASS: CKO.DATA })).length, 0, 'a session object of another program');
    await user.call('OBJECT_DESTROY', { object: data.object });
    assert.equal((await user.find({ CLASS: CKO.DATA })).length, 1);
  });
});

test('a request that is repeated with something else does not pass for it', async () => {
  const point = (await user.generate(CKM.EC_KEY_PAIR_GEN, { EC_PARAMS: P256 }, {})).publicKey.get('EC_POINT') ?? '';
  const publicKey = { CLASS: CKO.PUBLIC_KEY, KEY_TYPE: CKK.EC, EC_PARAMS: P256, EC_POINT: Buffer.from(point, 'hex') };
  const data = { CLASS: CKO.DATA, VALUE: '0x01' };
  const makers: ((request: Uint8Array) => Promise<unknown>)[] = [
    (request) => user.secretKey(CKM.AES_KEY_GEN, AES, request),
    (request) => user.create(publicKey, request),
    (request) => user.create(data, request),
    (request) => user.generate(CKM.EC_KEY_PAIR_GEN, { EC_PARAMS: P256 }, {}, request),
  ];
  for (const [i, first] of makers.entries()) {
    const request = randomUuid();
    await first(request);
    await first(request);
    for (const [j, other] of makers.entries()) {
      // The public half of a pair has a name of its own.
      if (i !== j) await rejectsWith(other(request), CKR.FUNCTION_FAILED, `${i} ${j}`);
    }
  }
});

describe('keys on different devices', () => {
  test('wrapping brings them together; changes and destruction reach all copies', async () => {
    const kek = await keyOn(0, () => user.secretKey(CKM.AES_KEY_GEN, { ...KEK, TOKEN: true }));
    const target = { ...AES, ...READABLE, TOKEN: true };
    const key = await keyOn(1, () => user.secretKey(CKM.AES_KEY_GEN, target));
    const wrapped = await user.wrap(kek, key, CKM.AES_KEY_WRAP_KWP);
    assert.deepEqual([real.places(kek), real.places(key)], [[0], [0, 1]]);
    const request = randomUuid();
    const kind = { CLASS: CKO.SECRET_KEY, KEY_TYPE: CKK.AES, EXTRACTABLE: true };
    const back = await user.unwrap(kek, CKM.AES_KEY_WRAP_KWP, wrapped, kind, request);
    back.assertHas({ LOCAL: false, VALUE_LEN: 32 }, 'unwrapped');
    const repeated = await user.unwrap(kek, CKM.AES_KEY_WRAP_KWP, wrapped, kind, request);
    assert.deepEqual(repeated, back);
    await rejectsWith(user.unwrap(kek, CKM.AES_KEY_WRAP_KWP, wrapped.slice(8), kind), CKR.WRAPPED_KEY_INVALID);

    // Each device knows of the change, whichever is asked.
    await user.set(key.object, { EXTRACTABLE: false });
    for (let i = 0; i < 4; i++) {
      await rejectsWith(user.wrap(kek, key, CKM.AES_KEY_WRAP_KWP), CKR.KEY_UNEXTRACTABLE);
      await rejectsWith(user.value(key), CKR.ATTRIBUTE_SENSITIVE);
    }
    // A table that is built anew from the devices' lists has one key with two copies.
    await real.fleet.unlock((await real.program(User.WHEEL, FACTORY_PIN)).connection);
    assert.deepEqual(real.places(key), [0, 1]);
    const other = await real.program();
    await other.call('OBJECT_DESTROY', { object: key.object });
    await rejectsWith(user.wrap(kek, key, CKM.AES_KEY_WRAP_KWP), CKR.KEY_HANDLE_INVALID);
    assert.equal((await user.find({ UNIQUE_ID: key.attributes.get(CKA.UNIQUE_ID) as Uint8Array })).length, 0);
  });

  test('session keys too, until the program logs out', async () => {
    const program = await real.program();
    const kek = await keyOn(0, () => program.secretKey(CKM.AES_KEY_GEN, KEK));
    const key = await keyOn(1, () => program.secretKey(CKM.AES_KEY_GEN, { ...AES, EXTRACTABLE: true }));
    await program.wrap(kek, key, CKM.AES_KEY_WRAP);
    assert.deepEqual(real.places(key), [0, 1]);
    await program.connection.logout();
    assert.equal(real.entry(key), undefined);
    const states = await Promise.all(real.fleet.allDevices.map((device) => device.refreshStatus()));
    const owned = real.fleet.keys.ownedBy(user.connection).reduce((sum, { copies }) => sum + copies.size, 0);
    assert.equal(
      states.reduce((sum, { volatileKeys }) => sum + volatileKeys, 0),
      owned,
    );
  });

  test('HKDF with a salt key is that of OpenSSL', async () => {
    const secret = Buffer.alloc(32, 1);
    const salt = Buffer.alloc(32, 2);
    const kind = { CLASS: CKO.SECRET_KEY, KEY_TYPE: CKK.GENERIC_SECRET, DERIVE: true, ...READABLE };
    const base = await keyOn(0, () => user.create({ ...kind, VALUE: secret }));
    const saltKey = await keyOn(1, () => user.create({ ...kind, VALUE: salt }));
    const parameter = writeParameter('hkdf', {
      ...{ extract: 1, expand: 1, prf: CKM.SHA256, saltType: CKF_HKDF_SALT.KEY, salt: none },
      ...{ saltKey: saltKey.object, info: Buffer.from('info') },
    }).slice();
    const values = { CLASS: CKO.SECRET_KEY, KEY_TYPE: CKK.GENERIC_SECRET, VALUE_LEN: 42, ...READABLE };
    const derived = await user.derive(base, CKM.HKDF_DERIVE, parameter, values);
    const expected = Buffer.from(hkdfSync('sha256', secret, salt, 'info', 42)).toString('hex');
    assert.equal((await user.value(derived)).get(CKA.VALUE), expected);
  });

  test('a key with a limit of uses stays where it is, and ends', async () => {
    const values = { ...AES, ENCRYPT: true, DERIVE: false, DKS_USE_LIMIT: 2, EXTRACTABLE: true, TOKEN: true };
    const key = await keyOn(1, () => user.secretKey(CKM.AES_KEY_GEN, values));
    const kek = await keyOn(0, () => user.secretKey(CKM.AES_KEY_GEN, KEK));
    assert.equal((await user.encrypt(key, CKM.AES_ECB, none, new Uint8Array(16))).length, 16);
    (await user.get(key)).assertHas({ DKS_USE_COUNT: 1, DKS_USE_LIMIT: 2 }, 'after one use');
    // It cannot travel: the other key comes to it.
    await user.wrap(kek, key, CKM.AES_KEY_WRAP_KWP).catch(() => {});
    assert.deepEqual([real.places(kek), real.places(key)], [[0, 1], [1]]);
    await user.encrypt(key, CKM.AES_ECB, none, new Uint8Array(16)).catch(() => {});
    await rejectsWith(user.encrypt(key, CKM.AES_ECB, none, new Uint8Array(16)), CKR.KEY_FUNCTION_NOT_PERMITTED);
    await rejectsWith(user.copy(key, {}), CKR.ACTION_PROHIBITED);
    await user.call('OBJECT_DESTROY', { object: key.object });
  });
});

test('a device that dies meanwhile makes no key twice and loses none', async () => {
  const requests = Array.from({ length: 40 }, () => randomUuid());
  const values = { ...AES, TOKEN: true, LABEL: 'storm' };
  const storm = requests.map((request) => user.secretKey(CKM.AES_KEY_GEN, values, request));
  const [device] = real.fleet.allDevices;
  const [pid] = pidsOf(`device/main.ts --index 0 --state ${real.state}`);
  assert.ok(device && pid);
  process.kill(pid, 'SIGKILL');
  const made = await Promise.all(storm);
  await until(() => device.running);
  assert.equal(new Set(made.map(({ object }) => object.toHex())).size, 40);
  // The same requests find them, and so do the devices' own lists.
  const again = await Promise.all(requests.map((request) => user.secretKey(CKM.AES_KEY_GEN, values, request)));
  assert.deepEqual(
    again.map(({ object }) => object.toHex()),
    made.map(({ object }) => object.toHex()),
  );
  const wheel = await real.program(User.WHEEL, FACTORY_PIN);
  await real.fleet.unlock(wheel.connection);
  assert.equal((await user.find({ LABEL: 'storm' })).length, 40);
  for (const key of made) await user.encrypt(key, CKM.AES_ECB, none, new Uint8Array(16));
});

describe('pairs of all kinds', () => {
  test('ECDH gives both sides the same', async () => {
    const [a, b] = [
      await user.generate(CKM.EC_KEY_PAIR_GEN, { EC_PARAMS: P256 }, { DERIVE: true, SIGN: false }),
      await user.generate(CKM.EC_KEY_PAIR_GEN, { EC_PARAMS: P256 }, { DERIVE: true, SIGN: false }),
    ];
    const values = { CLASS: CKO.SECRET_KEY, KEY_TYPE: CKK.GENERIC_SECRET, ...READABLE };
    const agree = async (own: Found, other: Found) => {
      const publicData = Buffer.from(other.get('EC_POINT') ?? '', 'hex');
      const parameter = writeParameter('ecdh', { kdf: CKD.NULL, sharedData: none, publicData }).slice();
      return (await user.value(await user.derive(own, CKM.ECDH1_DERIVE, parameter, values))).get(CKA.VALUE);
    };
    const shared = await agree(a.privateKey, b.publicKey);
    assert.equal(shared?.length, 64);
    assert.equal(await agree(b.privateKey, a.publicKey), shared);
  });

  test('ML-DSA and ML-KEM', async () => {
    const dsa = await user.generate(CKM.ML_DSA_KEY_PAIR_GEN, { PARAMETER_SET: CKP.ML_DSA_44 }, {});
    const data = Buffer.from('message');
    const { signature } = await user.sign(dsa.privateKey.object, CKM.ML_DSA, data);
    const args = { object: dsa.publicKey.object, mechanism: CKM.ML_DSA, parameter: none, data };
    await user.call('VERIFY', { ...args, signature });
    await rejectsWith(user.call('VERIFY', { ...args, data: Buffer.from('x'), signature }), CKR.SIGNATURE_INVALID);
    await rejectsWith(user.call('VERIFY', { ...args, signature: signature.slice(1) }), CKR.SIGNATURE_LEN_RANGE);

    const kem = await user.generate(CKM.ML_KEM_KEY_PAIR_GEN, { PARAMETER_SET: CKP.ML_KEM_768 }, {});
    const values = template({ CLASS: CKO.SECRET_KEY, KEY_TYPE: CKK.GENERIC_SECRET, ...READABLE });
    const making = { session: 1, mechanism: CKM.ML_KEM, parameter: none, template: values };
    const request = randomUuid();
    const encapsulate = () => user.call('ENCAPSULATE', { ...making, request, publicKey: kem.publicKey.object });
    const sent = await encapsulate();
    assert.deepEqual(await encapsulate(), sent, 'a repeated request gets the same ciphertext and key');
    const received = await user.call('DECAPSULATE', {
      ...making,
      request: randomUuid(),
      privateKey: kem.privateKey.object,
      ciphertext: sent.ciphertext,
    });
    const secrets = [await user.value(new Found(sent.created)), await user.value(new Found(received.created))];
    assert.equal(secrets[0]?.get(CKA.VALUE)?.length, 64);
    assert.deepEqual(secrets[0], secrets[1]);
    await rejectsWith(
      user.call('ENCAPSULATE', { ...making, request: randomUuid(), publicKey: kem.privateKey.object }),
      CKR.KEY_FUNCTION_NOT_PERMITTED,
    );
  });

  test('a private key comes in as plaintext and goes out wrapped', async () => {
    const value = Buffer.alloc(32, 0x11);
    const kind = { CLASS: CKO.PRIVATE_KEY, KEY_TYPE: CKK.EC };
    const key = await user.create({ ...kind, EC_PARAMS: P256, VALUE: value, EXTRACTABLE: true, SENSITIVE: false });
    key.assertHas({ LOCAL: false, ALWAYS_SENSITIVE: false, EC_PARAMS: P256 }, 'imported');
    assert.equal((await user.value(key)).get(CKA.VALUE), value.toString('hex'));
    await user.sign(key.object, CKM.ECDSA, Buffer.alloc(32, 1));
    const copy = await user.copy(key, { LABEL: 'copy', SENSITIVE: true });
    await rejectsWith(user.value(copy), CKR.ATTRIBUTE_SENSITIVE);
    await rejectsWith(user.copy(copy, { SENSITIVE: false }), CKR.ATTRIBUTE_READ_ONLY);
    const kek = await user.secretKey(CKM.AES_KEY_GEN, KEK);
    const wrapped = await user.wrap(kek, key, CKM.AES_KEY_WRAP_KWP);
    const back = await user.unwrap(kek, CKM.AES_KEY_WRAP_KWP, wrapped, { ...kind, SIGN: true });
    assert.equal(back.get('PUBLIC_KEY_INFO'), key.get('PUBLIC_KEY_INFO'));
  });
});

describe('CKA_ALWAYS_AUTHENTICATE', () => {
  test('one PIN, one use', async () => {
    const values: Template = { ALWAYS_AUTHENTICATE: true, TOKEN: true };
    const { privateKey } = await user.generate(CKM.EC_KEY_PAIR_GEN, { EC_PARAMS: P256 }, values);
    const sign = () => user.sign(privateKey.object, CKM.ECDSA, Buffer.alloc(32, 1));
    const login = (text: string) => user.call('CONTEXT_LOGIN', { object: privateKey.object, pin: pin(text) });
    await rejectsWith(sign(), CKR.USER_NOT_LOGGED_IN);
    await login(USER_PIN);
    await sign();
    await rejectsWith(sign(), CKR.USER_NOT_LOGGED_IN);
    await rejectsWith(login('wrong'), CKR.PIN_INCORRECT);
    await rejectsWith(sign(), CKR.USER_NOT_LOGGED_IN);
    const other = await real.program();
    await login(USER_PIN);
    await rejectsWith(other.sign(privateKey.object, CKM.ECDSA, Buffer.alloc(32, 1)), CKR.USER_NOT_LOGGED_IN);
    await sign();
  });
});

test('GCM of this appliance is read by OpenSSL', async () => {
  const key = await user.secretKey(CKM.AES_KEY_GEN, { VALUE_LEN: 16, ENCRYPT: true, DECRYPT: true, ...READABLE });
  const iv = Buffer.alloc(12, 8);
  const gcm = writeParameter('gcm', { iv, aad: none, tagBits: 128 }).slice();
  const result = await user.encrypt(key, CKM.AES_GCM, gcm, Buffer.from('text'));
  const value = Buffer.from((await user.value(key)).get(CKA.VALUE) ?? '', 'hex');
  const decipher = createDecipheriv('aes-128-gcm', value, iv).setAuthTag(result.subarray(-16));
  assert.equal(decipher.update(result.subarray(0, -16), undefined, 'utf8') + decipher.final('utf8'), 'text');
});
