import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CKA, CKM, CKO, CKR } from '#src/cryptoki/constants.ts';
import { CKP_PROFILE } from '#src/cryptoki/parameter-numbers.ts';
import { Found, type Program, randomUuid, rejectsWith, startToken } from './start-token.ts';
import { P256, template, type Template } from './templates.ts';

/** A self-signed certificate of a P-256 key for CN=t. */
const CERTIFICATE = [
  '3082016f30820115a0030201020214739924150932ab8adc312db05eb84f4f7a77e230300a06082a8648ce3d04030230',
  '0c310a300806035504030c01743020170d3236313132353134333531385a180f32313236313130313134333531385a30',
  '0c310a300806035504030c01743059301306072a8648ce3d020106082a8648ce3d03010703420004320e2ff4c5aa5434',
  'd9266d81da40414dec6690c1edf3182b0ea6c3e3dcfcccd6455c2c537e9191ad17437a1027bc532f3b2299f004973be5',
  'f243598f66d54e6ea3533051301d0603551d0e041604141f749e88d04031831a607643f59bcb31e5a3f81a301f060355',
  '1d230418301680141f749e88d04031831a607643f59bcb31e5a3f81a300f0603551d130101ff040530030101ff300a06',
  '082a8648ce3d040302034800304502207d0b8a26d30841327c47bd69ea1d0b565492d5ea8206d10e2c026bf2f3fe3348',
  '022100c0e9c95ac2f0101bc59eee16edc4d4c1456fe323da389178c3bce0f4982f7490',
].join('');

async function copy(user: Program, object: Uint8Array, values: Template, request = randomUuid()): Promise<Found> {
  return new Found(
    (await user.call('OBJECT_COPY', { session: 1, request, object, template: template(values) })).created,
  );
}

describe('OBJECT_COPY', () => {
  test('a copy with changes, and the same request twice', async () => {
    const { user, fleet } = startToken();
    const { publicKey } = await user.generate(CKM.EC_KEY_PAIR_GEN, { EC_PARAMS: P256, LABEL: 'a' }, {});
    const request = randomUuid();
    const made = await copy(user, publicKey.object, { LABEL: 'b', TOKEN: true }, request);
    made.assertHas({ LABEL: 'b', TOKEN: true, CLASS: CKO.PUBLIC_KEY, EC_PARAMS: P256 }, 'the copy');
    assert.notEqual(made.get('UNIQUE_ID'), publicKey.get('UNIQUE_ID'));
    const { size } = fleet.keys;
    assert.deepEqual(await copy(user, publicKey.object, { LABEL: 'b', TOKEN: true }, request), made);
    assert.equal(fleet.keys.size, size);
  });

  test('what may not be copied', async () => {
    const { user, visitor, fleet } = startToken();
    const { publicKey } = await user.generate(CKM.EC_KEY_PAIR_GEN, { EC_PARAMS: P256, COPYABLE: false }, {});
    const { privateKey } = await user.generate(CKM.EC_KEY_PAIR_GEN, { EC_PARAMS: P256 }, { TOKEN: true });
    await rejectsWith(copy(user, publicKey.object, {}), CKR.ACTION_PROHIBITED);
    await rejectsWith(copy(user, privateKey.object, { EXTRACTABLE: true }), CKR.ATTRIBUTE_READ_ONLY);
    await rejectsWith(copy(user, privateKey.object, { SENSITIVE: false }), CKR.ATTRIBUTE_READ_ONLY);
    await rejectsWith(copy(user, privateKey.object, { MODULUS: '0x01' }), CKR.ATTRIBUTE_TYPE_INVALID);
    await rejectsWith(copy(visitor, privateKey.object, {}), CKR.USER_NOT_LOGGED_IN);
    await rejectsWith(copy(user, randomUuid(), {}), CKR.OBJECT_HANDLE_INVALID);
    assert.equal(fleet.requests.includes('copy'), false);
  });
});

test('certificates, also without login', async () => {
  const { visitor, user } = startToken();
  const values = {
    ...{ CLASS: CKO.CERTIFICATE, CERTIFICATE_TYPE: 0, VALUE: `0x${CERTIFICATE}`, TOKEN: false, ID: '0x07' },
  };
  const made = await visitor.create(values);
  made.assertHas({ ...values, PRIVATE: false }, 'certificate');
  assert.equal((await visitor.find({ CLASS: CKO.CERTIFICATE, ID: '0x07' })).length, 1);
  await rejectsWith(visitor.create({ ...values, TOKEN: true }), CKR.USER_NOT_LOGGED_IN);
  await rejectsWith(user.create({ ...values, VALUE: '0x3000' }), CKR.ATTRIBUTE_VALUE_INVALID);
});

describe('profiles', () => {
  const ids = (found: Found[]) => found.map(({ attributes }) => attributes.get(CKA.PROFILE_ID)?.[0]);

  test('are found without login by those who ask for them', async () => {
    const { visitor } = startToken();
    const all = await visitor.find({ CLASS: CKO.PROFILE });
    assert.deepEqual(ids(all), [
      CKP_PROFILE.BASELINE_PROVIDER,
      CKP_PROFILE.EXTENDED_PROVIDER,
      CKP_PROFILE.AUTHENTICATION_TOKEN,
    ]);
    assert.deepEqual(await visitor.find({ CLASS: CKO.PROFILE }, 1), all, 'page by page');
    assert.deepEqual(ids(await visitor.find({ PROFILE_ID: CKP_PROFILE.EXTENDED_PROVIDER })), [2]);
    assert.equal((await visitor.find({})).length, 0);
    assert.equal((await visitor.find({ CLASS: CKO.PROFILE, LABEL: 'x' })).length, 0);
    const [first] = all;
    assert.ok(first);
    const { attributes } = await visitor.call('OBJECT_GET', { object: first.object });
    assert.deepEqual(new Found({ object: first.object, attributes }), first);
  });

  test('cannot be changed, copied or destroyed', async () => {
    const { user } = startToken();
    const [profile] = await user.find({ CLASS: CKO.PROFILE });
    assert.ok(profile);
    const { object } = profile;
    await rejectsWith(user.set(object, { LABEL: 'mine' }), CKR.ACTION_PROHIBITED);
    await rejectsWith(user.call('OBJECT_DESTROY', { object }), CKR.ACTION_PROHIBITED);
    await rejectsWith(copy(user, object, {}), CKR.ACTION_PROHIBITED);
  });
});
