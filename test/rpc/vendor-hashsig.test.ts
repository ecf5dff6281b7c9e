import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, test } from 'node:test';
import { HalStatus } from '#src/wire/status.ts';
import { hssLevels, publicKeyOfSpki } from '#test/crypto/rfc8554.ts';
import { type Appliance, type Secrets, startAppliance } from '../appliance.ts';
import { type Argument, VendorClient } from './vendor-client.ts';

const [HASH_INITIALIZE, HASH_UPDATE, LOAD, OPEN, DELETE, TYPE, FLAGS] = [10, 11, 13, 14, 18, 19, 20] as const;
const [PUBLIC_KEY_LEN, PUBLIC_KEY, SIGN, VERIFY, MATCH, CURVE, EXPORT, GENERATE] = [
  21, 22, 23, 24, 25, 26, 29, 31,
] as const;
const [GENERATE_RSA, SHA256] = [15, 3] as const;
const SIGNING = 0x01;
const KEY_ENCIPHERMENT = 0x02;
const TOKEN = 0x08;
const EXPORTABLE = 0x20;
const NOTHING = new Uint8Array(0);
const MESSAGE = Buffer.from('a message');

let appliance: Appliance;
let secrets: Secrets;
let client: VendorClient;
before(async () => {
  appliance = await startAppliance({
    settings: { ENABLE_KEY_EXPORT: true, ENABLE_EXPORTABLE_PRIVATE_KEYS: true },
  });
  secrets = await appliance.setUp();
  client = await connect();
});
after(async () => {
  await client.close();
  await appliance.stop();
});

async function connect(): Promise<VendorClient> {
  const made = await VendorClient.overTls(appliance.rpcPort);
  await made.login(1, secrets.userPin);
  return made;
}

async function status(code: number, args: readonly Argument[], by = client): Promise<number> {
  return (await by.call(code, args)).status;
}

async function sign(pkey: number, message: Uint8Array = MESSAGE): Promise<Buffer> {
  return (await client.ok(SIGN, [pkey, 0, message, 16_000])).opaque();
}

test('a vendor client makes, uses, finds and destroys hash-based keys', async () => {
  const made = await client.ok(GENERATE, [0, 2, 5, 4, TOKEN | SIGNING]);
  const [pkey, uuid] = [made.word(), made.opaque()];
  assert.equal((await client.ok(TYPE, [pkey])).word(), 5);
  assert.equal((await client.ok(CURVE, [pkey])).word(), 0);
  // The setting makes generated keys exportable, these too.
  assert.equal((await client.ok(FLAGS, [pkey])).word(), TOKEN | SIGNING | EXPORTABLE);
  assert.equal((await client.ok(PUBLIC_KEY_LEN, [pkey])).word(), 85);
  const spki = (await client.ok(PUBLIC_KEY, [pkey, 85])).opaque();

  const signature = await sign(pkey);
  assert.equal(signature.length, 2644);
  assert.ok(hssLevels(publicKeyOfSpki(spki), MESSAGE, signature));
  assert.equal(await status(VERIFY, [pkey, 0, MESSAGE, signature]), 0);
  assert.equal(await status(VERIFY, [pkey, 0, MESSAGE, signature.subarray(4)]), HalStatus.INVALID_SIGNATURE);
  assert.equal(await status(SIGN, [pkey, 0, MESSAGE, 1024]), HalStatus.RESULT_TOO_LONG);

  const digest = async () => {
    const hash = (await client.ok(HASH_INITIALIZE, [0, SHA256, NOTHING])).word();
    await client.ok(HASH_UPDATE, [hash, MESSAGE]);
    return hash;
  };
  const overDigest = (await client.ok(SIGN, [pkey, await digest(), NOTHING, 2644])).opaque();
  assert.ok(hssLevels(publicKeyOfSpki(spki), createHash('sha256').update(MESSAGE).digest(), overDigest));
  assert.equal(await status(VERIFY, [pkey, await digest(), NOTHING, overDigest]), 0);

  const loaded = (await client.ok(LOAD, [0, spki, SIGNING])).word();
  assert.equal((await client.ok(TYPE, [loaded])).word(), 6);
  assert.equal(await status(VERIFY, [loaded, 0, MESSAGE, signature]), 0);
  assert.equal(await status(VERIFY, [loaded, 0, Buffer.from('x'), signature]), HalStatus.INVALID_SIGNATURE);
  assert.equal(await status(SIGN, [loaded, 0, MESSAGE, 16_000]), HalStatus.UNSUPPORTED_KEY);

  const found = await client.ok(MATCH, [0, 5, 0, 0, 0, 0, 0, 64, new Uint8Array(16)]);
  assert.deepEqual([found.word(), found.word(), found.opaque()], [3, 1, uuid]);
  const opened = (await client.ok(OPEN, [0, uuid])).word();
  assert.ok(hssLevels(publicKeyOfSpki(spki), MESSAGE, await sign(opened)));
  await client.ok(DELETE, [pkey]);
  assert.equal(await status(OPEN, [0, uuid]), HalStatus.KEY_NOT_FOUND);
});

test('wrong parameters come before a missing login, flags after it', async () => {
  const stranger = await VendorClient.overTls(appliance.rpcPort);
  for (const [levels, lms, lmots] of [
    [0, 5, 3],
    [9, 5, 3],
    [1, 4, 3],
    [1, 10, 3],
    [1, 5, 0],
    [1, 5, 9],
  ] as const) {
    assert.equal(await status(GENERATE, [0, levels, lms, lmots, 0], stranger), HalStatus.BAD_ARGUMENTS);
  }
  assert.equal(await status(GENERATE, [0, 1, 5, 3, TOKEN | SIGNING], stranger), HalStatus.FORBIDDEN);
  await stranger.close();
  assert.equal(await status(GENERATE, [0, 1, 5, 3, SIGNING]), HalStatus.FORBIDDEN);
  assert.equal(await status(GENERATE, [0, 1, 5, 3, TOKEN]), HalStatus.FORBIDDEN);
  assert.equal(await status(GENERATE, [0, 1, 5, 1, TOKEN | SIGNING]), HalStatus.UNSUPPORTED_KEY);
});

test('exhausted keys say so, to export as well', async () => {
  const pkey = (await client.ok(GENERATE, [0, 1, 5, 3, TOKEN | SIGNING])).word();
  const exponent = Uint8Array.of(1, 0, 1);
  const kekek = (await client.ok(GENERATE_RSA, [0, 2048, exponent, TOKEN | KEY_ENCIPHERMENT])).word();
  await client.ok(EXPORT, [pkey, kekek, 5480, 512]);
  for (let i = 0; i < 16; i++) assert.equal((await sign(pkey)).length, 2352);
  assert.equal(await status(SIGN, [pkey, 0, MESSAGE, 4096]), HalStatus.HASHSIG_KEY_EXHAUSTED);
  assert.equal(await status(EXPORT, [pkey, kekek, 5480, 512]), HalStatus.HASHSIG_KEY_EXHAUSTED);
});
