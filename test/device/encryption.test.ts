import assert from 'node:assert/strict';
import { constants, createCipheriv, createPublicKey, publicEncrypt } from 'node:crypto';
import { describe, test } from 'node:test';
import { CKA, CKM, CKR } from '#src/cryptoki/constants.ts';
import { writeParameter } from '#src/cryptoki/parameters.ts';
import { CKG_MGF1 } from '#src/cryptoki/parameter-numbers.ts';
import { Curve, KeyType } from '#src/wire/enumerations.ts';
import { encodeRequest, readStatus } from '#src/wire/message.ts';
import { CKR_STATUS_BASE, HalStatus } from '#src/wire/status.ts';
import {
  ckr,
  deviceForSuite,
  type DeviceLink,
  freshName,
  NO_BYTES,
  NOBODY,
  status,
  USER,
} from './device-under-test.ts';
import { attributes, type Facts, loadSecret, makePair, RSA_2048 } from './templates.ts';

const VALUE = Buffer.alloc(32, 0x5a);
const IV = Buffer.alloc(16, 3);
const DATA = Buffer.from('sixty-four bytes, four blocks of AES, one after the other, padded');
const BLOCKS = DATA.subarray(0, 64);
const BOTH = { [CKA.ENCRYPT]: true, [CKA.DECRYPT]: true };

describe('encryption', () => {
  let link: DeviceLink;
  let key: Uint8Array;
  let rsa: { privateKey: Facts; publicKey: Facts };
  deviceForSuite(async (started) => {
    link = started;
    ({ key } = await loadSecret(link, VALUE, BOTH));
    rsa = await makePair(link, RSA_2048, { [CKA.DECRYPT]: true }, { [CKA.ENCRYPT]: true });
  });

  const encrypt = async (args: { key: Uint8Array; mechanism: number; parameter: Uint8Array; data: Uint8Array }) =>
    (await link.call('KEY_ENCRYPT', USER, args)).result;
  const decrypt = async (args: { key: Uint8Array; mechanism: number; parameter: Uint8Array; data: Uint8Array }) =>
    (await link.call('KEY_DECRYPT', USER, args)).result;

  /** What node makes of it. */
  function expected(name: string, iv: Uint8Array | null, data: Uint8Array, padded = false): Buffer {
    const cipher = createCipheriv(name, VALUE, iv);
    cipher.setAutoPadding(padded);
    return Buffer.concat([cipher.update(data), cipher.final()]);
  }

  const iv = writeParameter('iv', { iv: IV });
  const modes = [
    {
      name: 'ECB',
      mechanism: CKM.AES_ECB,
      parameter: NO_BYTES,
      data: BLOCKS,
      wanted: () => expected('aes-256-ecb', null, BLOCKS),
    },
    {
      name: 'CBC',
      mechanism: CKM.AES_CBC,
      parameter: iv,
      data: BLOCKS,
      wanted: () => expected('aes-256-cbc', IV, BLOCKS),
    },
    {
      name: 'CBC_PAD',
      mechanism: CKM.AES_CBC_PAD,
      parameter: iv,
      data: DATA,
      wanted: () => expected('aes-256-cbc', IV, DATA, true),
    },
    {
      name: 'CTR',
      mechanism: CKM.AES_CTR,
      parameter: writeParameter('ctr', { counterBits: 128, block: IV }),
      data: DATA,
      wanted: () => expected('aes-256-ctr', IV, DATA),
    },
    {
      name: 'GCM',
      mechanism: CKM.AES_GCM,
      parameter: writeParameter('gcm', { iv: IV.subarray(0, 12), aad: Buffer.from('header'), tagBits: 128 }),
      data: DATA,
      wanted: () => {
        const cipher = createCipheriv('aes-256-gcm', VALUE, IV.subarray(0, 12));
        cipher.setAAD(Buffer.from('header'));
        return Buffer.concat([cipher.update(DATA), cipher.final(), cipher.getAuthTag()]);
      },
    },
  ];
  for (const { name, mechanism, parameter, data, wanted } of modes) {
    test(`AES ${name}: there and back`, async () => {
      const result = await encrypt({ key, mechanism, parameter, data });
      assert.deepEqual(Buffer.from(result), wanted());
      assert.deepEqual(Buffer.from(await decrypt({ key, mechanism, parameter, data: result })), data);
      if (parameter.length === 0) return;
      const cut = { key, mechanism, parameter: parameter.subarray(0, -4), data };
      await assert.rejects(encrypt(cut), ckr(CKR.MECHANISM_PARAM_INVALID));
      await assert.rejects(decrypt({ ...cut, parameter: NO_BYTES }), ckr(CKR.MECHANISM_PARAM_INVALID));
    });
  }

  test('what does not decrypt', async () => {
    const gcm = modes[4] as (typeof modes)[number];
    const sealed = await encrypt({ key, ...gcm });
    sealed[0] = (sealed[0] as number) ^ 1;
    await assert.rejects(decrypt({ key, ...gcm, data: sealed }), ckr(CKR.ENCRYPTED_DATA_INVALID));
    await assert.rejects(decrypt({ key, ...gcm, data: NO_BYTES }), ckr(CKR.ENCRYPTED_DATA_LEN_RANGE));
    const ecb = { key, mechanism: CKM.AES_ECB, parameter: NO_BYTES };
    await assert.rejects(decrypt({ ...ecb, data: DATA }), ckr(CKR.ENCRYPTED_DATA_LEN_RANGE));
    await assert.rejects(encrypt({ ...ecb, data: DATA }), ckr(CKR.DATA_LEN_RANGE));
  });

  test('only with the usage, the mechanism and the role', async () => {
    const ecb = { key, mechanism: CKM.AES_ECB, parameter: NO_BYTES, data: BLOCKS };
    await assert.rejects(link.call('KEY_ENCRYPT', NOBODY, ecb), status('FORBIDDEN'));
    await assert.rejects(link.call('KEY_DECRYPT', NOBODY, ecb), status('FORBIDDEN'));
    await assert.rejects(encrypt({ ...ecb, key: freshName() }), status('KEY_NOT_FOUND'));
    await assert.rejects(encrypt({ ...ecb, mechanism: CKM.RSA_PKCS }), ckr(CKR.KEY_TYPE_INCONSISTENT));
    await assert.rejects(encrypt({ ...ecb, mechanism: CKM.AES_CMAC }), ckr(CKR.MECHANISM_INVALID));
    await assert.rejects(encrypt({ ...ecb, mechanism: 0x7fff_ffff }), ckr(CKR.MECHANISM_INVALID));
    const oneWay = await loadSecret(link, VALUE, { [CKA.ENCRYPT]: true, [CKA.DECRYPT]: false });
    await encrypt({ ...ecb, key: oneWay.key });
    await assert.rejects(decrypt({ ...ecb, key: oneWay.key }), ckr(CKR.KEY_FUNCTION_NOT_PERMITTED));
    const allowed = Buffer.alloc(8);
    allowed.writeUInt32LE(CKM.AES_GCM);
    const narrow = await loadSecret(link, VALUE, { ...BOTH, [CKA.ALLOWED_MECHANISMS]: allowed });
    await assert.rejects(encrypt({ ...ecb, key: narrow.key }), ckr(CKR.MECHANISM_INVALID));
    // What is taken away is gone with the next call.
    const change = { key: oneWay.key, attributes: attributes({ [CKA.ENCRYPT]: false }) };
    await link.call('KEY_SET_ATTRIBUTES', USER, change);
    await assert.rejects(encrypt({ ...ecb, key: oneWay.key }), ckr(CKR.KEY_FUNCTION_NOT_PERMITTED));
  });

  test('RSA: a public key needs no login, a private one does', async () => {
    const oaep = writeParameter('oaep', { hash: CKM.SHA256, mgf: CKG_MGF1.SHA256, label: Buffer.from('label') });
    const open = await makePair(link, RSA_2048, { [CKA.DECRYPT]: true }, { [CKA.ENCRYPT]: true, [CKA.PRIVATE]: false });
    for (const [mechanism, parameter] of [
      [CKM.RSA_PKCS, NO_BYTES],
      [CKM.RSA_PKCS_OAEP, oaep],
    ] as const) {
      const args = { key: open.publicKey.key, mechanism, parameter, data: DATA };
      const { result } = await link.call('KEY_ENCRYPT', NOBODY, args);
      const back = { ...args, key: open.privateKey.key, data: result };
      assert.deepEqual(Buffer.from(await decrypt(back)), DATA);
      await assert.rejects(link.call('KEY_DECRYPT', NOBODY, back), status('FORBIDDEN'));
      await assert.rejects(encrypt({ ...args, data: Buffer.alloc(246) }), ckr(CKR.DATA_LEN_RANGE));
    }
    const cut = { key: open.publicKey.key, mechanism: CKM.RSA_PKCS_OAEP, parameter: oaep.subarray(0, 9), data: DATA };
    await assert.rejects(encrypt(cut), ckr(CKR.MECHANISM_PARAM_INVALID));
  });

  test('RSA: a wrong padding cannot be told from a right one', async () => {
    const receiver = createPublicKey({ key: Buffer.from(rsa.publicKey.spki), format: 'der', type: 'spki' });
    const good = publicEncrypt({ key: receiver, padding: constants.RSA_PKCS1_PADDING }, DATA);
    const bad = publicEncrypt({ key: receiver, padding: constants.RSA_NO_PADDING }, Buffer.alloc(256, 1));
    const statusOf = async (data: Uint8Array): Promise<number> => {
      const args = { connection: USER, key: rsa.privateKey.key, mechanism: CKM.RSA_PKCS, parameter: NO_BYTES, data };
      return readStatus(await link.exchange(0x9000_0001, encodeRequest('KEY_DECRYPT', 0x9000_0001, args)));
    };
    assert.equal(await statusOf(good), HalStatus.OK);
    assert.equal(await statusOf(bad), HalStatus.OK);
    // The same wrong ciphertext gives the same wrong bytes: nothing is learned by asking twice.
    const args = { key: rsa.privateKey.key, mechanism: CKM.RSA_PKCS, parameter: NO_BYTES, data: bad };
    assert.deepEqual(await decrypt(args), await decrypt(args));
    assert.equal(await statusOf(bad.subarray(1)), CKR_STATUS_BASE + CKR.ENCRYPTED_DATA_LEN_RANGE);
  });

  test('a key of a curve does not encrypt', async () => {
    const { publicKey } = await makePair(
      link,
      { type: KeyType.EC_PRIVATE, curve: Curve.P256, bits: 0 },
      { [CKA.SIGN]: true },
      { [CKA.VERIFY]: true },
    );
    const args = { key: publicKey.key, mechanism: CKM.RSA_PKCS, parameter: NO_BYTES, data: DATA };
    await assert.rejects(encrypt(args), ckr(CKR.KEY_TYPE_INCONSISTENT));
  });
});
