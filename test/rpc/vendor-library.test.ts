import assert from 'node:assert/strict';
import { createHash, createPublicKey, verify } from 'node:crypto';
import { after, before, test } from 'node:test';
import { type Appliance, type Secrets, startAppliance } from '../appliance.ts';
import { RpcClient } from './rpc-client.ts';
import { VendorClient } from './vendor-client.ts';
import { type Attributes, EC, type KeyKind, RSA, ulong, VendorLibrary } from './vendor-library.ts';

const [CKM_RSA_PKCS, CKM_ECDSA] = [0x1, 0x1041] as const;
const NO_BYTES = new Uint8Array(0);
const NO_UUID = new Uint8Array(16);
const MESSAGE = Buffer.from('example.net. 3600 IN SOA');
const DIGEST = createHash('sha256').update(MESSAGE).digest();
const DIGEST_INFO = Buffer.concat([Buffer.from('3031300d060960864801650304020105000420', 'hex'), DIGEST]);

let appliance: Appliance;
let secrets: Secrets;
let client: VendorClient;
let vendor: VendorLibrary;
let own: RpcClient;
before(async () => {
  appliance = await startAppliance();
  secrets = await appliance.setUp();
  client = await VendorClient.overTls(appliance.rpcPort);
  vendor = new VendorLibrary(client);
  await vendor.login(secrets.userPin);
  own = await RpcClient.own(appliance.rpcPort);
  await own.login(secrets.userPin);
});
after(async () => {
  await Promise.all([client.close(), own.close()]);
  await appliance.stop();
});

const inputOf = (kind: KeyKind) => (kind === RSA ? DIGEST_INFO : DIGEST);
const mechanismOf = (kind: KeyKind) => (kind === RSA ? CKM_RSA_PKCS : CKM_ECDSA);
const template = (attributes: Attributes) =>
  attributes.map(([type, value]) => ({ type, value: Uint8Array.fromHex(value) }));

/** C_FindObjects of our library. */
async function ownFind(attributes: Attributes): Promise<{ uuid: string; attributes: Map<number, string> }[]> {
  const { objects } = await own.call('OBJECT_FIND', { template: template(attributes), after: NO_UUID, limit: 0 });
  return objects.map(({ object, attributes: values }) => ({
    uuid: object.toHex(),
    attributes: new Map(values.map(({ type, value }) => [type, value.toHex()])),
  }));
}

async function ownSign(uuid: string, kind: KeyKind): Promise<Uint8Array> {
  const request = { object: Uint8Array.fromHex(uuid), mechanism: mechanismOf(kind), parameter: NO_BYTES };
  return (await own.call('SIGN', { ...request, data: inputOf(kind) })).signature.slice();
}

function isValid(spki: Uint8Array, signature: Uint8Array): boolean {
  const key = createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
  return verify('sha256', MESSAGE, { key, dsaEncoding: 'ieee-p1363' }, signature);
}

for (const kind of [RSA, EC]) {
  test(`${kind.name} keys of the vendor’s library are objects of ours`, async () => {
    const id = `0a0b${kind.keyType}0`;
    const { privateUuid, publicUuid, spki } = await vendor.generateKeyPair(kind, 'zsk1', id);
    const [privateKey, ...morePrivate] = await ownFind([
      [0, ulong(3)],
      [0x102, id],
    ]);
    const [publicKey, ...morePublic] = await ownFind([
      [0, ulong(2)],
      [3, '7a736b31'],
      [0x102, id],
      [0x10a, '01'],
    ]);
    assert.deepEqual([privateKey?.uuid, morePrivate.length], [privateUuid, 0]);
    assert.deepEqual([publicKey?.uuid, morePublic.length], [publicUuid, 0]);

    const expected: Attributes = [
      [0, ulong(3)],
      [1, '01'],
      [2, '01'],
      [3, '7a736b31'],
      [0x100, ulong(kind.keyType)],
      [0x108, '01'],
      [0x162, '00'],
      [0x163, '01'],
      [0x166, ulong(kind.mechanism)],
    ];
    assert.deepEqual(
      expected.map(([type]) => [type, privateKey?.attributes.get(type)]),
      expected,
    );
    if (kind === EC) assert.equal(publicKey?.attributes.get(0x181), `0441${spki.subarray(-65).toString('hex')}`);
    else assert.equal(privateKey?.attributes.get(0x120)?.length, 512);

    const signature = await ownSign(privateUuid, kind);
    assert.ok(isValid(spki, signature));
    assert.equal(await vendor.verify(publicUuid, inputOf(kind), signature), 0);
    const object = Uint8Array.fromHex(publicUuid);
    const check = { object, mechanism: mechanismOf(kind), parameter: NO_BYTES, data: inputOf(kind) };
    await own.call('VERIFY', { ...check, signature: await vendor.sign(privateUuid, inputOf(kind), { hashing: true }) });

    // Either side sees what the other changes and destroys.
    await own.call('OBJECT_SET', { object, template: template([[3, '6e6577']]) });
    assert.deepEqual(
      await vendor.find(
        [
          [0, ulong(2)],
          [3, '6e6577'],
        ],
        10,
      ),
      [publicUuid],
    );
    assert.deepEqual(await vendor.getAttributes(publicUuid, [3]), ['6e6577']);
    assert.equal(await vendor.destroy(publicUuid), 21);
    assert.deepEqual(
      await ownFind([
        [0, ulong(2)],
        [0x102, id],
      ]),
      [],
    );
    await own.call('OBJECT_DESTROY', { object: Uint8Array.fromHex(privateUuid) });
    assert.deepEqual(await vendor.find([[0x102, id]], 10), []);
  });

  test(`${kind.name} keys of our library are objects of the vendor’s, with attributes of exactly its sizes`, async () => {
    const id = `0c0d${kind.keyType}0`;
    const common: Attributes = [
      [3, '6b736b'],
      [0x102, id],
      [1, '01'],
    ];
    const parameters: Attributes =
      kind === RSA
        ? [
            [0x121, ulong(2048)],
            [0x122, '010001'],
          ]
        : [[0x180, EC.params]];
    const pair = await own.call('KEY_PAIR_GENERATE', {
      session: 1,
      request: crypto.getRandomValues(new Uint8Array(16)),
      mechanism: kind.mechanism,
      parameter: NO_BYTES,
      publicTemplate: template([...common, ...parameters, [0x10a, '01']]),
      privateTemplate: template([...common, [0x108, '01'], [2, '01'], [0x103, '01']]),
    });
    const privateUuid = pair.privateKey.object.toHex();
    const publicUuid = pair.publicKey.object.toHex();
    assert.deepEqual(
      await vendor.find(
        [
          [0, ulong(3)],
          [0x102, id],
        ],
        10,
      ),
      [privateUuid],
    );
    assert.deepEqual(
      await vendor.find(
        [
          [0, ulong(2)],
          [0x102, id],
          [3, '6b736b'],
          [0x100, ulong(kind.keyType)],
        ],
        1,
      ),
      [publicUuid],
    );

    // Every attribute of the vendor's table, by its number of octets; `undefined`: any.
    const sizes: Record<number, number | undefined> = {
      ...{
        0: 8,
        1: 1,
        2: 1,
        3: 3,
        0x100: 8,
        0x101: 0,
        0x102: 3,
        0x10c: 1,
        0x110: 0,
        0x111: 0,
        0x163: 1,
        0x166: 8,
        0x170: 1,
      },
      ...(kind === RSA ? { 0x120: 256, 0x122: 3 } : { 0x180: 10 }),
    };
    const privateSizes = { ...sizes, 0x103: 1, 0x105: 1, 0x107: 1, 0x108: 1, 0x109: 1, 0x162: 1, 0x210: 1 };
    const publicSizes = {
      ...sizes,
      0x86: 1,
      0x104: 1,
      0x106: 1,
      0x10a: 1,
      0x10b: 1,
      ...(kind === RSA ? { 0x121: 8 } : { 0x181: 67 }),
    };
    for (const [uuid, table] of [
      [privateUuid, privateSizes],
      [publicUuid, publicSizes],
    ] as const) {
      const types = Object.keys(table).map(Number);
      const values = await vendor.getAttributes(uuid, types);
      const found = Object.fromEntries(
        types.map((type, i) => [type, values[i] === null ? null : values[i]!.length / 2]),
      );
      assert.deepEqual(found, table);
    }
    const [keyClass, local, mechanism] = await vendor.getAttributes(privateUuid, [0, 0x163, 0x166]);
    assert.deepEqual([keyClass, local, mechanism], [ulong(3), '01', ulong(kind.mechanism)]);
    // Not stored on an EC private key, so that searches stay the same.
    if (kind === EC) assert.deepEqual(await vendor.getAttributes(privateUuid, [0x181]), [null]);

    const [point, modulus] = await vendor.getAttributes(publicUuid, [0x181, 0x120]);
    const key =
      kind === EC
        ? Buffer.from(`3059301306072a8648ce3d020106082a8648ce3d030107034200${point!.slice(4)}`, 'hex')
        : createPublicKey({
            key: { kty: 'RSA', n: Buffer.from(modulus!, 'hex').toString('base64url'), e: 'AQAB' },
            format: 'jwk',
          }).export({ format: 'der', type: 'spki' });
    const signature = await vendor.sign(privateUuid, inputOf(kind), { hashing: true });
    assert.ok(isValid(key, signature));
    assert.equal(await vendor.verify(publicUuid, inputOf(kind), signature), 0);
    assert.equal(await vendor.verify(publicUuid, inputOf(kind), signature.fill(1, 5, 6)), 17);
    assert.equal(await vendor.destroy(publicUuid), 21);
    assert.equal(await vendor.destroy(privateUuid), 21);
    assert.deepEqual(await ownFind([[0x102, id]]), []);
  });
}

test('a key without attributes is an object of our library, usable by what it is', async () => {
  const { uuid, spki } = await vendor.bareKey(0x09);
  const found = (
    await ownFind([
      [0, ulong(3)],
      [0x100, ulong(3)],
      [0x108, '01'],
      [1, '01'],
    ])
  ).filter((object) => object.uuid === uuid);
  assert.equal(found.length, 1);
  assert.equal(found[0]?.attributes.get(0x180), EC.params);
  assert.ok(isValid(spki, await ownSign(uuid, EC)));
});

test('numbers of a 32-bit client are the same numbers', async () => {
  const { uuid } = await vendor.bareKey(0x09);
  await vendor.setAttributes(uuid, [
    [0, '03000000'],
    [0x100, '03000000'],
    [0x102, '3232'],
  ]);
  const found = await ownFind([
    [0, ulong(3)],
    [0x100, ulong(3)],
    [0x102, '3232'],
  ]);
  assert.deepEqual(
    found.map((object) => object.uuid),
    [uuid],
  );
});

test('many objects are found page by page, as many at once as an application asks for', async () => {
  const made: string[] = [];
  for (let i = 0; i < 7; i++) {
    const { uuid } = await vendor.bareKey(i < 4 ? 0x09 : 0x01);
    await vendor.setAttributes(uuid, [[3, '6d616e79']]);
    made.push(uuid);
  }
  for (const max of [1, 3, 4, 7, 8, 100, 1000]) {
    const found = await vendor.find([[3, '6d616e79']], max);
    assert.equal(found.length, Math.min(max, 7));
    assert.deepEqual(
      found.toSorted().filter((uuid) => !made.includes(uuid)),
      [],
    );
  }
  assert.deepEqual((await vendor.find([[3, '6d616e79']], 100)).sort(), made.sort());
});
