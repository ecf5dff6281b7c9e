import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CKA, CKK, CKM, CKO, CKR } from '#src/cryptoki/constants.ts';
import { writeParameter } from '#src/cryptoki/parameters.ts';
import { CKG_MGF1 } from '#src/cryptoki/parameter-numbers.ts';
import { Curve, KeyType } from '#src/wire/enumerations.ts';
import { type ArgsOf } from '#src/wire/message.ts';
import {
  ckr,
  deviceForSuite,
  type DeviceLink,
  freshName,
  NO_BYTES,
  NOBODY,
  SO,
  status,
  USER,
} from './device-under-test.ts';
import { attributes, type Facts, flagsOf, loadSecret, makePair, OPEN, RSA_2048, secret, valueOf } from './templates.ts';

const WRAPPING = { [CKA.WRAP]: true, [CKA.UNWRAP]: true };
const P256 = { type: KeyType.EC_PRIVATE, curve: Curve.P256, bits: 0 } as const;
const KWP: Pick<ArgsOf<'KEY_WRAP'>, 'mechanism' | 'parameter'> = {
  mechanism: CKM.AES_KEY_WRAP_KWP,
  parameter: NO_BYTES,
};

describe('wrapping', () => {
  let link: DeviceLink;
  let kek: Facts;
  deviceForSuite(async (started) => {
    link = started;
    ({ created: kek } = await link.call('KEY_CREATE', USER, {
      ...secret(CKK.AES, 256, WRAPPING),
      mechanism: CKM.AES_KEY_GEN,
      parameter: NO_BYTES,
    }));
  });

  const wrap = async (key: Uint8Array, how = KWP, wrappingKey = kek.key, connection = USER) =>
    (await link.call('KEY_WRAP', connection, { wrappingKey, ...how, key })).wrapped;
  const unwrapArgs = (
    wrapped: Uint8Array,
    values = {},
    how = KWP,
    unwrappingKey = kek.key,
  ): Omit<ArgsOf<'KEY_UNWRAP'>, 'connection'> => ({ unwrappingKey, ...how, wrapped, ...secret(CKK.AES, 0, values) });
  const unwrap = async (args: Omit<ArgsOf<'KEY_UNWRAP'>, 'connection'>, connection = USER) =>
    (await link.call('KEY_UNWRAP', connection, args)).created;

  test('a secret key: there and back, once for each name', async () => {
    const { key } = await loadSecret(link, Buffer.alloc(32, 0x77), { ...OPEN, [CKA.SENSITIVE]: true });
    const wrapped = await wrap(key);
    assert.equal(wrapped.length, 40);
    const args = unwrapArgs(wrapped, { [CKA.ENCRYPT]: true });
    const back = await unwrap(args);
    assert.deepEqual(await unwrap(args), back);
    assert.equal(back.bits, 256);
    assert.deepEqual(valueOf(back, CKA.LOCAL), Uint8Array.of(0));
    await assert.rejects(link.call('KEY_VALUE', USER, { key: back.key }), ckr(CKR.ATTRIBUTE_SENSITIVE));
    const reference = await loadSecret(link, Buffer.alloc(32, 0x77), {});
    assert.deepEqual(valueOf(back, CKA.CHECK_VALUE), valueOf(reference, CKA.CHECK_VALUE));
  });

  test('a private key: there and back, and it signs for the same public key', async () => {
    const { privateKey, publicKey } = await makePair(
      link,
      P256,
      { [CKA.SIGN]: true, [CKA.EXTRACTABLE]: true },
      { [CKA.VERIFY]: true },
    );
    const wrapped = await wrap(privateKey.key);
    const template = {
      [CKA.CLASS]: CKO.PRIVATE_KEY,
      [CKA.KEY_TYPE]: CKK.EC,
      [CKA.SENSITIVE]: true,
      [CKA.EXTRACTABLE]: false,
      [CKA.SIGN]: true,
    };
    const args = {
      ...unwrapArgs(wrapped),
      type: KeyType.EC_PRIVATE,
      flags: flagsOf(template),
      attributes: attributes(template),
    };
    const back = await unwrap(args);
    assert.deepEqual(back.spki, publicKey.spki);
    const data = Buffer.alloc(32, 1);
    const { signature } = await link.call('KEY_SIGN', USER, {
      key: back.key,
      mechanism: CKM.ECDSA,
      parameter: NO_BYTES,
      data,
    });
    await link.call('KEY_VERIFY', USER, {
      key: publicKey.key,
      mechanism: CKM.ECDSA,
      parameter: NO_BYTES,
      data,
      signature,
    });
    const otherType = { ...args, name: freshName(), type: KeyType.RSA_PRIVATE };
    await assert.rejects(unwrap(otherType), ckr(CKR.WRAPPED_KEY_INVALID));
    // Bytes of an AES key are no private key.
    const { key } = await loadSecret(link, Buffer.alloc(32, 9), { ...OPEN, [CKA.SENSITIVE]: true });
    await assert.rejects(
      unwrap({ ...args, name: freshName(), wrapped: await wrap(key) }),
      ckr(CKR.WRAPPED_KEY_INVALID),
    );
  });

  test('RFC 3394 without padding of its own: zeros fill the last block, and only zeros are taken away', async () => {
    const kw = { mechanism: CKM.AES_KEY_WRAP, parameter: NO_BYTES };
    const generic = (bits: number) => secret(CKK.GENERIC_SECRET, bits);
    const original = await loadSecret(link, Buffer.alloc(20, 0x55), OPEN, CKK.GENERIC_SECRET);
    const wrapped = await wrap(original.key, kw);
    assert.equal(wrapped.length, 32);
    const asked = await unwrap({ ...unwrapArgs(wrapped, {}, kw), ...generic(160) });
    assert.deepEqual(valueOf(asked, CKA.CHECK_VALUE), valueOf(original, CKA.CHECK_VALUE));
    assert.equal((await unwrap({ ...unwrapArgs(wrapped, {}, kw), ...generic(0) })).bits, 192);
    for (const bits of [152, 128, 200]) {
      const args = { ...unwrapArgs(wrapped, {}, kw), ...generic(bits) };
      await assert.rejects(unwrap(args), ckr(CKR.WRAPPED_KEY_LEN_RANGE));
    }
    // The encoding of a private key hardly ever fills the last block.
    for (const curve of [Curve.P256, Curve.P384, Curve.P521]) {
      const made = { [CKA.SIGN]: true, [CKA.EXTRACTABLE]: true };
      const pair = await makePair(link, { ...P256, curve }, made, { [CKA.VERIFY]: true });
      const template = {
        [CKA.CLASS]: CKO.PRIVATE_KEY,
        [CKA.KEY_TYPE]: CKK.EC,
        [CKA.SENSITIVE]: true,
        [CKA.SIGN]: true,
      };
      const object = { type: KeyType.EC_PRIVATE, flags: flagsOf(template), attributes: attributes(template) };
      const back = await unwrap({ ...unwrapArgs(await wrap(pair.privateKey.key, kw), {}, kw), ...object });
      assert.deepEqual(back.spki, pair.publicKey.spki);
    }
  });

  test('RSA: OAEP and RSA_AES_KEY_WRAP', async () => {
    const pair = await makePair(link, { ...RSA_2048, bits: 3072 }, { [CKA.UNWRAP]: true }, { [CKA.WRAP]: true });
    const oaep = { hash: CKM.SHA256, mgf: CKG_MGF1.SHA256, label: NO_BYTES };
    const ways = [
      { mechanism: CKM.RSA_PKCS_OAEP, parameter: writeParameter('oaep', oaep) },
      { mechanism: CKM.RSA_AES_KEY_WRAP, parameter: writeParameter('rsaAesWrap', { aesBits: 256, ...oaep }) },
      { mechanism: CKM.RSA_PKCS, parameter: NO_BYTES },
    ];
    const { key } = await loadSecret(link, Buffer.alloc(16, 0x33), { ...OPEN, [CKA.SENSITIVE]: true });
    for (const how of ways) {
      const wrapped = await wrap(key, how, pair.publicKey.key);
      assert.equal((await unwrap(unwrapArgs(wrapped, {}, how, pair.privateKey.key))).bits, 128);
      wrapped[wrapped.length - 1] = (wrapped.at(-1) as number) ^ 1;
      const args = unwrapArgs(wrapped, {}, how, pair.privateKey.key);
      // Of PKCS#1 v1.5 the length of what comes out is random too, and hardly ever that of an AES key.
      const outcome = await unwrap(args).then(
        () => 0,
        (error: { ckr?: number }) => error.ckr,
      );
      assert.ok(
        outcome === CKR.WRAPPED_KEY_INVALID || (how.mechanism === CKM.RSA_PKCS && outcome === 0),
        String(outcome),
      );
      if (how.parameter.length === 0) continue;
      const cut = { ...how, parameter: how.parameter.subarray(0, 8) };
      await assert.rejects(wrap(key, cut, pair.publicKey.key), ckr(CKR.MECHANISM_PARAM_INVALID));
    }
  });

  test('what the attributes forbid', async () => {
    const closed = await loadSecret(link, Buffer.alloc(16, 1), {});
    await assert.rejects(wrap(closed.key), ckr(CKR.KEY_UNEXTRACTABLE));
    const trusting = await loadSecret(link, Buffer.alloc(16, 1), { ...OPEN, [CKA.WRAP_WITH_TRUSTED]: true });
    await assert.rejects(wrap(trusting.key), ckr(CKR.KEY_NOT_WRAPPABLE));
    const open = await loadSecret(link, Buffer.alloc(16, 1), { ...OPEN, [CKA.SENSITIVE]: true });
    await assert.rejects(wrap(open.key, KWP, closed.key), ckr(CKR.KEY_FUNCTION_NOT_PERMITTED));
    // Anybody may know an imported key.
    const imported = await loadSecret(link, Buffer.alloc(32, 1), WRAPPING);
    await assert.rejects(wrap(open.key, KWP, imported.key), ckr(CKR.KEY_NOT_WRAPPABLE));
    await assert.rejects(wrap(open.key, { ...KWP, mechanism: CKM.AES_ECB }), ckr(CKR.MECHANISM_INVALID));
    await assert.rejects(wrap(freshName()), status('KEY_NOT_FOUND'));
    for (const connection of [NOBODY, SO]) {
      await assert.rejects(wrap(open.key, KWP, kek.key, connection), status('FORBIDDEN'));
      await assert.rejects(unwrap(unwrapArgs(Buffer.alloc(24)), connection), status('FORBIDDEN'));
    }
    const wrapped = await wrap(open.key);
    await assert.rejects(unwrap(unwrapArgs(wrapped, OPEN)), ckr(CKR.TEMPLATE_INCONSISTENT));
    await assert.rejects(unwrap(unwrapArgs(wrapped, WRAPPING)), ckr(CKR.TEMPLATE_INCONSISTENT));
  });

  test('what is no wrapped key', async () => {
    const { key } = await loadSecret(link, Buffer.alloc(32, 2), { ...OPEN, [CKA.SENSITIVE]: true });
    const wrapped = await wrap(key);
    await assert.rejects(unwrap(unwrapArgs(wrapped.with(3, (wrapped[3] as number) ^ 1))), ckr(CKR.WRAPPED_KEY_INVALID));
    await assert.rejects(unwrap(unwrapArgs(wrapped.subarray(0, 33))), ckr(CKR.WRAPPED_KEY_LEN_RANGE));
    await assert.rejects(unwrap(unwrapArgs(NO_BYTES)), ckr(CKR.WRAPPED_KEY_LEN_RANGE));
    await assert.rejects(unwrap({ ...unwrapArgs(wrapped), bits: 128 }), ckr(CKR.WRAPPED_KEY_LEN_RANGE));
    const generic = { ...unwrapArgs(wrapped), ...secret(CKK.GENERIC_SECRET, 0) };
    assert.equal((await unwrap(generic)).bits, 256);
  });
});
