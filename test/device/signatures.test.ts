import assert from 'node:assert/strict';
import { constants, createHash, createPublicKey, verify } from 'node:crypto';
import { describe, test } from 'node:test';
import { CKA, CKM, CKR } from '#src/cryptoki/constants.ts';
import { writeParameter } from '#src/cryptoki/parameters.ts';
import { CKG_MGF1, CKH } from '#src/cryptoki/parameter-numbers.ts';
import { ulongOf } from '#src/cryptoki/values.ts';
import { Curve, KeyType } from '#src/wire/enumerations.ts';
import { ckr, deviceForSuite, type DeviceLink, NO_BYTES, status, USER } from './device-under-test.ts';
import { attributes, type Facts, makePair, RSA_2048, valueOf } from './templates.ts';

const MESSAGE = Buffer.from('what is signed');
const SHA256 = createHash('sha256').update(MESSAGE).digest();
const SHA512 = createHash('sha512').update(MESSAGE).digest();
const SIGNS = [{ [CKA.SIGN]: true }, { [CKA.VERIFY]: true }] as const;

describe('signatures of all kinds of keys', () => {
  let link: DeviceLink;
  let rsa: { privateKey: Facts; publicKey: Facts };
  deviceForSuite(async (started) => {
    link = started;
    rsa = await makePair(link, RSA_2048, ...SIGNS);
  });

  const sign = async (key: Uint8Array, mechanism: number, data: Uint8Array, parameter: Uint8Array = NO_BYTES) =>
    (await link.call('KEY_SIGN', USER, { key, mechanism, parameter, data })).signature;
  const check = (
    key: Uint8Array,
    mechanism: number,
    data: Uint8Array,
    signature: Uint8Array,
    parameter: Uint8Array = NO_BYTES,
  ) => link.call('KEY_VERIFY', USER, { key, mechanism, parameter, data, signature });
  const keyObject = ({ spki }: Facts) => createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });

  test('RSA: the device puts the DigestInfo around a hash, and others verify', async () => {
    const signature = await sign(rsa.privateKey.key, CKM.SHA256_RSA_PKCS, SHA256);
    assert.equal(verify('sha256', MESSAGE, keyObject(rsa.publicKey), signature), true);
    await check(rsa.publicKey.key, CKM.SHA256_RSA_PKCS, SHA256, signature);
    await assert.rejects(sign(rsa.privateKey.key, CKM.SHA256_RSA_PKCS, MESSAGE), ckr(CKR.DATA_LEN_RANGE));
    await assert.rejects(check(rsa.publicKey.key, CKM.SHA512_RSA_PKCS, SHA512, signature), status('INVALID_SIGNATURE'));
  });

  test('RSA: PSS by its parameter, with a hash that is the mechanism’s', async () => {
    const pss = writeParameter('pss', { hash: CKM.SHA256, mgf: CKG_MGF1.SHA256, saltLength: 20 });
    for (const mechanism of [CKM.RSA_PKCS_PSS, CKM.SHA256_RSA_PKCS_PSS]) {
      const signature = await sign(rsa.privateKey.key, mechanism, SHA256, pss);
      const key = { key: keyObject(rsa.publicKey), padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 20 };
      assert.equal(verify('sha256', MESSAGE, key, signature), true);
      await check(rsa.publicKey.key, mechanism, SHA256, signature, pss);
    }
    const refused = [
      writeParameter('pss', { hash: CKM.SHA512, mgf: CKG_MGF1.SHA512, saltLength: 20 }),
      writeParameter('pss', { hash: CKM.SHA256, mgf: 99, saltLength: 20 }),
      writeParameter('pss', { hash: CKM.SHA256, mgf: CKG_MGF1.SHA256, saltLength: 0xffff_ffff }),
      pss.subarray(0, 8),
      NO_BYTES,
    ];
    for (const parameter of refused) {
      await assert.rejects(
        sign(rsa.privateKey.key, CKM.SHA256_RSA_PKCS_PSS, SHA256, parameter),
        ckr(CKR.MECHANISM_PARAM_INVALID),
      );
    }
  });

  const kinds = [
    { name: 'secp256k1', type: KeyType.EC_PRIVATE, curve: Curve.SECP256K1, mechanism: CKM.ECDSA, data: SHA256 },
    {
      name: 'brainpoolP384r1',
      type: KeyType.EC_PRIVATE,
      curve: Curve.BRAINPOOL_P384R1,
      mechanism: CKM.ECDSA_SHA256,
      data: SHA256,
    },
    { name: 'ML-DSA-44', type: KeyType.ML_DSA_PRIVATE, curve: Curve.ML_DSA_44, mechanism: CKM.ML_DSA, data: MESSAGE },
    {
      name: 'SLH-DSA-SHA2-128f',
      type: KeyType.SLH_DSA_PRIVATE,
      curve: Curve.SLH_DSA_SHA2_128F,
      mechanism: CKM.SLH_DSA,
      data: MESSAGE,
    },
  ];
  for (const { name, type, curve, mechanism, data } of kinds) {
    test(`${name}: signs, and only its own signature verifies`, async () => {
      const { privateKey, publicKey } = await makePair(link, { type, curve, bits: 0 }, ...SIGNS);
      assert.deepEqual([privateKey.type, privateKey.curve, publicKey.type], [type, curve, type + 1]);
      const signature = await sign(privateKey.key, mechanism, data);
      await check(publicKey.key, mechanism, data, signature);
      const wrong = signature.with(9, (signature[9] as number) ^ 1);
      await assert.rejects(check(publicKey.key, mechanism, data, wrong), status('INVALID_SIGNATURE'));
      await assert.rejects(check(publicKey.key, mechanism, data, signature.subarray(1)), status('INVALID_SIGNATURE'));
      await assert.rejects(sign(rsa.privateKey.key, mechanism, data), { name: /CkrError|HalError/ });
    });
  }

  test('post-quantum signatures have a context, or a hash', async () => {
    const kind = { type: KeyType.ML_DSA_PRIVATE, curve: Curve.ML_DSA_65, bits: 0 };
    const { privateKey, publicKey } = await makePair(link, kind, ...SIGNS);
    const context = writeParameter('signature', {
      hedge: CKH.DETERMINISTIC_REQUIRED,
      context: Buffer.from('tls'),
      hash: 0,
    });
    const first = await sign(privateKey.key, CKM.ML_DSA, MESSAGE, context);
    assert.deepEqual(await sign(privateKey.key, CKM.ML_DSA, MESSAGE, context), first);
    await check(publicKey.key, CKM.ML_DSA, MESSAGE, first, context);
    await assert.rejects(check(publicKey.key, CKM.ML_DSA, MESSAGE, first), status('INVALID_SIGNATURE'));
    await check(
      publicKey.key,
      CKM.HASH_ML_DSA_SHA512,
      SHA512,
      await sign(privateKey.key, CKM.HASH_ML_DSA_SHA512, SHA512),
    );
    const chosen = writeParameter('signature', { hedge: CKH.HEDGE_PREFERRED, context: NO_BYTES, hash: CKM.SHA256 });
    await check(
      publicKey.key,
      CKM.HASH_ML_DSA,
      SHA256,
      await sign(privateKey.key, CKM.HASH_ML_DSA, SHA256, chosen),
      chosen,
    );
    for (const parameter of [
      chosen,
      context.subarray(4),
      writeParameter('signature', { hedge: 7, context: NO_BYTES, hash: 0 }),
    ]) {
      await assert.rejects(sign(privateKey.key, CKM.ML_DSA, MESSAGE, parameter), ckr(CKR.MECHANISM_PARAM_INVALID));
    }
    await assert.rejects(sign(privateKey.key, CKM.HASH_ML_DSA, SHA256), ckr(CKR.MECHANISM_PARAM_INVALID));
  });

  test('a key signs with the mechanisms it allows, in the exact sense', async () => {
    const allowed = Buffer.alloc(8);
    allowed.writeUInt32LE(CKM.SHA256_RSA_PKCS);
    const { privateKey } = await makePair(link, RSA_2048, { ...SIGNS[0], [CKA.ALLOWED_MECHANISMS]: allowed }, SIGNS[1]);
    await sign(privateKey.key, CKM.SHA256_RSA_PKCS, SHA256);
    await assert.rejects(sign(privateKey.key, CKM.RSA_PKCS, SHA256), ckr(CKR.MECHANISM_INVALID));
    await assert.rejects(sign(privateKey.key, CKM.SHA512_RSA_PKCS, SHA512), ckr(CKR.MECHANISM_INVALID));
    // The vendor's function comes to the same key.
    const { pkey } = await link.call('PKEY_OPEN', USER, { session: 0, uuid: privateKey.key });
    const vendor = { pkey, hash: 0, input: SHA256, sigMax: 1000 };
    await assert.rejects(link.call('PKEY_SIGN', USER, vendor), status('FORBIDDEN'));
  });

  test('a usage that is taken away is gone at once, also for vendor clients', async () => {
    const { privateKey } = await makePair(link, { type: KeyType.EC_PRIVATE, curve: Curve.P256, bits: 0 }, ...SIGNS);
    await sign(privateKey.key, CKM.ECDSA, SHA256);
    await sign(privateKey.key, CKM.ECDSA, SHA256);
    await link.call('KEY_SET_ATTRIBUTES', USER, { key: privateKey.key, attributes: attributes({ [CKA.SIGN]: false }) });
    await assert.rejects(sign(privateKey.key, CKM.ECDSA, SHA256), ckr(CKR.KEY_FUNCTION_NOT_PERMITTED));
    const { pkey } = await link.call('PKEY_OPEN', USER, { session: 0, uuid: privateKey.key });
    const vendor = { pkey, hash: 0, input: SHA256, sigMax: 1000 };
    await assert.rejects(link.call('PKEY_SIGN', USER, vendor), status('FORBIDDEN'));
    const back = { key: privateKey.key, attributes: attributes({ [CKA.SIGN]: true }) };
    await assert.rejects(link.call('KEY_SET_ATTRIBUTES', USER, back), ckr(CKR.ATTRIBUTE_READ_ONLY));
    const vendorBack = { pkey, attributes: attributes({ [CKA.SIGN]: true }) };
    await assert.rejects(link.call('PKEY_SET_ATTRIBUTES', USER, vendorBack), status('FORBIDDEN'));
  });

  test('a key that is not valid yet, or not any more', async () => {
    const kind = { type: KeyType.ED_PRIVATE, curve: Curve.ED25519, bits: 0 };
    const future = await makePair(link, kind, { ...SIGNS[0], [CKA.START_DATE]: Buffer.from('29990101') }, SIGNS[1]);
    const past = await makePair(link, kind, { ...SIGNS[0], [CKA.END_DATE]: Buffer.from('20200101') }, SIGNS[1]);
    const now = await makePair(link, kind, { ...SIGNS[0], [CKA.START_DATE]: Buffer.from('20200101') }, SIGNS[1]);
    await sign(now.privateKey.key, CKM.EDDSA, MESSAGE);
    for (const { privateKey } of [future, past]) {
      await assert.rejects(sign(privateKey.key, CKM.EDDSA, MESSAGE), ckr(CKR.KEY_FUNCTION_NOT_PERMITTED));
    }
  });

  test('EdDSA with a context, and over a hash', async () => {
    const kind = { type: KeyType.ED_PRIVATE, curve: Curve.ED448, bits: 0 };
    const { privateKey, publicKey } = await makePair(link, kind, ...SIGNS);
    const context = writeParameter('eddsa', { prehash: 0, context: Buffer.from('ctx') });
    const signature = await sign(privateKey.key, CKM.EDDSA, MESSAGE, context);
    await check(publicKey.key, CKM.EDDSA, MESSAGE, signature, context);
    await assert.rejects(check(publicKey.key, CKM.EDDSA, MESSAGE, signature), status('INVALID_SIGNATURE'));
    await assert.rejects(
      sign(privateKey.key, CKM.EDDSA, MESSAGE, context.subarray(2)),
      ckr(CKR.MECHANISM_PARAM_INVALID),
    );
  });

  test('both halves say where they come from', () => {
    for (const half of [rsa.privateKey, rsa.publicKey]) {
      assert.deepEqual(valueOf(half, CKA.LOCAL), Uint8Array.of(1));
      assert.equal(ulongOf(valueOf(half, CKA.KEY_GEN_MECHANISM)), BigInt(CKM.RSA_PKCS_KEY_PAIR_GEN));
      assert.equal(valueOf(half, CKA.MODULUS)?.length, 256);
    }
    assert.deepEqual(valueOf(rsa.privateKey, CKA.ALWAYS_SENSITIVE), Uint8Array.of(1));
  });
});
