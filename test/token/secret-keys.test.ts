import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CKA, CKK, CKM, CKO, CKR } from '#src/cryptoki/constants.ts';
import { CKF_HKDF_SALT } from '#src/cryptoki/parameter-numbers.ts';
import { readParameter, writeParameter } from '#src/cryptoki/parameters.ts';
import { idOf, nameOfRequest } from '#src/token/uuid.ts';
import { User } from '#src/wire/enumerations.ts';
import { HalError } from '#src/wire/status.ts';
import { Found, NONE, Program, randomUuid, rejectsWith, type Setup, startToken } from './start-token.ts';
import { P256, template, type Template } from './templates.ts';

const none = NONE.subarray(0, 0);
const AES = { VALUE_LEN: 32 };
const TOKEN = { TOKEN: true };

async function generate(user: Program, values: Template, mechanism: number = CKM.AES_KEY_GEN, request = randomUuid()) {
  const args = { session: 1, request, mechanism, parameter: none, template: template(values) };
  return new Found((await user.call('SECRET_KEY_GENERATE', args)).created);
}

async function unwrap(user: Program, unwrappingKey: Uint8Array, values: Template, request = randomUuid()) {
  const args = { session: 1, request, unwrappingKey, mechanism: CKM.AES_KEY_WRAP_KWP, parameter: none };
  const { created } = await user.call('UNWRAP', { ...args, wrapped: Buffer.alloc(40), template: template(values) });
  return new Found(created);
}

function wrap(user: Program, wrappingKey: Uint8Array, key: Uint8Array, mechanism: number = CKM.AES_KEY_WRAP_KWP) {
  return user.call('WRAP', { wrappingKey, mechanism, parameter: none, key });
}

describe('SECRET_KEY_GENERATE', () => {
  test('the same request twice gives the same key', async () => {
    const { user, fleet } = startToken();
    const request = randomUuid();
    const first = await generate(user, { ...AES, LABEL: 'kek', ...TOKEN }, CKM.AES_KEY_GEN, request);
    first.assertHas({ CLASS: CKO.SECRET_KEY, KEY_TYPE: CKK.AES, VALUE_LEN: 32, LABEL: 'kek', TOKEN: true }, 'made');
    assert.equal(first.get('VALUE'), undefined, 'the value is not among the readable attributes');
    assert.deepEqual(await generate(user, { ...AES, LABEL: 'kek', ...TOKEN }, CKM.AES_KEY_GEN, request), first);
    assert.equal(fleet.keys.size, 1);
    assert.equal((await user.find({ CLASS: CKO.SECRET_KEY, KEY_TYPE: CKK.AES })).length, 1);
  });

  test('a name that an object of another kind has', async () => {
    const { user } = startToken();
    const request = randomUuid();
    await user.create({ CLASS: CKO.DATA, LABEL: 'x', VALUE: '0x00' }, request);
    await rejectsWith(generate(user, AES, CKM.AES_KEY_GEN, request), CKR.FUNCTION_FAILED);
  });

  test('a session key that was made when the connection was lost', async () => {
    const { token, fleet } = startToken();
    const uuid = randomUuid();
    const request = randomUuid();
    const first = new Program(token, fleet.connection(User.NORMAL), uuid);
    const made = await generate(first, AES, CKM.AES_KEY_GEN, request);
    token.disconnected(first.application);
    const second = new Program(token, fleet.connection(User.NORMAL), uuid);
    assert.deepEqual(await generate(second, AES, CKM.AES_KEY_GEN, request), made);
  });

  test('what is refused leaves nothing behind', async () => {
    const { user, visitor, fleet } = startToken();
    const refused: [Program, Template, number, number][] = [
      [user, {}, CKM.AES_KEY_GEN, CKR.TEMPLATE_INCOMPLETE],
      [user, { VALUE_LEN: 17 }, CKM.AES_KEY_GEN, CKR.ATTRIBUTE_VALUE_INVALID],
      [user, AES, CKM.AES_ECB, CKR.MECHANISM_INVALID],
      [user, AES, CKM.EC_KEY_PAIR_GEN, CKR.MECHANISM_INVALID],
      [user, AES, 0xffff_ffff, CKR.MECHANISM_INVALID],
      [user, { ...AES, MODULUS: '0x01' }, CKM.AES_KEY_GEN, CKR.ATTRIBUTE_TYPE_INVALID],
      [visitor, { ...AES, ...TOKEN }, CKM.AES_KEY_GEN, CKR.USER_NOT_LOGGED_IN],
      [visitor, AES, CKM.AES_KEY_GEN, CKR.USER_NOT_LOGGED_IN],
    ];
    for (const [program, values, mechanism, ckr] of refused) {
      await rejectsWith(generate(program, values, mechanism), ckr, JSON.stringify(values));
    }
    assert.deepEqual([fleet.keys.size, fleet.requests], [0, []]);
  });
});

describe('WRAP and UNWRAP', () => {
  const WRAPPING = { ...AES, WRAP: true, UNWRAP: true, ENCRYPT: false, DECRYPT: false };

  async function keys(): Promise<Setup & { kek: Found; key: Found }> {
    const setup = startToken();
    const kek = await generate(setup.user, WRAPPING);
    return { ...setup, kek, key: await generate(setup.user, { ...AES, EXTRACTABLE: true }) };
  }

  test('one key under the other', async () => {
    const { user, kek, key } = await keys();
    const { wrapped } = await wrap(user, kek.object, key.object);
    assert.deepEqual(Buffer.from(wrapped), Buffer.concat([Buffer.from('wrap:'), key.object]));
    const request = randomUuid();
    const values = { CLASS: CKO.SECRET_KEY, KEY_TYPE: CKK.AES, LABEL: 'back' };
    const back = await unwrap(user, kek.object, values, request);
    back.assertHas({ ...values, TOKEN: false }, 'unwrapped');
    assert.deepEqual(await unwrap(user, kek.object, values, request), back);
  });

  test('CKA_UNWRAP_TEMPLATE goes before what the application says', async () => {
    const { user } = startToken();
    const wanted = Buffer.from('00000001000001630000000101000000', 'hex');
    wanted.writeUInt32BE(CKA.SENSITIVE, 4);
    const kek = await generate(user, { ...WRAPPING, UNWRAP_TEMPLATE: wanted });
    const values = { CLASS: CKO.SECRET_KEY, KEY_TYPE: CKK.AES };
    (await unwrap(user, kek.object, values)).assertHas({ SENSITIVE: true }, 'prescribed');
    await rejectsWith(unwrap(user, kek.object, { ...values, SENSITIVE: false }), CKR.TEMPLATE_INCONSISTENT);
  });

  test('wrong keys, states and roles', async () => {
    const { user, visitor, fleet, kek, key } = await keys();
    const unknown = randomUuid();
    await rejectsWith(wrap(user, unknown, key.object), CKR.WRAPPING_KEY_HANDLE_INVALID);
    await rejectsWith(wrap(user, kek.object, unknown), CKR.KEY_HANDLE_INVALID);
    await rejectsWith(wrap(user, kek.object, key.object, CKM.RSA_PKCS_OAEP), CKR.WRAPPING_KEY_TYPE_INCONSISTENT);
    await rejectsWith(wrap(user, kek.object, key.object, CKM.AES_ECB), CKR.MECHANISM_INVALID);
    await rejectsWith(wrap(user, key.object, kek.object), CKR.KEY_FUNCTION_NOT_PERMITTED);
    await rejectsWith(unwrap(user, unknown, {}), CKR.UNWRAPPING_KEY_HANDLE_INVALID);
    await rejectsWith(unwrap(user, key.object, {}), CKR.KEY_FUNCTION_NOT_PERMITTED);
    await rejectsWith(unwrap(user, kek.object, { CLASS: CKO.CERTIFICATE }), CKR.ATTRIBUTE_VALUE_INVALID);
    const pair = await user.generate(CKM.EC_KEY_PAIR_GEN, { EC_PARAMS: P256 }, {});
    await rejectsWith(wrap(user, kek.object, pair.publicKey.object), CKR.KEY_NOT_WRAPPABLE);
    const shared = await generate(user, { ...WRAPPING, ...TOKEN });
    await rejectsWith(wrap(visitor, shared.object, shared.object), CKR.USER_NOT_LOGGED_IN);
    fleet.failNext = { name: 'wrap', error: new HalError('KEY_NOT_FOUND') };
    await rejectsWith(wrap(user, kek.object, key.object), CKR.KEY_HANDLE_INVALID);
  });
});

describe('DERIVE', () => {
  const hkdf = (saltKey: Uint8Array, saltType: number = CKF_HKDF_SALT.KEY) =>
    writeParameter('hkdf', {
      ...{ extract: 1, expand: 1, prf: CKM.SHA256, saltType, salt: none },
      ...{ saltKey, info: Buffer.from('info') },
    });
  const derive = async (user: Program, baseKey: Uint8Array, parameter: Uint8Array, request = randomUuid()) => {
    const args = { session: 1, request, baseKey, mechanism: CKM.HKDF_DERIVE, parameter };
    const values = template({ CLASS: CKO.SECRET_KEY, KEY_TYPE: CKK.AES, VALUE_LEN: 16 });
    return new Found((await user.call('DERIVE', { ...args, template: values })).created);
  };

  test('HKDF with a key as salt: the device gets its own name of it', async () => {
    const { user, fleet } = startToken();
    const base = await generate(user, { VALUE_LEN: 32, DERIVE: true }, CKM.GENERIC_SECRET_KEY_GEN);
    const salt = await generate(user, { VALUE_LEN: 32, DERIVE: true }, CKM.GENERIC_SECRET_KEY_GEN);
    const request = randomUuid();
    const derived = await derive(user, base.object, hkdf(salt.object), request);
    derived.assertHas({ KEY_TYPE: CKK.AES, VALUE_LEN: 16 }, 'derived');
    assert.deepEqual(await derive(user, base.object, hkdf(salt.object), request), derived);
    const parameter = readParameter('hkdf', fleet.values.get(idOf(nameOfRequest(request))) ?? none);
    assert.deepEqual(Buffer.from(parameter.saltKey), Buffer.from(salt.object));
    assert.equal(Buffer.from(parameter.info).toString(), 'info');
  });

  test('wrong keys and parameters', async () => {
    const { user, visitor } = startToken();
    const base = await generate(user, { VALUE_LEN: 32, DERIVE: true, ...TOKEN }, CKM.GENERIC_SECRET_KEY_GEN);
    const other = await generate(user, { VALUE_LEN: 32, SIGN: true, DERIVE: false }, CKM.GENERIC_SECRET_KEY_GEN);
    await rejectsWith(derive(user, base.object, hkdf(randomUuid())), CKR.KEY_HANDLE_INVALID);
    await rejectsWith(derive(user, base.object, hkdf(none)), CKR.MECHANISM_PARAM_INVALID);
    await rejectsWith(derive(user, base.object, hkdf(none).subarray(4)), CKR.MECHANISM_PARAM_INVALID);
    await rejectsWith(derive(user, randomUuid(), hkdf(none, CKF_HKDF_SALT.NULL)), CKR.KEY_HANDLE_INVALID);
    await rejectsWith(derive(user, other.object, hkdf(none, CKF_HKDF_SALT.NULL)), CKR.KEY_FUNCTION_NOT_PERMITTED);
    await rejectsWith(derive(visitor, base.object, hkdf(none, CKF_HKDF_SALT.NULL)), CKR.USER_NOT_LOGGED_IN);
  });
});

describe('ENCRYPT, DECRYPT and OBJECT_VALUE', () => {
  const call = (user: Program, name: 'ENCRYPT' | 'DECRYPT', object: Uint8Array, mechanism: number, data: Uint8Array) =>
    user.call(name, { object, mechanism, parameter: new Uint8Array(20), data });

  test('lengths, key types and usage', async () => {
    const { user, visitor } = startToken();
    const aes = await generate(user, { ...AES, ...TOKEN, ENCRYPT: true, DECRYPT: true });
    const hmac = await generate(user, { VALUE_LEN: 32, SIGN: true }, CKM.GENERIC_SECRET_KEY_GEN);
    const { result } = await call(user, 'ENCRYPT', aes.object, CKM.AES_CBC, new Uint8Array(32));
    assert.equal(Buffer.from(result).subarray(0, 8).toString(), 'encrypt:');
    for (const [name, mechanism, length, ckr] of [
      ['ENCRYPT', CKM.AES_ECB, 15, CKR.DATA_LEN_RANGE],
      ['ENCRYPT', CKM.AES_CBC, 17, CKR.DATA_LEN_RANGE],
      ['DECRYPT', CKM.AES_CBC, 17, CKR.ENCRYPTED_DATA_LEN_RANGE],
      ['DECRYPT', CKM.AES_CBC_PAD, 0, CKR.ENCRYPTED_DATA_LEN_RANGE],
      ['DECRYPT', CKM.AES_CBC_PAD, 31, CKR.ENCRYPTED_DATA_LEN_RANGE],
      ['ENCRYPT', CKM.AES_CMAC, 16, CKR.MECHANISM_INVALID],
      ['ENCRYPT', CKM.RSA_PKCS, 16, CKR.KEY_TYPE_INCONSISTENT],
    ] as const) {
      await rejectsWith(call(user, name, aes.object, mechanism, new Uint8Array(length)), ckr, `${name} ${mechanism}`);
    }
    await rejectsWith(call(user, 'ENCRYPT', hmac.object, CKM.AES_ECB, none), CKR.KEY_FUNCTION_NOT_PERMITTED);
    await rejectsWith(call(visitor, 'ENCRYPT', aes.object, CKM.AES_ECB, none), CKR.USER_NOT_LOGGED_IN);
    await rejectsWith(call(user, 'DECRYPT', randomUuid(), CKM.AES_ECB, none), CKR.KEY_HANDLE_INVALID);
  });

  test('the value of a private data object is not among the attributes of its listing', async () => {
    const { user, fleet } = startToken();
    const data = await user.create({ CLASS: CKO.DATA, LABEL: 'x', VALUE: '0xbeef', PRIVATE: true });
    const { attributes } = await user.call('OBJECT_VALUE', { object: data.object });
    assert.deepEqual(
      attributes.map(({ type, value }) => [type, value.toHex()]),
      [[CKA.VALUE, 'beef']],
    );
    assert.equal(data.get('VALUE'), undefined);
    const open = await user.create({ CLASS: CKO.DATA, LABEL: 'x', VALUE: '0xbeef', PRIVATE: false });
    assert.equal(open.get('VALUE'), 'beef');
    for (const error of [new HalError('UNSUPPORTED_KEY'), new HalError('NOT_IMPLEMENTED')]) {
      fleet.failNext = { name: 'value', error };
      await rejectsWith(user.call('OBJECT_VALUE', { object: data.object }), CKR.ATTRIBUTE_SENSITIVE);
    }
    await rejectsWith(user.call('OBJECT_VALUE', { object: randomUuid() }), CKR.OBJECT_HANDLE_INVALID);
  });
});
