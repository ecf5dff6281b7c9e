import assert from 'node:assert/strict';
import { createPublicKey, diffieHellman, generateKeyPairSync, hkdfSync } from 'node:crypto';
import { describe, test } from 'node:test';
import { CKA, CKK, CKM, CKR } from '#src/cryptoki/constants.ts';
import { writeParameter } from '#src/cryptoki/parameters.ts';
import { CKD, CKF_HKDF_SALT, CK_SP800_108 } from '#src/cryptoki/parameter-numbers.ts';
import { Curve, KeyType } from '#src/wire/enumerations.ts';
import { type ArgsOf } from '#src/wire/message.ts';
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
import { attributes, type Facts, HKDF, loadSecret, makePair, OPEN, secret, valueOf } from './templates.ts';

const DERIVE = { [CKA.DERIVE]: true };

describe('derivation and encapsulation', () => {
  let link: DeviceLink;
  deviceForSuite((started) => {
    link = started;
  });

  type Derive = Omit<ArgsOf<'KEY_DERIVE'>, 'connection'>;
  const deriveArgs = (
    baseKey: Uint8Array,
    how: Pick<Derive, 'mechanism' | 'parameter'>,
    bits: number,
    values = OPEN,
  ): Derive => ({
    baseKey,
    ...how,
    ...secret(CKK.GENERIC_SECRET, bits, values),
  });
  const derive = async (args: Derive, connection = USER) => (await link.call('KEY_DERIVE', connection, args)).created;
  const valueIn = async ({ key }: Facts) => {
    const { attributes: values } = await link.call('KEY_VALUE', USER, { key });
    return Buffer.from(values[0]?.value ?? '');
  };

  for (const [name, type, curve, nodeName] of [
    ['P-256', KeyType.EC_PRIVATE, Curve.P256, 'P-256'],
    ['X25519', KeyType.X_PRIVATE, Curve.X25519, undefined],
  ] as const) {
    test(`${name}: both sides agree`, async () => {
      const { privateKey, publicKey } = await makePair(link, { type, curve, bits: 0 }, DERIVE, DERIVE);
      const other = nodeName ? generateKeyPairSync('ec', { namedCurve: nodeName }) : generateKeyPairSync('x25519');
      const spki = other.publicKey.export({ format: 'der', type: 'spki' });
      const point = spki.subarray(nodeName ? -65 : -32);
      const own = createPublicKey({ key: Buffer.from(publicKey.spki), format: 'der', type: 'spki' });
      const shared = diffieHellman({ privateKey: other.privateKey, publicKey: own });
      const parameter = writeParameter('ecdh', { kdf: CKD.NULL, sharedData: NO_BYTES, publicData: point });
      const how = { mechanism: CKM.ECDH1_DERIVE, parameter };
      const args = deriveArgs(privateKey.key, how, 0);
      const made = await derive(args);
      assert.deepEqual(await valueIn(made), shared);
      assert.deepEqual(await derive(args), made);
      assert.deepEqual(valueOf(made, CKA.LOCAL), Uint8Array.of(0));
      const x963 = writeParameter('ecdh', { kdf: CKD.SHA256_KDF, sharedData: Buffer.from('info'), publicData: point });
      assert.equal((await derive(deriveArgs(privateKey.key, { ...how, parameter: x963 }, 800))).bits, 800);
      await assert.rejects(
        derive(deriveArgs(privateKey.key, { ...how, parameter: x963 }, 0)),
        ckr(CKR.TEMPLATE_INCOMPLETE),
      );
      await assert.rejects(
        derive(deriveArgs(privateKey.key, { ...how, parameter: parameter.subarray(4) }, 0)),
        ckr(CKR.MECHANISM_PARAM_INVALID),
      );
      const wrongPoint = writeParameter('ecdh', {
        kdf: CKD.NULL,
        sharedData: NO_BYTES,
        publicData: new Uint8Array(point.length),
      });
      await assert.rejects(
        derive(deriveArgs(privateKey.key, { ...how, parameter: wrongPoint }, 0)),
        ckr(CKR.MECHANISM_PARAM_INVALID),
      );
      await assert.rejects(derive(deriveArgs(privateKey.key, how, 0), NOBODY), status('FORBIDDEN'));
      await assert.rejects(derive({ ...args, name: privateKey.name }), status('KEY_NAME_IN_USE'));
      const aes = { ...args, ...secret(CKK.AES, 0, OPEN) };
      assert.equal((await derive(aes)).bits, 256);
    });
  }

  test('HKDF: as RFC 5869 has it, also with a salt that is a key', async () => {
    const base = await loadSecret(link, Buffer.alloc(22, 0x0b), { ...OPEN, ...DERIVE }, CKK.GENERIC_SECRET);
    const saltValue = Buffer.from('000102030405060708090a0b0c', 'hex');
    const salt = await loadSecret(link, saltValue, { ...OPEN, ...DERIVE }, CKK.GENERIC_SECRET);
    const info = Buffer.from('f0f1f2f3f4f5f6f7f8f9', 'hex');
    const common = { extract: 1, expand: 1, prf: CKM.SHA256, info };
    const wanted = Buffer.from(hkdfSync('sha256', Buffer.alloc(22, 0x0b), saltValue, info, 42));
    const bySalt = writeParameter('hkdf', {
      ...common,
      saltType: CKF_HKDF_SALT.DATA,
      salt: saltValue,
      saltKey: NO_BYTES,
    });
    const byKey = writeParameter('hkdf', { ...common, saltType: CKF_HKDF_SALT.KEY, salt: NO_BYTES, saltKey: salt.key });
    for (const parameter of [bySalt, byKey]) {
      const made = await derive(deriveArgs(base.key, { mechanism: CKM.HKDF_DERIVE, parameter }, 336));
      assert.deepEqual(await valueIn(made), wanted);
    }
    const noKey = writeParameter('hkdf', { ...common, saltType: CKF_HKDF_SALT.KEY, salt: NO_BYTES, saltKey: NO_BYTES });
    const nothing = writeParameter('hkdf', {
      ...common,
      extract: 0,
      expand: 0,
      saltType: CKF_HKDF_SALT.NULL,
      salt: NO_BYTES,
      saltKey: NO_BYTES,
    });
    for (const parameter of [noKey, nothing, bySalt.subarray(0, 20), NO_BYTES]) {
      await assert.rejects(
        derive(deriveArgs(base.key, { mechanism: CKM.HKDF_DERIVE, parameter }, 336)),
        ckr(CKR.MECHANISM_PARAM_INVALID),
      );
    }
    const unknown = writeParameter('hkdf', {
      ...common,
      saltType: CKF_HKDF_SALT.KEY,
      salt: NO_BYTES,
      saltKey: freshName(),
    });
    await assert.rejects(
      derive(deriveArgs(base.key, { mechanism: CKM.HKDF_DERIVE, parameter: unknown }, 336)),
      status('KEY_NOT_FOUND'),
    );
  });

  test('SP 800-108 in counter mode: one more byte of the label is another key', async () => {
    const base = await loadSecret(link, Buffer.alloc(32, 4), { ...OPEN, ...DERIVE }, CKK.GENERIC_SECRET);
    const counter = { type: CK_SP800_108.ITERATION_VARIABLE, value: Buffer.from('0000000000000020', 'hex') };
    const made = async (label: string) => {
      const parts = [counter, { type: CK_SP800_108.BYTE_ARRAY, value: Buffer.from(label) }];
      const parameter = writeParameter('kdf108', { prf: CKM.SHA256_HMAC, iv: NO_BYTES, parts });
      return derive(deriveArgs(base.key, { mechanism: CKM.SP800_108_COUNTER_KDF, parameter }, 512));
    };
    const [first, again, other] = [await made('label'), await made('label'), await made('label2')];
    assert.equal(first.bits, 512);
    assert.deepEqual(await valueIn(first), await valueIn(again));
    assert.notDeepEqual(await valueIn(first), await valueIn(other));
    const handle = writeParameter('kdf108', {
      prf: CKM.SHA256_HMAC,
      iv: NO_BYTES,
      parts: [{ ...counter, type: CK_SP800_108.KEY_HANDLE }],
    });
    await assert.rejects(
      derive(deriveArgs(base.key, { mechanism: CKM.SP800_108_COUNTER_KDF, parameter: handle }, 512)),
      ckr(CKR.MECHANISM_PARAM_INVALID),
    );
  });

  test('what is derived from a sensitive key is sensitive', async () => {
    const base = await loadSecret(link, Buffer.alloc(32, 4), DERIVE, CKK.GENERIC_SECRET);
    await assert.rejects(derive(deriveArgs(base.key, HKDF, 256)), ckr(CKR.TEMPLATE_INCONSISTENT));
    await assert.rejects(derive(deriveArgs(base.key, HKDF, 8, {})), ckr(CKR.KEY_SIZE_RANGE));
    const made = await derive(deriveArgs(base.key, HKDF, 256, {}));
    await assert.rejects(link.call('KEY_VALUE', USER, { key: made.key }), ckr(CKR.ATTRIBUTE_SENSITIVE));
    const idle = await loadSecret(link, Buffer.alloc(32, 4), {}, CKK.GENERIC_SECRET);
    await assert.rejects(derive(deriveArgs(idle.key, HKDF, 256, {})), ckr(CKR.KEY_FUNCTION_NOT_PERMITTED));
    const ecdh = {
      mechanism: CKM.ECDH1_DERIVE,
      parameter: writeParameter('ecdh', { kdf: CKD.NULL, sharedData: NO_BYTES, publicData: NO_BYTES }),
    };
    await assert.rejects(derive(deriveArgs(base.key, ecdh, 256, {})), ckr(CKR.KEY_TYPE_INCONSISTENT));
  });

  test('ML-KEM: what one encapsulates the other takes out', async () => {
    const kind = { type: KeyType.ML_KEM_PRIVATE, curve: Curve.ML_KEM_768, bits: 0 };
    const { privateKey, publicKey } = await makePair(
      link,
      kind,
      { [CKA.DECAPSULATE]: true },
      { [CKA.ENCAPSULATE]: true },
    );
    const how = { mechanism: CKM.ML_KEM, parameter: NO_BYTES };
    const args = { publicKey: publicKey.key, ...how, ...secret(CKK.AES, 0, OPEN) };
    const { ciphertext, created } = await link.call('KEY_ENCAPSULATE', USER, args);
    assert.equal(ciphertext.length, 1088);
    await assert.rejects(link.call('KEY_ENCAPSULATE', USER, args), status('KEY_NAME_IN_USE'));
    const back = { privateKey: privateKey.key, ...how, ciphertext, ...secret(CKK.AES, 0, OPEN) };
    const { created: taken } = await link.call('KEY_DECAPSULATE', USER, back);
    assert.deepEqual(await link.call('KEY_DECAPSULATE', USER, back), { created: taken });
    assert.deepEqual(await valueIn(taken), await valueIn(created));
    // Implicit rejection (FIPS 203 section 6.3): another ciphertext gives another key, no error.
    const wrong = { ...back, name: freshName(), ciphertext: ciphertext.with(0, (ciphertext[0] as number) ^ 1) };
    assert.notDeepEqual(
      await valueIn((await link.call('KEY_DECAPSULATE', USER, wrong)).created),
      await valueIn(created),
    );
    const cut = { ...back, name: freshName(), ciphertext: ciphertext.subarray(1) };
    await assert.rejects(link.call('KEY_DECAPSULATE', USER, cut), { name: 'CkrError' });
    await assert.rejects(link.call('KEY_DECAPSULATE', NOBODY, { ...back, name: freshName() }), status('FORBIDDEN'));
    const swapped = { ...args, name: freshName(), publicKey: privateKey.key };
    await assert.rejects(link.call('KEY_ENCAPSULATE', USER, swapped), ckr(CKR.KEY_FUNCTION_NOT_PERMITTED));
    const other = { ...args, name: freshName(), mechanism: CKM.RSA_PKCS };
    await assert.rejects(link.call('KEY_ENCAPSULATE', USER, other), ckr(CKR.MECHANISM_INVALID));
    const typed = { ...args, name: freshName(), type: KeyType.EC_PRIVATE, attributes: attributes({}) };
    await assert.rejects(link.call('KEY_ENCAPSULATE', USER, typed), ckr(CKR.TEMPLATE_INCONSISTENT));
  });
});
