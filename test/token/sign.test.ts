import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CKM, CKR } from '#src/cryptoki/constants.ts';
import { HalError } from '#src/wire/status.ts';
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
    [rsa, CKM.SHA256_RSA_PKCS, CKR.MECHANISM_INVALID],
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
  await user.sign(ed.privateKey.object, CKM.EDDSA, none);
  await user.sign(ed.privateKey.object, CKM.EDDSA, Buffer.alloc(100_000));
});

test('mechanism parameters: garbage is ignored where there are none, an Ed25519 context is not', async () => {
  const { user, rsa, ec, ed } = await keys();
  const garbage = Buffer.from('deadbeef', 'hex');
  await user.sign(rsa.privateKey.object, CKM.RSA_PKCS, data, garbage);
  await user.sign(ec.privateKey.object, CKM.ECDSA, data, garbage);
  await user.sign(ed.privateKey.object, CKM.EDDSA, data, new Uint8Array(24));
  await rejectsWith(user.sign(ed.privateKey.object, CKM.EDDSA, data, garbage), CKR.MECHANISM_PARAM_INVALID);
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
  const digestInfo = Buffer.from(`3031300d060960864801650304020105000420${'07'.repeat(32)}`, 'hex');
  const sha384 = Buffer.from(`3041300d060960864801650304020205000430${'07'.repeat(48)}`, 'hex');
  const list = (...mechanisms: number[]) =>
    Buffer.concat(mechanisms.map((mechanism) => Buffer.from([mechanism, 0, 0, 0, 0, 0, 0, 0])));
  const cases: [string, Uint8Array, Uint8Array, boolean][] = [
    ['an empty list restricts nothing', list(), data, true],
    ['the raw mechanism', list(CKM.RSA_PKCS), data, true],
    ['a hashed one: its DigestInfo', list(CKM.SHA256_RSA_PKCS), digestInfo, true],
    ['a hashed one: another DigestInfo', list(CKM.SHA256_RSA_PKCS), sha384, false],
    ['a hashed one: something else', list(CKM.SHA256_RSA_PKCS), data, false],
    ['two hashed ones', list(CKM.SHA256_RSA_PKCS, CKM.SHA384_RSA_PKCS), sha384, true],
    ['PSS only', list(0x0d, 0x43), digestInfo, false],
  ];
  for (const [name, allowed, input, good] of cases) {
    test(name, async () => {
      const { user } = startToken();
      const { privateKey } = await user.generate(
        CKM.RSA_PKCS_KEY_PAIR_GEN,
        { MODULUS_BITS: 1024 },
        { ALLOWED_MECHANISMS: allowed },
      );
      const signing = user.sign(privateKey.object, CKM.RSA_PKCS, input);
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
  ] as const) {
    fleet.failNext = { name: 'sign', error };
    await rejectsWith(user.sign(ec.privateKey.object, CKM.ECDSA, data), ckr, error.message);
  }
});
