import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CKF_MECHANISM, CKF_TOKEN, CKM } from '#src/cryptoki/constants.ts';
import { MECHANISMS } from '#src/cryptoki/mechanisms.ts';
import { decodeArgs, decodeResults, encodeReply, encodeRequest } from '#src/wire/message.ts';
import { ApplianceState, User } from '#src/wire/enumerations.ts';
import { HalError } from '#src/wire/status.ts';
import { NONE, randomUuid, startToken } from './start-token.ts';
import { P256, template } from './templates.ts';

test('CK_TOKEN_INFO', async () => {
  const { visitor, fleet } = startToken();
  const info = await visitor.call('TOKEN_INFO', {});
  assert.deepEqual(info, {
    label: 'Cryptech Token',
    manufacturer: 'DiamondKeySecurity',
    model: 'DiamondHSM',
    serial: '123456789-ABCDEF',
    flags: 0x60d,
    pinMin: 4,
    pinMax: 4096,
    hardwareVersion: 1,
    firmwareVersion: 0x100,
    state: ApplianceState.OPERATIONAL,
  });
  fleet.state = ApplianceState.TAMPER;
  assert.equal((await visitor.call('TOKEN_INFO', {})).state, ApplianceState.TAMPER);
  const alias = startToken({ label: 'Diamond-HSM-Token' });
  assert.equal((await alias.visitor.call('TOKEN_INFO', {})).label, 'Diamond-HSM-Token');
});

test('the flags of the PINs', async () => {
  const { visitor, fleet } = startToken();
  const { USER_PIN_INITIALIZED, USER_PIN_COUNT_LOW, SO_PIN_COUNT_LOW } = CKF_TOKEN;
  const mask = USER_PIN_INITIALIZED | USER_PIN_COUNT_LOW | SO_PIN_COUNT_LOW;
  for (const [state, flags] of [
    [{ userFailures: 0, soFailures: 0, pinsSet: 0b1110 }, USER_PIN_INITIALIZED],
    [{ userFailures: 0, soFailures: 0, pinsSet: 0b1100 }, 0],
    [{ userFailures: 1, soFailures: 0, pinsSet: 0b0010 }, USER_PIN_INITIALIZED | USER_PIN_COUNT_LOW],
    [{ userFailures: 0, soFailures: 9, pinsSet: 0b0010 }, USER_PIN_INITIALIZED | SO_PIN_COUNT_LOW],
  ] as const) {
    fleet.pinState = state;
    assert.equal((await visitor.call('TOKEN_INFO', {})).flags & mask, flags);
  }
});

test('HELLO', async () => {
  const { token, fleet, visitor } = startToken();
  const hello = { version: 7, application: randomUuid(), name: 'new client' };
  const results = await visitor.call('HELLO', hello);
  assert.deepEqual(results, { version: 1, serial: 'DKS-0123456789-ABCDEF', requestLimit: 1024, resumed: 0 });
  assert.throws(() => token.application(fleet.connection(), { ...hello, version: 0 }), HalError);
});

test('the mechanism list', async () => {
  const { visitor } = startToken();
  const { mechanisms } = await visitor.call('MECHANISM_LIST', {});
  const info = new Map(mechanisms.map((mechanism) => [mechanism.mechanism, mechanism]));
  assert.equal(info.size, mechanisms.length);
  const { HW, SIGN, VERIFY, DIGEST, GENERATE_KEY_PAIR, EC_F_P, EC_NAMEDCURVE, EC_UNCOMPRESS } = CKF_MECHANISM;
  const { ENCRYPT, DECRYPT, WRAP, UNWRAP } = CKF_MECHANISM;
  const ec = EC_F_P | EC_NAMEDCURVE | EC_UNCOMPRESS;
  for (const [mechanism, minKeySize, maxKeySize, flags] of [
    [CKM.RSA_PKCS_KEY_PAIR_GEN, 1024, 8192, HW | GENERATE_KEY_PAIR],
    [CKM.RSA_PKCS, 1024, 8192, HW | SIGN | VERIFY | ENCRYPT | DECRYPT | WRAP | UNWRAP],
    [CKM.SHA256_RSA_PKCS, 1024, 8192, HW | SIGN | VERIFY],
    [CKM.EC_KEY_PAIR_GEN, 256, 521, HW | GENERATE_KEY_PAIR | ec],
    [CKM.ECDSA_SHA1, 256, 521, HW | SIGN | VERIFY | ec],
    [CKM.SHA_1, 0, 0, HW | DIGEST],
  ] as const) {
    const found = info.get(mechanism);
    assert.deepEqual([found?.minKeySize, found?.maxKeySize], [minKeySize, maxKeySize]);
    assert.equal((found?.flags ?? 0) & flags, flags);
  }
  assert.ok(info.has(CKM.EDDSA) && info.has(CKM.EC_EDWARDS_KEY_PAIR_GEN));
  assert.equal((info.get(CKM.EDDSA)?.flags ?? 0) & GENERATE_KEY_PAIR, 0);
  assert.equal(mechanisms.length, MECHANISMS.length);
});

test('the mechanism list of boards, and without outdated mechanisms', async () => {
  const { visitor, fleet } = startToken({ legacyMechanisms: false });
  const numbers = async () => (await visitor.call('MECHANISM_LIST', {})).mechanisms.map(({ mechanism }) => mechanism);
  const all = await numbers();
  assert.ok(!all.includes(CKM.SHA1_RSA_PKCS) && !all.includes(CKM.MD5) && all.includes(CKM.AES_GCM));
  fleet.hasOnlyBoards = true;
  const { RSA_PKCS_KEY_PAIR_GEN, RSA_PKCS, SHA256_RSA_PKCS, EC_KEY_PAIR_GEN, ECDSA, ECDSA_SHA256, SHA256 } = CKM;
  const onBoards = await numbers();
  for (const mechanism of [
    RSA_PKCS_KEY_PAIR_GEN,
    RSA_PKCS,
    SHA256_RSA_PKCS,
    EC_KEY_PAIR_GEN,
    ECDSA,
    ECDSA_SHA256,
    SHA256,
  ]) {
    assert.ok(onBoards.includes(mechanism), String(mechanism));
  }
  for (const mechanism of [CKM.RSA_X_509, CKM.RSA_PKCS_PSS, CKM.EDDSA, CKM.ECDH1_DERIVE, CKM.AES_GCM, CKM.ML_DSA]) {
    assert.ok(!onBoards.includes(mechanism), String(mechanism));
  }
  const { mechanisms } = await visitor.call('MECHANISM_LIST', {});
  const rsa = mechanisms.find(({ mechanism }) => mechanism === RSA_PKCS);
  assert.equal((rsa?.flags ?? 0) & (CKF_MECHANISM.DECRYPT | CKF_MECHANISM.UNWRAP), 0);
});

test('nothing of a request is kept: its buffer is used again', async () => {
  const { token, fleet } = startToken();
  const connection = fleet.connection(User.NORMAL);
  const hello = decodeArgs('HELLO', encodeRequest('HELLO', 0, { version: 1, application: randomUuid(), name: 'x' }));
  const application = token.application(connection, hello);
  const request = encodeRequest('KEY_PAIR_GENERATE', 0, {
    session: 1,
    request: randomUuid(),
    mechanism: CKM.EC_KEY_PAIR_GEN,
    parameter: new Uint8Array(0),
    publicTemplate: template({ EC_PARAMS: P256, LABEL: 'label', ID: '0x0102' }),
    privateTemplate: template({ LABEL: 'label', ID: '0x0102' }),
  });
  const work = token.call('KEY_PAIR_GENERATE', application, decodeArgs('KEY_PAIR_GENERATE', request));
  request.fill(0xff);
  const reply = decodeResults('KEY_PAIR_GENERATE', encodeReply('KEY_PAIR_GENERATE', 0, await work));
  const find = await token.call('OBJECT_FIND', application, {
    template: template({ LABEL: 'label', ID: '0x0102', EC_PARAMS: P256 }),
    after: NONE,
    limit: 10,
  });
  assert.equal(find.objects.length, 2);
  assert.equal(reply.privateKey.object.length, 16);
  decodeResults('OBJECT_FIND', encodeReply('OBJECT_FIND', 0, find));
});
