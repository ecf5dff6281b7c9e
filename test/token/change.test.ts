import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { describe, test } from 'node:test';
import { CKK, CKM, CKO, CKR } from '#src/cryptoki/constants.ts';
import { HalError } from '#src/wire/status.ts';
import { randomUuid, rejectsWith, startToken } from './start-token.ts';
import { bytesOf, ED25519, P256, type Template } from './templates.ts';

const EC = CKM.EC_KEY_PAIR_GEN;
const TOKEN = { TOKEN: true };

describe('C_SetAttributeValue', () => {
  const changes: [string, 'publicKey' | 'privateKey', Template, number][] = [
    ['label', 'privateKey', { LABEL: 'neu' }, CKR.OK],
    ['an empty label and id', 'publicKey', { LABEL: '', ID: '' }, CKR.OK],
    ['subject and dates', 'privateKey', { SUBJECT: 'CN=x', START_DATE: '20260101', END_DATE: '' }, CKR.OK],
    ['usage downwards', 'privateKey', { SIGN: false }, CKR.OK],
    ['usage upwards', 'privateKey', { DECRYPT: true }, CKR.ATTRIBUTE_READ_ONLY],
    ['sensitive stays', 'privateKey', { SENSITIVE: true }, CKR.OK],
    ['sensitive downwards', 'privateKey', { SENSITIVE: false }, CKR.ATTRIBUTE_READ_ONLY],
    ['extractable upwards', 'privateKey', { EXTRACTABLE: true }, CKR.ATTRIBUTE_READ_ONLY],
    ['extractable stays', 'privateKey', { EXTRACTABLE: false }, CKR.OK],
    ['wrap with trusted upwards', 'privateKey', { WRAP_WITH_TRUSTED: true }, CKR.OK],
    ['local', 'privateKey', { LOCAL: false }, CKR.ATTRIBUTE_READ_ONLY],
    ['always sensitive', 'privateKey', { ALWAYS_SENSITIVE: false }, CKR.ATTRIBUTE_READ_ONLY],
    ['class', 'privateKey', { CLASS: CKO.PUBLIC_KEY }, CKR.ATTRIBUTE_READ_ONLY],
    ['key type', 'publicKey', { KEY_TYPE: CKK.RSA }, CKR.ATTRIBUTE_READ_ONLY],
    ['token', 'publicKey', { TOKEN: false }, CKR.ATTRIBUTE_READ_ONLY],
    ['private', 'privateKey', { PRIVATE: false }, CKR.ATTRIBUTE_READ_ONLY],
    ['point', 'publicKey', { EC_POINT: '0x04' }, CKR.ATTRIBUTE_READ_ONLY],
    ['trusted', 'publicKey', { TRUSTED: true }, CKR.ATTRIBUTE_READ_ONLY],
    ['unknown attribute', 'publicKey', { SIGN: true }, CKR.ATTRIBUTE_TYPE_INVALID],
    ['private value', 'privateKey', { VALUE: '0x01' }, CKR.ATTRIBUTE_READ_ONLY],
    ['malformed bool', 'privateKey', { SIGN: '0x0000' }, CKR.ATTRIBUTE_VALUE_INVALID],
    ['a good and a bad one change nothing', 'privateKey', { LABEL: 'neu', LOCAL: false }, CKR.ATTRIBUTE_READ_ONLY],
  ];
  for (const [name, half, values, ckr] of changes) {
    test(name, async () => {
      const { user } = startToken();
      const pair = await user.generate(EC, { EC_PARAMS: P256, ...TOKEN }, TOKEN);
      const { object } = pair[half];
      if (ckr === CKR.OK) {
        (await user.set(object, values)).assertHas(values, name);
      } else {
        await rejectsWith(user.set(object, values), ckr, name);
        const { attributes } = await user.call('OBJECT_GET', { object });
        assert.deepEqual(new Map(attributes.map(({ type, value }) => [type, value])), pair[half].attributes);
      }
    });
  }

  test('needs a login, and CKA_MODIFIABLE', async () => {
    const { user, visitor } = startToken();
    const { publicKey, privateKey } = await user.generate(EC, { EC_PARAMS: P256, MODIFIABLE: false, ...TOKEN }, TOKEN);
    await rejectsWith(user.set(publicKey.object, { LABEL: 'x' }), CKR.ACTION_PROHIBITED);
    await rejectsWith(visitor.set(publicKey.object, { LABEL: 'x' }), CKR.USER_NOT_LOGGED_IN);
    await rejectsWith(visitor.set(privateKey.object, { LABEL: 'x' }), CKR.USER_NOT_LOGGED_IN);
    await rejectsWith(user.set(randomUuid(), { LABEL: 'x' }), CKR.OBJECT_HANDLE_INVALID);
  });
});

describe('C_DestroyObject and C_CloseSession', () => {
  test('an object once', async () => {
    const { user, visitor, fleet } = startToken();
    const { publicKey, privateKey } = await user.generate(EC, { EC_PARAMS: P256, ...TOKEN }, TOKEN);
    await rejectsWith(visitor.call('OBJECT_DESTROY', { object: publicKey.object }), CKR.USER_NOT_LOGGED_IN);
    fleet.failNext = { name: 'deleteKeys', error: new HalError('KEYSTORE_ACCESS') };
    await rejectsWith(user.call('OBJECT_DESTROY', { object: privateKey.object }), CKR.DEVICE_ERROR);
    await user.call('OBJECT_DESTROY', { object: privateKey.object });
    await rejectsWith(user.call('OBJECT_DESTROY', { object: privateKey.object }), CKR.OBJECT_HANDLE_INVALID);
    assert.equal(fleet.keys.size, 1);
  });

  test('not one with CKA_DESTROYABLE false', async () => {
    const { user } = startToken();
    const { privateKey } = await user.generate(EC, { EC_PARAMS: P256 }, { DESTROYABLE: false });
    await rejectsWith(user.call('OBJECT_DESTROY', { object: privateKey.object }), CKR.ACTION_PROHIBITED);
    await user.set(privateKey.object, { DESTROYABLE: true });
    await user.call('OBJECT_DESTROY', { object: privateKey.object });
  });

  test('a session takes its own objects along', async () => {
    const { user, fleet } = startToken();
    const { publicKey } = generateKeyPairSync('ed25519');
    const values = {
      CLASS: CKO.PUBLIC_KEY,
      KEY_TYPE: CKK.EC_EDWARDS,
      EC_PARAMS: ED25519,
      EC_POINT: bytesOf(`0x${publicKey.export({ type: 'spki', format: 'der' }).subarray(-32).toString('hex')}`),
    };
    await user.create(values, randomUuid(), 1);
    await user.create(values, randomUuid(), 2);
    await user.create({ ...values, ...TOKEN }, randomUuid(), 1);
    await user.call('SESSION_CLOSE', { session: 1 });
    assert.equal(fleet.keys.size, 2);
    await user.call('SESSION_CLOSE', { session: 7 });
    await user.call('SESSION_CLOSE', { session: 0 });
    assert.equal(fleet.keys.size, 1);
  });
});
