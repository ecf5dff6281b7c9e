import assert from 'node:assert/strict';
import {
  constants,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  privateDecrypt,
  publicEncrypt,
  randomBytes,
} from 'node:crypto';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { unwrapKey, wrapKey } from '#src/crypto/key-wrap.ts';
import { HalStatus, type HalStatusName } from '#src/wire/status.ts';
import { type Appliance, type Secrets, startAppliance } from '../appliance.ts';
import { EXPORTED_KEK, EXPORTED_KEY, EXPORTED_PKCS8, KEK, KEKEK } from '../crypto/vendor-vectors.ts';
import { VendorClient } from './vendor-client.ts';

const [LOGOUT, LOAD, OPEN, GENERATE_RSA, GENERATE_EC, DELETE, TYPE, FLAGS, PUBLIC_KEY, SIGN, MATCH] = [
  4, 13, 14, 15, 16, 18, 19, 20, 22, 23, 25,
] as const;
const SET_ATTRIBUTES = 27;
const EXTRACTABLE = 0x162;
const [EXPORT, IMPORT, SET_DEVICE, DEVICE_UUIDS] = [29, 30, 1981, 1984] as const;
const SIGNING = 0x01;
const KEY_ENCIPHERMENT = 0x02;
const TOKEN = 0x08;
const EXPORTABLE = 0x20;
const EXPONENT = Buffer.of(1, 0, 1);
/** Both without algorithm parameters. */
const WRAP_ALGORITHM = '300b0609608648016503040130';
const RSA_ALGORITHM = '300b06092a864886f70d010101';

const kekek = createPrivateKey({ key: Buffer.from(KEKEK), format: 'der', type: 'pkcs8' });
const kekekSpki = spkiOf(kekek);

let appliance: Appliance;
let secrets: Secrets;
let client: VendorClient;
before(async () => {
  appliance = await startAppliance({ settings: { ENABLE_KEY_EXPORT: true } });
  secrets = await appliance.setUp();
  client = await network();
});
after(async () => {
  await client.close();
  await appliance.stop();
});

async function network(): Promise<VendorClient> {
  const made = await VendorClient.overTls(appliance.rpcPort);
  await made.login(1, secrets.userPin);
  return made;
}

/** An internal connection pinned to a device. */
async function onDevice(device: number, { state } = appliance, { userPin } = secrets): Promise<VendorClient> {
  const made = await VendorClient.overSocket(join(state, 'run', '.cryptech_muxd.rpc'));
  await made.login(1, userPin);
  await made.ok(SET_DEVICE, [device]);
  return made;
}

async function load(der: Uint8Array, flags: number, by = client): Promise<number> {
  return (await by.ok(LOAD, [0, der, flags])).word();
}

async function exportKey(pkey: number, under: number, by = client): Promise<{ pkcs8: Buffer; kek: Buffer }> {
  const results = await by.ok(EXPORT, [pkey, under, 5480, 512]);
  const exported = { pkcs8: results.opaque(), kek: results.opaque() };
  assert.ok(results.isAtEnd);
  return exported;
}

async function importKey(under: number, pkcs8: Uint8Array, kek: Uint8Array, flags = SIGNING): Promise<number> {
  return (await client.ok(IMPORT, [0, under, pkcs8, kek, flags])).word();
}

async function publicKey(pkey: number, by = client): Promise<Buffer> {
  return (await by.ok(PUBLIC_KEY, [pkey, 2000])).opaque();
}

async function refused(name: HalStatusName, code: number, args: (number | Uint8Array)[], by = client): Promise<void> {
  assert.equal((await by.call(code, args)).status, HalStatus[name]);
}

function spkiOf(key: KeyObject): Buffer {
  return createPublicKey(key).export({ format: 'der', type: 'spki' });
}

/** DER with a tag and a definite length. */
function element(tag: number, ...parts: Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const head = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.of(tag, ...head), content]);
}

function encrypted(algorithm: string, content: Uint8Array): Buffer {
  return element(0x30, Buffer.from(algorithm, 'hex'), element(0x04, content));
}

/** The content of an EncryptedPrivateKeyInfo, whose every other byte is as expected. */
function contentOf(algorithm: string, info: Buffer): Buffer {
  for (let size = 1; size < info.length; size++) {
    const content = info.subarray(info.length - size);
    if (encrypted(algorithm, content).equals(info)) return content;
  }
  assert.fail(`not an EncryptedPrivateKeyInfo: ${info.toString('hex')}`);
}

/** What the receiver finds in an export. */
function unwrap({ pkcs8, kek }: { pkcs8: Buffer; kek: Buffer }, receiver = kekek): Buffer {
  const padding = constants.RSA_PKCS1_PADDING;
  const secret = privateDecrypt({ key: receiver, padding }, contentOf(RSA_ALGORITHM, kek));
  assert.equal(secret.length, 32);
  return Buffer.from(unwrapKey(secret, contentOf(WRAP_ALGORITHM, pkcs8)));
}

/** What another HSM would send. */
function wrap(der: Uint8Array): { pkcs8: Buffer; kek: Buffer } {
  const secret = randomBytes(32);
  const padding = constants.RSA_PKCS1_PADDING;
  return {
    pkcs8: encrypted(WRAP_ALGORITHM, wrapKey(secret, der)),
    kek: encrypted(RSA_ALGORITHM, publicEncrypt({ key: createPublicKey(kekek), padding }, secret)),
  };
}

test('a key that a vendor device exported is imported', async () => {
  const under = await load(KEKEK, KEY_ENCIPHERMENT);
  const results = await client.ok(IMPORT, [0, under, EXPORTED_PKCS8, EXPORTED_KEK, SIGNING | TOKEN]);
  const pkey = results.word();
  const uuid = results.opaque();
  assert.ok(results.isAtEnd);
  assert.equal(pkey >>> 31, 1);
  const original = createPrivateKey({ key: Buffer.from(EXPORTED_KEY), format: 'der', type: 'pkcs8' });
  assert.deepEqual(await publicKey(pkey), spkiOf(original));
  assert.equal((await client.ok(FLAGS, [pkey])).word(), SIGNING | TOKEN);
  assert.equal((await client.ok(SIGN, [pkey, 0, Buffer.alloc(32, 7), 64])).opaque().length, 64);
  // A second time it is another key; both are found under their names.
  const again = await client.ok(IMPORT, [0, under, EXPORTED_PKCS8, EXPORTED_KEK, SIGNING | TOKEN]);
  again.word();
  const other = again.opaque();
  assert.notDeepEqual(other, uuid);
  for (const name of [uuid, other]) await client.ok(DELETE, [(await client.ok(OPEN, [0, name])).word()]);
});

test('an export has the format of the vendor, to the byte', async () => {
  const pkey = await load(EXPORTED_KEY, SIGNING | EXPORTABLE);
  const exported = await exportKey(pkey, await load(kekekSpki, KEY_ENCIPHERMENT));
  assert.equal(exported.pkcs8.length, EXPORTED_PKCS8.length);
  assert.equal(exported.kek.length, EXPORTED_KEK.length);
  assert.deepEqual(unwrap(exported), Buffer.from(EXPORTED_KEY));
  // The private KEKEK serves as well; the KEK is fresh each time.
  const second = await exportKey(pkey, await load(KEKEK, KEY_ENCIPHERMENT));
  assert.deepEqual(unwrap(second), Buffer.from(EXPORTED_KEY));
  assert.notDeepEqual(second.pkcs8, exported.pkcs8);
});

test('a new RSA key under a new KEKEK: there and back', async () => {
  const results = await client.ok(GENERATE_RSA, [0, 2048, EXPONENT, KEY_ENCIPHERMENT | TOKEN]);
  const receiver = results.word();
  const key = (await client.ok(GENERATE_RSA, [0, 1024, EXPONENT, SIGNING | EXPORTABLE])).word();
  const { pkcs8, kek } = await exportKey(key, receiver);
  assert.equal(kek.length, 277);
  const copy = await importKey(receiver, pkcs8, kek);
  assert.deepEqual(await publicKey(copy), await publicKey(key));
  const digestInfo = Buffer.from('3021300906052b0e03021a05000414' + '11'.repeat(20), 'hex');
  const signature = (await client.ok(SIGN, [key, 0, digestInfo, 128])).opaque();
  assert.deepEqual((await client.ok(SIGN, [copy, 0, digestInfo, 128])).opaque(), signature);
  await client.ok(DELETE, [receiver]);
});

test('a key that was made unextractable later shows no EXPORTABLE, is not found by it, and stays', async () => {
  const made = await client.ok(GENERATE_EC, [0, 1, SIGNING | TOKEN | EXPORTABLE]);
  const [pkey, uuid] = [made.word(), made.opaque()];
  const flags = async () => (await client.ok(FLAGS, [pkey])).word();
  const isFound = async () =>
    (await client.ok(MATCH, [0, 0, 0, EXPORTABLE, EXPORTABLE, 0, 0, 100, Buffer.alloc(16)])).bytes.includes(uuid);
  assert.equal(await flags(), SIGNING | TOKEN | EXPORTABLE);
  assert.equal(await isFound(), true);
  await client.ok(SET_ATTRIBUTES, [pkey, 1, EXTRACTABLE, Buffer.of(0)]);
  assert.equal(await flags(), SIGNING | TOKEN);
  assert.equal(await isFound(), false);
  await refused('FORBIDDEN', EXPORT, [pkey, await load(kekekSpki, KEY_ENCIPHERMENT), 5480, 512]);
  await client.ok(DELETE, [pkey]);
});

/** UUIDs of the session keys of all connections on a device. */
async function sessionKeys(device: number): Promise<Buffer> {
  const wheel = await VendorClient.overSocket(join(appliance.state, 'run', '.cryptech_muxd.rpc'));
  await wheel.login(3, secrets.wheelPin);
  await wheel.ok(SET_DEVICE, [device]);
  await wheel.ok(DEVICE_UUIDS);
  const { bytes } = await wheel.ok(MATCH, [0, 0, 0, TOKEN, 0, 0, 0, 100, Buffer.alloc(16)]);
  await wheel.close();
  return bytes;
}

test('the KEKEK and the key are on different devices', async () => {
  const [zero, one] = [await onDevice(0), await onDevice(1)];
  try {
    const made = await one.ok(GENERATE_EC, [0, 2, SIGNING | TOKEN | EXPORTABLE]);
    made.word();
    const key = made.opaque();
    const receiverMade = await zero.ok(GENERATE_RSA, [0, 1024, EXPONENT, KEY_ENCIPHERMENT | TOKEN]);
    receiverMade.word();
    const receiver = receiverMade.opaque();
    const spoilsport = await zero.ok(GENERATE_EC, [0, 1, KEY_ENCIPHERMENT | TOKEN]);
    spoilsport.word();
    const open = async (uuid: Uint8Array) => (await client.ok(OPEN, [0, uuid])).word();
    const [pkey, under] = [await open(key), await open(receiver)];
    const before = await sessionKeys(1);
    const { pkcs8, kek } = await exportKey(pkey, under);
    // The temporary copy of the KEKEK is gone again.
    assert.deepEqual(await sessionKeys(1), before);
    // The import goes to the device of the KEKEK.
    const results = await client.ok(IMPORT, [0, under, pkcs8, kek, SIGNING | TOKEN]);
    const copy = results.word();
    const name = results.opaque();
    assert.deepEqual(await publicKey(copy), await publicKey(pkey));
    await zero.ok(OPEN, [0, name]);
    await refused('KEY_NOT_FOUND', OPEN, [0, name], one);
    // What the device of the KEKEK would refuse is refused by the other.
    await refused('UNSUPPORTED_KEY', EXPORT, [pkey, await open(spoilsport.opaque()), 5480, 512]);
    const noUsage = await zero.ok(GENERATE_RSA, [0, 1024, EXPONENT, SIGNING | TOKEN]);
    noUsage.word();
    await refused('FORBIDDEN', EXPORT, [pkey, await open(noUsage.opaque()), 5480, 512]);
  } finally {
    await Promise.all([zero.close(), one.close()]);
  }
});

test('wrong padding, a wrong KEK and a wrong key are one error', async () => {
  const under = await load(KEKEK, KEY_ENCIPHERMENT);
  const modulus = 128;
  const raw = (block: Uint8Array): Buffer =>
    publicEncrypt({ key: createPublicKey(kekek), padding: constants.RSA_NO_PADDING }, block);
  const block = (...parts: (number | Uint8Array)[]): Buffer => {
    const bytes = Buffer.concat(parts.map((part) => (typeof part === 'number' ? Buffer.of(part) : part)));
    assert.equal(bytes.length, modulus);
    return bytes;
  };
  const kek = Buffer.from(KEK);
  const filler = (length: number): Buffer => Buffer.alloc(length, 0x55);
  const good = block(0, 2, filler(93), 0, kek);
  await importKey(under, EXPORTED_PKCS8, encrypted(RSA_ALGORITHM, raw(good)));
  const wrong: Record<string, Uint8Array> = {
    'block type 1': raw(block(0, 1, filler(93), 0, kek)),
    'first byte': raw(block(1, 2, filler(93), 0, kek)),
    'no separator': raw(block(0, 2, filler(126))),
    'short padding': raw(block(0, 2, filler(7), 0, filler(86), kek)),
    'a KEK of 31 bytes': raw(block(0, 2, filler(94), 0, kek.subarray(1))),
    'a KEK of 33 bytes': raw(block(0, 2, filler(92), 0, 1, kek)),
    'another KEK': raw(block(0, 2, filler(93), 0, filler(32))),
    'a number above the modulus': Buffer.alloc(modulus, 0xff),
    zero: Buffer.alloc(modulus),
    'too short': raw(good).subarray(1),
    'too long': Buffer.concat([raw(good), Buffer.of(0)]),
    empty: Buffer.alloc(0),
  };
  for (const [what, ciphertext] of Object.entries(wrong)) {
    const args = [0, under, EXPORTED_PKCS8, encrypted(RSA_ALGORITHM, ciphertext), SIGNING];
    assert.equal((await client.call(IMPORT, args)).status, HalStatus.KEYWRAP_BAD_MAGIC, what);
    // A length that no wrapped key has is the same whatever the KEK.
    const cut = encrypted(WRAP_ALGORITHM, Buffer.alloc(63, 1));
    const bad = await client.call(IMPORT, [0, under, cut, encrypted(RSA_ALGORITHM, ciphertext), SIGNING]);
    const fine = await client.call(IMPORT, [0, under, cut, encrypted(RSA_ALGORITHM, raw(good)), SIGNING]);
    assert.equal(bad.status, fine.status, what);
  }
  for (const at of [20, 100, EXPORTED_PKCS8.length - 1]) {
    const changed = Buffer.from(EXPORTED_PKCS8);
    changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
    await refused('KEYWRAP_BAD_MAGIC', IMPORT, [0, under, changed, EXPORTED_KEK, SIGNING]);
  }
});

test('structures that are none, and NULL parameters', async () => {
  const under = await load(KEKEK, KEY_ENCIPHERMENT);
  const { pkcs8, kek } = wrap(EXPORTED_KEY);
  const kekContent = contentOf(RSA_ALGORITHM, kek);
  await importKey(under, pkcs8, encrypted('300d06092a864886f70d0101010500', kekContent));
  for (const garbage of [
    Buffer.from('garbage'),
    Buffer.concat([pkcs8, Buffer.of(0)]),
    pkcs8.subarray(0, -1),
    encrypted(RSA_ALGORITHM, contentOf(WRAP_ALGORITHM, pkcs8)),
    element(0x30, Buffer.from(WRAP_ALGORITHM, 'hex')),
    Buffer.alloc(0),
  ]) {
    await refused('ASN1_PARSE_FAILED', IMPORT, [0, under, garbage, kek, SIGNING]);
    if (garbage.length < 3 || garbage.includes(Buffer.from(RSA_ALGORITHM, 'hex'))) continue;
    await refused('ASN1_PARSE_FAILED', IMPORT, [0, under, pkcs8, garbage, SIGNING]);
  }
  await refused('BAD_ARGUMENTS', IMPORT, [0, under, pkcs8, Buffer.alloc(2), SIGNING]);
  await refused('BAD_ARGUMENTS', IMPORT, [0, under, pkcs8, kek, 0x40]);
  await refused('KEY_NOT_FOUND', IMPORT, [0, 0x7000_0000, pkcs8, kek, SIGNING]);
  await refused('FORBIDDEN', IMPORT, [0, await load(KEKEK, SIGNING), pkcs8, kek, SIGNING]);
  await refused('UNSUPPORTED_KEY', IMPORT, [0, await load(kekekSpki, KEY_ENCIPHERMENT), pkcs8, kek, SIGNING]);
  await refused('UNSUPPORTED_KEY', IMPORT, [0, await load(EXPORTED_KEY, KEY_ENCIPHERMENT), pkcs8, kek, SIGNING]);
  const nonsense = wrap(Buffer.from('no key at all'));
  await refused('ASN1_PARSE_FAILED', IMPORT, [0, under, nonsense.pkcs8, nonsense.kek, SIGNING]);
  const edwards = generateKeyPairSync('ed25519').privateKey.export({ format: 'der', type: 'pkcs8' });
  const unknown = wrap(edwards);
  await refused('UNSUPPORTED_KEY', IMPORT, [0, under, unknown.pkcs8, unknown.kek, SIGNING]);
});

test('the extra fields in RSA keys that vendor devices export are dropped', async () => {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const plain = privateKey.export({ format: 'der', type: 'pkcs8' });
  const rsa = privateKey.export({ format: 'der', type: 'pkcs1' });
  const extra = [512, 512, 256, 256, 256, 256].map((size, i) => element(0xc0 + i, randomBytes(size)));
  const withExtra = element(0x30, rsa.subarray(4), ...extra);
  const blown = element(
    0x30,
    Buffer.of(2, 1, 0),
    Buffer.from('300d06092a864886f70d0101010500', 'hex'),
    element(0x04, withExtra),
  );
  assert.throws(() => createPrivateKey({ key: blown, format: 'der', type: 'pkcs8' }));
  const { pkcs8, kek } = wrap(blown);
  const under = await load(KEKEK, KEY_ENCIPHERMENT);
  const pkey = await importKey(under, pkcs8, kek, SIGNING | EXPORTABLE);
  assert.deepEqual(await publicKey(pkey), spkiOf(privateKey));
  assert.deepEqual(unwrap(await exportKey(pkey, under)), plain);
});

test('public keys travel too and stay public', async () => {
  const under = await load(KEKEK, KEY_ENCIPHERMENT);
  const spki = spkiOf(createPrivateKey({ key: Buffer.from(EXPORTED_KEY), format: 'der', type: 'pkcs8' }));
  const exported = await exportKey(await load(spki, SIGNING | EXPORTABLE), under);
  assert.deepEqual(unwrap(exported), spki);
  const EC_PUBLIC = 4;
  const copy = await importKey(under, exported.pkcs8, exported.kek);
  assert.equal((await client.ok(TYPE, [copy])).word(), EC_PUBLIC);
});

test('room for the results', async () => {
  const pkey = await load(EXPORTED_KEY, SIGNING | EXPORTABLE);
  const under = await load(KEKEK, KEY_ENCIPHERMENT);
  await refused('BAD_ARGUMENTS', EXPORT, [pkey, under, 5480, 32]);
  await refused('RESULT_TOO_LONG', EXPORT, [pkey, under, 5480, 33]);
  await refused('RESULT_TOO_LONG', EXPORT, [pkey, under, 5480, 146]);
  await client.ok(EXPORT, [pkey, under, 5480, 147]);
  for (const max of [0, 171, 2560, 5479]) await refused('RESULT_TOO_LONG', EXPORT, [pkey, under, max, 512]);
  // The reply has 16384 bytes, of which 20 are header and lengths.
  await client.ok(EXPORT, [pkey, under, 16_364 - 512, 512]);
  await refused('RPC_PACKET_OVERFLOW', EXPORT, [pkey, under, 16_364 - 511, 512]);
  for (const max of [0x7fff_ffff, 0xffff_fffc, 0xffff_fffd, 0xffff_ffff]) {
    await refused('RPC_PACKET_OVERFLOW', EXPORT, [pkey, under, max, 512]);
    await refused('RPC_PACKET_OVERFLOW', EXPORT, [pkey, under, 5480, max]);
  }
});

test('what may not be exported', async () => {
  const under = await load(KEKEK, KEY_ENCIPHERMENT);
  const pkey = await load(EXPORTED_KEY, SIGNING | EXPORTABLE);
  await refused('FORBIDDEN', EXPORT, [await load(EXPORTED_KEY, SIGNING), under, 5480, 512]);
  await refused('FORBIDDEN', EXPORT, [pkey, await load(KEKEK, SIGNING), 5480, 512]);
  await refused('UNSUPPORTED_KEY', EXPORT, [pkey, await load(EXPORTED_KEY, KEY_ENCIPHERMENT), 5480, 512]);
  await refused('KEY_NOT_FOUND', EXPORT, [0x7000_0000, under, 5480, 512]);
  await refused('KEY_NOT_FOUND', EXPORT, [pkey, 0x7000_0000, 5480, 512]);
  // Handles belong to their connection.
  const other = await network();
  await refused('KEY_NOT_FOUND', EXPORT, [pkey, under, 5480, 512], other);
  await other.ok(LOGOUT);
  await refused('KEY_NOT_FOUND', IMPORT, [0, under, EXPORTED_PKCS8, EXPORTED_KEK, SIGNING], other);
  await other.close();
});

test('by default only internal callers export', async () => {
  const strict = await startAppliance({ devices: 1 });
  try {
    const pins = await strict.setUp();
    const inside = await onDevice(0, strict, pins);
    const outside = await VendorClient.overTls(strict.rpcPort);
    await outside.login(1, pins.userPin);
    for (const [by, allowed] of [
      [inside, true],
      [outside, false],
    ] as const) {
      const pkey = await load(EXPORTED_KEY, SIGNING | EXPORTABLE, by);
      const under = await load(KEKEK, KEY_ENCIPHERMENT, by);
      if (allowed) assert.deepEqual(unwrap(await exportKey(pkey, under, by)), Buffer.from(EXPORTED_KEY));
      else await refused('FORBIDDEN', EXPORT, [pkey, under, 5480, 512], by);
      // Import is allowed to both.
      await by.ok(IMPORT, [0, under, EXPORTED_PKCS8, EXPORTED_KEK, SIGNING]);
    }
    await Promise.all([inside.close(), outside.close()]);
  } finally {
    await strict.stop();
  }
});
