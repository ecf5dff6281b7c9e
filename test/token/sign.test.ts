import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CKM, CKR } from '#src/cryptoki/constants.ts';
import { CkrError, HalError } from '#src/wire/status.ts';
import { NONE, randomUuid, rejectsWith, startToken } from './start-token.ts';
import { ED25519, P256 } from './templates.ts';

const data = Buffer.alloc(32, 7);
const none = NONE.subarray(0, 0);

async function keys() {
  const setup = startToken();
  const { user } = setup;
  return {
    ...setup,
    rsa: await user.generate(CKM.RSA_PKCS_KEY_PAIR_GEN, { MODULUS_BITS: 1024, TOKEN: true }, { TOKEN: true }),
    ec: await user.generate(CKM.EC_KEY_PAIR_GEN, { EC_PARAMS: P256, TOKEN: true }, { TOKEN: true }),
    ed: await user.generate(CKM.EC_EDWARDS_KEY_PAIR_GEN, { EC_PARAMS: ED25519, TOKEN: true }, { TOKEN: true }),
  };
}

test('signs and verifies with every kind of key', async () => {
  const { user, visitor, rsa, ec, ed } = await keys();
  for (const [pair, mechanism, size] of [
    [rsa, CKM.RSA_PKCS, 128],
    [ec, CKM.ECDSA, 64],
    [ed, CKM.EDDSA, 64],
  ] as const) {
    const { signature } = await user.sign(pair.privateKey.object, mechanism, data);
    assert.equal(signature.length, size);
    const { object } = pair.publicKey;
    await visitor.call('VERIFY', { object, mechanism, parameter: none, data, signature });
    const wrong = Uint8Array.from(signature);
    wrong[9] = (wrong[9] as number) ^ 1;
    await rejectsWith(
      visitor.call('VERIFY', { object, mechanism, parameter: none, data, signature: wrong }),
      CKR.SIGNATURE_INVALID,
    );
    for (const length of [0, size - 1, size + 1]) {
      await rejectsWith(
        visitor.call('VERIFY', { object, mechanism, parameter: none, data, signature: new Uint8Array(length) }),
        CKR.SIGNATURE_LEN_RANGE,
      );
    }
  }
});

test('a key does what its kind can do', async () => {
  const { user, rsa, ec, ed } = await keys();
  for (const [pair, mechanism, ckr] of [
    [rsa, CKM.ECDSA, CKR.KEY_TYPE_INCONSISTENT],
    [rsa, CKM.EDDSA, CKR.KEY_TYPE_INCONSISTENT],
    [ec, CKM.RSA_PKCS, CKR.KEY_TYPE_INCONSISTENT],
    [ec, CKM.EDDSA, CKR.KEY_TYPE_INCONSISTENT],
    [ed, CKM.ECDSA, CKR.KEY_TYPE_INCONSISTENT],
    [rsa, CKM.SHA256, CKR.MECHANISM_INVALID],
    [rsa, CKM.RSA_PKCS_OAEP, CKR.MECHANISM_INVALID],
    [ec, CKM.SHA256_RSA_PKCS_PSS, CKR.KEY_TYPE_INCONSISTENT],
    [ed, CKM.ECDSA_SHA256, CKR.KEY_TYPE_INCONSISTENT],
    [ed, CKM.AES_CMAC, CKR.KEY_TYPE_INCONSISTENT],
    [ec, CKM.EC_KEY_PAIR_GEN, CKR.MECHANISM_INVALID],
    [ec, 0xffff_ffff, CKR.MECHANISM_INVALID],
  ] as const) {
    await rejectsWith(user.sign(pair.privateKey.object, mechanism, data), ckr, String(mechanism));
  }
});

test('lengths of the data', async () => {
  const { user, rsa, ec, ed } = await keys();
  await user.sign(rsa.privateKey.object, CKM.RSA_PKCS, Buffer.alloc(117));
  await rejectsWith(user.sign(rsa.privateKey.object, CKM.RSA_PKCS, Buffer.alloc(118)), CKR.DATA_LEN_RANGE);
  await rejectsWith(user.sign(ec.privateKey.object, CKM.ECDSA, none), CKR.DATA_LEN_RANGE);
  await user.sign(ec.privateKey.object, CKM.ECDSA, Buffer.alloc(100));
  // A hash is as long as a hash.
  for (const [mechanism, object] of [
    [CKM.SHA256_RSA_PKCS, rsa.privateKey.object],
    [CKM.SHA256_RSA_PKCS_PSS, rsa.privateKey.object],
    [CKM.ECDSA_SHA256, ec.privateKey.object],
  ] as const) {
    await user.sign(object, mechanism, Buffer.alloc(32));
    for (const length of [0, 31, 33, 64]) {
      await rejectsWith(user.sign(object, mechanism, Buffer.alloc(length)), CKR.DATA_LEN_RANGE);
    }
  }
  await rejectsWith(user.sign(rsa.privateKey.object, CKM.RSA_X_509, Buffer.alloc(129)), CKR.DATA_LEN_RANGE);
  await user.sign(ed.privateKey.object, CKM.EDDSA, none);
  await user.sign(ed.privateKey.object, CKM.EDDSA, Buffer.alloc(100_000));
});

test('mechanism parameters: garbage is ignored where there are none, a device gets all others', async () => {
  const { user, fleet, rsa, ec, ed } = await keys();
  const garbage = Buffer.from('deadbeef', 'hex');
  for (const [object, mechanism, parameter, expected] of [
    [rsa.privateKey.object, CKM.RSA_PKCS, garbage, none],
    [ec.privateKey.object, CKM.ECDSA, garbage, none],
    [ed.privateKey.object, CKM.EDDSA, new Uint8Array(8), none],
    [ed.privateKey.object, CKM.EDDSA, garbage, garbage],
    [rsa.privateKey.object, CKM.SHA256_RSA_PKCS_PSS, garbage, garbage],
  ] as const) {
    await user.sign(object, mechanism, data, parameter);
    assert.deepEqual(Buffer.from(fleet.lastParameter), Buffer.from(expected));
  }
});

test('usage', async () => {
  const { user, ec } = await keys();
  await rejectsWith(user.sign(ec.publicKey.object, CKM.ECDSA, data), CKR.KEY_FUNCTION_NOT_PERMITTED);
  await rejectsWith(
    user.call('VERIFY', {
      object: ec.privateKey.object,
      mechanism: CKM.ECDSA,
      parameter: none,
      data,
      signature: new Uint8Array(64),
    }),
    CKR.KEY_FUNCTION_NOT_PERMITTED,
  );
  const derive = await user.generate(CKM.EC_KEY_PAIR_GEN, { EC_PARAMS: P256 }, { DERIVE: true });
  await rejectsWith(user.sign(derive.privateKey.object, CKM.ECDSA, data), CKR.KEY_FUNCTION_NOT_PERMITTED);
  await user.set(ec.privateKey.object, { SIGN: false });
  await rejectsWith(user.sign(ec.privateKey.object, CKM.ECDSA, data), CKR.KEY_FUNCTION_NOT_PERMITTED);
});

test('login', async () => {
  const { user, visitor, ec } = await keys();
  await rejectsWith(visitor.sign(ec.privateKey.object, CKM.ECDSA, data), CKR.USER_NOT_LOGGED_IN);
  await rejectsWith(user.sign(randomUuid(), CKM.ECDSA, data), CKR.KEY_HANDLE_INVALID);
  await user.connection.logout();
  await rejectsWith(user.sign(ec.privateKey.object, CKM.ECDSA, data), CKR.USER_NOT_LOGGED_IN);
});

describe('CKA_ALLOWED_MECHANISMS', () => {
  const list = (...mechanisms: number[]) =>
    Buffer.concat(mechanisms.map((mechanism) => Buffer.from([mechanism, 0, 0, 0, 0, 0, 0, 0])));
  const cases: [string, Uint8Array, number, boolean][] = [
    ['an empty list restricts nothing', list(), CKM.RSA_PKCS, true],
    ['the raw mechanism', list(CKM.RSA_PKCS), CKM.RSA_PKCS, true],
    ['the raw mechanism does not allow the hashed one', list(CKM.RSA_PKCS), CKM.SHA256_RSA_PKCS, false],
    ['a hashed one', list(CKM.SHA256_RSA_PKCS), CKM.SHA256_RSA_PKCS, true],
    ['a hashed one does not allow the raw one', list(CKM.SHA256_RSA_PKCS), CKM.RSA_PKCS, false],
    ['two hashed ones', list(CKM.SHA384_RSA_PKCS, CKM.SHA256_RSA_PKCS), CKM.SHA256_RSA_PKCS, true],
    ['PSS only', list(CKM.RSA_PKCS_PSS, CKM.SHA256_RSA_PKCS_PSS), CKM.SHA256_RSA_PKCS, false],
  ];
  for (const [name, allowed, mechanism, good] of cases) {
    test(name, async () => {
      const { user } = startToken();
      const { privateKey } = await user.generate(
        CKM.RSA_PKCS_KEY_PAIR_GEN,
        { MODULUS_BITS: 1024 },
        { ALLOWED_MECHANISMS: allowed },
      );
      const signing = user.sign(privateKey.object, mechanism, data);
      if (good) await signing;
      else await rejectsWith(signing, CKR.MECHANISM_INVALID);
    });
  }
});

test('what devices answer', async () => {
  const { user, fleet, ec } = await keys();
  for (const [error, ckr] of [
    [new HalError('FORBIDDEN'), CKR.USER_NOT_LOGGED_IN],
    [new HalError('TAMPER'), CKR.DEVICE_ERROR],
    [new HalError('MASTERKEY_NOT_SET'), CKR.DEVICE_ERROR],
    [new HalError('KEY_NOT_FOUND'), CKR.KEY_HANDLE_INVALID],
    [new HalError('RPC_TRANSPORT'), CKR.DEVICE_REMOVED],
    [new HalError('NO_KEY_SLOTS_AVAILABLE'), CKR.DEVICE_MEMORY],
    [new HalError('NO_CLIENT_SLOTS_AVAILABLE'), CKR.SESSION_COUNT],
    [new HalError('IMPOSSIBLE'), CKR.FUNCTION_FAILED],
    [new HalError('UNSUPPORTED_KEY'), CKR.KEY_TYPE_INCONSISTENT],
    // What a policy says goes on unchanged.
    [new CkrError(CKR.KEY_FUNCTION_NOT_PERMITTED), CKR.KEY_FUNCTION_NOT_PERMITTED],
    [new CkrError(CKR.MECHANISM_PARAM_INVALID), CKR.MECHANISM_PARAM_INVALID],
  ] as const) {
    fleet.failNext = { name: 'sign', error };
    await rejectsWith(user.sign(ec.privateKey.object, CKM.ECDSA, data), ckr, error.message);
  }
});
