import assert from 'node:assert/strict';
import { createCipheriv, createHmac, pbkdf2Sync } from 'node:crypto';
import { describe, test } from 'node:test';
import { CKA, CKK, CKM, CKR } from '#src/cryptoki/constants.ts';
import { writeParameter } from '#src/cryptoki/parameters.ts';
import { CKP_PKCS5_PBKD2 } from '#src/cryptoki/parameter-numbers.ts';
import { ulongOf } from '#src/cryptoki/values.ts';
import { KeyFlags, KeyType } from '#src/wire/enumerations.ts';
import {
  ckr,
  deviceForSuite,
  type DeviceLink,
  type DeviceUnderTest,
  freshName,
  NO_BYTES,
  NOBODY,
  SO,
  status,
  USER,
} from './device-under-test.ts';
import { attributes, loadSecret, object, OPEN, secret, valueOf } from './templates.ts';

const MESSAGE = Buffer.from('a message of a length that is no multiple of anything');

describe('secret keys, certificates and data', () => {
  let device: DeviceUnderTest;
  let link: DeviceLink;
  deviceForSuite((started, own) => {
    link = started;
    device = own;
  });

  const aes = (values = {}) => ({ ...secret(CKK.AES, 256, values), mechanism: CKM.AES_KEY_GEN, parameter: NO_BYTES });
  const create = async (args: Parameters<typeof link.call<'KEY_CREATE'>>[2], connection = USER) =>
    (await link.call('KEY_CREATE', connection, args)).created;

  test('a generated key has the attributes of its origin, whatever the template claims', async () => {
    const claims = attributes({ [CKA.LOCAL]: false, [CKA.NEVER_EXTRACTABLE]: false, [CKA.VALUE_LEN]: 1 });
    const args = aes({ [CKA.ENCRYPT]: true });
    const made = await create({ ...args, attributes: [...args.attributes, ...claims] });
    assert.deepEqual([made.type, made.bits, made.spki.length], [KeyType.SECRET, 256, 0]);
    assert.equal(made.flags, KeyFlags.TOKEN | KeyFlags.DATAENCIPHERMENT);
    for (const type of [CKA.LOCAL, CKA.ALWAYS_SENSITIVE, CKA.NEVER_EXTRACTABLE]) {
      assert.deepEqual(valueOf(made, type), Uint8Array.of(1), `attribute ${type}`);
    }
    assert.equal(ulongOf(valueOf(made, CKA.VALUE_LEN)), 32n);
    assert.equal(ulongOf(valueOf(made, CKA.KEY_GEN_MECHANISM)), BigInt(CKM.AES_KEY_GEN));
    const block = { mechanism: CKM.AES_ECB, parameter: NO_BYTES, data: new Uint8Array(16) };
    const { result } = await link.call('KEY_ENCRYPT', USER, { key: made.key, ...block });
    assert.deepEqual(valueOf(made, CKA.CHECK_VALUE), result.slice(0, 3));
  });

  test('a request that is repeated gives the same key, also while the first is at work', async () => {
    const args = aes();
    const [first, second] = await Promise.all([create(args), create(args)]);
    assert.deepEqual(second, first);
    assert.deepEqual(await create(args), first);
    const other = { ...object(KeyType.DATA, { [CKA.VALUE]: MESSAGE }), name: args.name };
    await assert.rejects(link.call('OBJECT_LOAD', USER, other), status('KEY_NAME_IN_USE'));
  });

  test('who may make one, and of which kind and size', async () => {
    await assert.rejects(create(aes(), NOBODY), status('FORBIDDEN'));
    await assert.rejects(create(aes(), SO), status('FORBIDDEN'));
    await assert.rejects(create({ ...aes(), flags: 0x100 }), status('BAD_ARGUMENTS'));
    for (const bits of [0, 8, 130, 512, 0xffff_fff8]) {
      await assert.rejects(create({ ...aes(), bits }), ckr(CKR.KEY_SIZE_RANGE), `${bits} bits`);
    }
    await assert.rejects(create({ ...aes(), type: KeyType.RSA_PRIVATE }), ckr(CKR.TEMPLATE_INCONSISTENT));
    await assert.rejects(create({ ...aes(), mechanism: CKM.AES_CBC }), ckr(CKR.MECHANISM_INVALID));
    await assert.rejects(create({ ...aes(), flags: 0x18 }), ckr(CKR.TEMPLATE_INCONSISTENT));
    await assert.rejects(create({ ...aes(), attributes: [] }), ckr(CKR.TEMPLATE_INCONSISTENT));
    await assert.rejects(create(aes({ [CKA.KEY_TYPE]: 0x99 })), ckr(CKR.TEMPLATE_INCONSISTENT));
    await assert.rejects(create(aes({ [CKA.TRUSTED]: true })), ckr(CKR.ATTRIBUTE_READ_ONLY));
    await assert.rejects(create(aes({ [CKA.WRAP]: true, [CKA.DECRYPT]: true })), ckr(CKR.TEMPLATE_INCONSISTENT));
  });

  test('a key comes of a password', async () => {
    const password = Buffer.from('correct horse');
    const salt = Buffer.from('staple');
    const parameter = writeParameter('pbkdf2', { prf: CKP_PKCS5_PBKD2.HMAC_SHA256, salt, iterations: 1000, password });
    const args = { ...secret(CKK.GENERIC_SECRET, 320, OPEN), mechanism: CKM.PKCS5_PBKD2, parameter };
    const { key } = await create(args);
    const { attributes: values } = await link.call('KEY_VALUE', USER, { key });
    assert.deepEqual(Buffer.from(values[0]?.value ?? ''), pbkdf2Sync('correct horse', salt, 1000, 40, 'sha256'));
    const cut = { ...args, name: freshName(), parameter: parameter.subarray(0, -4) };
    await assert.rejects(create(cut), ckr(CKR.MECHANISM_PARAM_INVALID));
  });

  test('MACs: made and checked, by those who may use the key', async () => {
    const value = Buffer.alloc(40, 7);
    const usage = { [CKA.SIGN]: true, [CKA.VERIFY]: true };
    const { key } = await loadSecret(link, value, usage, CKK.GENERIC_SECRET);
    const args = { key, mechanism: CKM.SHA256_HMAC, parameter: NO_BYTES, data: MESSAGE };
    const { signature } = await link.call('KEY_SIGN', USER, args);
    assert.deepEqual(Buffer.from(signature), createHmac('sha256', value).update(MESSAGE).digest());
    await link.call('KEY_VERIFY', USER, { ...args, signature });
    const wrong = { ...args, signature: signature.with(0, (signature[0] as number) ^ 1) };
    await assert.rejects(link.call('KEY_VERIFY', USER, wrong), status('INVALID_SIGNATURE'));
    await assert.rejects(link.call('KEY_SIGN', NOBODY, args), status('FORBIDDEN'));
    await assert.rejects(link.call('KEY_VERIFY', NOBODY, { ...args, signature }), status('FORBIDDEN'));
    await assert.rejects(link.call('KEY_VERIFY', SO, { ...args, signature }), status('FORBIDDEN'));
    const cmac = { ...args, mechanism: CKM.AES_CMAC };
    await assert.rejects(link.call('KEY_SIGN', USER, cmac), ckr(CKR.KEY_TYPE_INCONSISTENT));
    const general = {
      ...args,
      mechanism: CKM.SHA256_HMAC_GENERAL,
      parameter: writeParameter('macLength', { length: 8 }),
    };
    assert.deepEqual((await link.call('KEY_SIGN', USER, general)).signature, signature.slice(0, 8));
    await assert.rejects(
      link.call('KEY_SIGN', USER, { ...general, parameter: general.parameter.subarray(0, 2) }),
      ckr(CKR.MECHANISM_PARAM_INVALID),
    );
  });

  test('the value of a key comes out only if the key says so', async () => {
    const value = Buffer.alloc(32, 0xdb);
    const open = await loadSecret(link, value, OPEN);
    const { attributes: values } = await link.call('KEY_VALUE', USER, { key: open.key });
    assert.deepEqual(values, [{ type: CKA.VALUE, value: new Uint8Array(value) }]);
    await assert.rejects(link.call('KEY_VALUE', NOBODY, { key: open.key }), status('FORBIDDEN'));
    await assert.rejects(link.call('KEY_VALUE', SO, { key: open.key }), status('FORBIDDEN'));
    for (const closed of [{ [CKA.SENSITIVE]: false }, { [CKA.EXTRACTABLE]: true }, {}]) {
      const { key } = await loadSecret(link, value, closed);
      await assert.rejects(link.call('KEY_VALUE', USER, { key }), ckr(CKR.ATTRIBUTE_SENSITIVE));
    }
    const change = { key: open.key, attributes: attributes({ [CKA.SENSITIVE]: true }) };
    await link.call('KEY_SET_ATTRIBUTES', USER, change);
    await assert.rejects(link.call('KEY_VALUE', USER, { key: open.key }), ckr(CKR.ATTRIBUTE_SENSITIVE));
    const back = { key: open.key, attributes: attributes({ [CKA.SENSITIVE]: false }) };
    await assert.rejects(link.call('KEY_SET_ATTRIBUTES', USER, back), ckr(CKR.ATTRIBUTE_READ_ONLY));
  });

  test('an imported value is checked, and is not of this device', async () => {
    const loaded = await loadSecret(link, Buffer.alloc(16, 1), {});
    assert.deepEqual(valueOf(loaded, CKA.LOCAL), Uint8Array.of(0));
    assert.deepEqual(valueOf(loaded, CKA.ALWAYS_SENSITIVE), Uint8Array.of(0));
    await assert.rejects(loadSecret(link, Buffer.alloc(17), {}), ckr(CKR.ATTRIBUTE_VALUE_INVALID));
    await assert.rejects(loadSecret(link, NO_BYTES, {}, CKK.GENERIC_SECRET), ckr(CKR.ATTRIBUTE_VALUE_INVALID));
    const wrongCheck = { [CKA.CHECK_VALUE]: Buffer.from('abc') };
    await assert.rejects(loadSecret(link, Buffer.alloc(16, 1), wrongCheck), ckr(CKR.ATTRIBUTE_VALUE_INVALID));
    const cipher = createCipheriv('aes-128-ecb', Buffer.alloc(16, 1), null);
    const rightCheck = { [CKA.CHECK_VALUE]: cipher.update(new Uint8Array(16)).subarray(0, 3) };
    await loadSecret(link, Buffer.alloc(16, 1), rightCheck);
    const unchecked = await loadSecret(link, Buffer.alloc(16, 1), { [CKA.CHECK_VALUE]: NO_BYTES });
    assert.deepEqual(valueOf(unchecked, CKA.CHECK_VALUE), NO_BYTES, 'an empty one asks for none');
  });

  test('certificates and data come back over a restart; what is private is wrapped', async () => {
    const certificate = object(KeyType.CERTIFICATE, {
      [CKA.VALUE]: MESSAGE,
      [CKA.SUBJECT]: Buffer.from('3000', 'hex'),
    });
    const secretBytes = Buffer.from('a secret of an application');
    const data = object(KeyType.DATA, { [CKA.LABEL]: Buffer.from('note') }, Buffer.from(secretBytes));
    const open = object(KeyType.DATA, { [CKA.VALUE]: MESSAGE });
    const load = async (args: typeof data) => (await link.call('OBJECT_LOAD', USER, args)).loaded;
    const stored = [await load(certificate), await load(data), await load(open)];
    assert.deepEqual((await load(certificate)).key, stored[0]?.key);
    await link.kill('SIGKILL');
    link = await device.start();
    await link.call('LOGIN', USER, { user: 1, pin: Buffer.from('user pin') });
    const { keys } = await link.call('KEY_LIST', USER, { after: new Uint8Array(16), limit: 1024 });
    for (const facts of stored) assert.ok(keys.some(({ key }) => Buffer.compare(key, facts?.key ?? '') === 0));
    const valueIn = async (key: Uint8Array) => (await link.call('KEY_VALUE', USER, { key })).attributes[0]?.value;
    assert.deepEqual(Buffer.from((await valueIn(stored[1]?.key as Uint8Array)) ?? ''), secretBytes);
    assert.deepEqual(Buffer.from((await valueIn(stored[2]?.key as Uint8Array)) ?? ''), MESSAGE);
    assert.equal(valueOf(stored[1] as never, CKA.VALUE), undefined);
    const key = stored[0]?.key as Uint8Array;
    const use = { key, mechanism: CKM.AES_ECB, parameter: NO_BYTES, data: MESSAGE };
    await assert.rejects(link.call('KEY_ENCRYPT', USER, use), ckr(CKR.KEY_TYPE_INCONSISTENT));
    const withSecret = { ...certificate, name: freshName(), value: MESSAGE };
    await assert.rejects(link.call('OBJECT_LOAD', USER, withSecret), ckr(CKR.TEMPLATE_INCONSISTENT));
    await assert.rejects(link.call('OBJECT_LOAD', NOBODY, { ...open, name: freshName() }), status('FORBIDDEN'));
  });

  test('vendor clients do not see them', async () => {
    const { key } = await create(aes());
    await assert.rejects(link.call('PKEY_OPEN', USER, { session: 0, uuid: key }), status('KEY_NOT_FOUND'));
    const search = { session: 0, type: 0, curve: 0, mask: 0, flags: 0, attributes: [], state: 0, resultMax: 1000 };
    const { uuids } = await link.call('PKEY_MATCH', USER, { ...search, previous: new Uint8Array(16) });
    assert.ok(uuids.every((uuid) => Buffer.compare(uuid, key) !== 0));
  });

  test('a copy is never weaker, and a key that must not be destroyed is not', async () => {
    const args = aes({ [CKA.ENCRYPT]: true, [CKA.DESTROYABLE]: false });
    const source = await create(args);
    const copyArgs = (changes = {}) => ({
      key: source.key,
      session: 0,
      name: freshName(),
      flags: args.flags,
      attributes: [...args.attributes, ...attributes(changes)],
    });
    const same = copyArgs();
    const { created } = await link.call('KEY_COPY', USER, same);
    assert.deepEqual(await link.call('KEY_COPY', USER, same), { created });
    assert.deepEqual(valueOf(created, CKA.LOCAL), Uint8Array.of(1));
    assert.deepEqual(valueOf(created, CKA.CHECK_VALUE), valueOf(source, CKA.CHECK_VALUE));
    assert.notDeepEqual(created.key, source.key);
    for (const weaker of [{ [CKA.SENSITIVE]: false }, { [CKA.EXTRACTABLE]: true }]) {
      await assert.rejects(link.call('KEY_COPY', USER, copyArgs(weaker)), ckr(CKR.ATTRIBUTE_READ_ONLY));
    }
    await assert.rejects(link.call('KEY_COPY', NOBODY, copyArgs()), status('FORBIDDEN'));
    await assert.rejects(link.call('KEY_COPY', USER, { ...copyArgs(), key: freshName() }), status('KEY_NOT_FOUND'));
    await assert.rejects(link.call('KEY_DELETE', USER, { keys: [source.key] }), ckr(CKR.ACTION_PROHIBITED));
    const change = { key: source.key, attributes: attributes({ [CKA.DESTROYABLE]: true }) };
    await link.call('KEY_SET_ATTRIBUTES', USER, change);
    await link.call('KEY_DELETE', USER, { keys: [source.key] });
  });

  test('only the security officer makes a key trusted', async () => {
    const usage = { [CKA.WRAP]: true, [CKA.UNWRAP]: true };
    const { key } = await create(aes(usage));
    const trust = { key, attributes: attributes({ [CKA.TRUSTED]: true }) };
    await assert.rejects(link.call('KEY_SET_ATTRIBUTES', USER, trust), ckr(CKR.ATTRIBUTE_READ_ONLY));
    await link.call('LOGIN', SO, { user: 2, pin: Buffer.from('so pin') });
    const label = { key, attributes: attributes({ [CKA.LABEL]: Buffer.from('x') }) };
    await assert.rejects(link.call('KEY_SET_ATTRIBUTES', SO, label), status('FORBIDDEN'));
    const { attributes: after } = await link.call('KEY_SET_ATTRIBUTES', SO, trust);
    assert.deepEqual(valueOf({ attributes: after }, CKA.TRUSTED), Uint8Array.of(1));
  });
});
