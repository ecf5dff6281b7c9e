import assert from 'node:assert/strict';
import { constants, createPublicKey, publicEncrypt } from 'node:crypto';
import { describe, test } from 'node:test';
import { DerWriter } from '#src/crypto/der.ts';
import { writeHssPrivateKey } from '#src/crypto/hss-key.ts';
import { wrapKey } from '#src/crypto/key-wrap.ts';
import { type LmsParameters, lmsParameters, LmsTree } from '#src/crypto/lms.ts';
import { CKM } from '#src/cryptoki/constants.ts';
import { KeyFlags, KeyType, User } from '#src/wire/enumerations.ts';
import { type ArgsOf } from '#src/wire/message.ts';
import { hssLevels, publicKeyOfSpki } from '#test/crypto/rfc8554.ts';
import {
  type DeviceLink,
  DeviceUnderTest,
  FACTORY_PIN,
  freshName,
  logIn,
  NO_BYTES,
  NOBODY,
  setUp,
  status,
  USER,
  WHEEL,
} from './device-under-test.ts';

const { DIGITALSIGNATURE, EXPORTABLE, KEYENCIPHERMENT, TOKEN } = KeyFlags;
const FLAGS = TOKEN | DIGITALSIGNATURE;
const MESSAGE = Buffer.from('a message');

type Kind = Partial<Omit<ArgsOf<'PKEY_GENERATE_HASHSIG'>, 'session'>>;

const generate = (link: DeviceLink, kind: Kind = {}, connection = USER) =>
  link.call('PKEY_GENERATE_HASHSIG', connection, { session: 0, levels: 1, lms: 5, lmots: 3, flags: FLAGS, ...kind });

const sign = async (link: DeviceLink, pkey: number, input: Uint8Array = MESSAGE, sigMax = 16_000) =>
  (await link.call('PKEY_SIGN', USER, { pkey, hash: 0, input, sigMax })).signature;

const verify = (link: DeviceLink, pkey: number, signature: Uint8Array, input: Uint8Array = MESSAGE) =>
  link.call('PKEY_VERIFY', USER, { pkey, hash: 0, input, signature });

const publicKey = async (link: DeviceLink, pkey: number) =>
  (await link.call('PKEY_GET_PUBLIC_KEY', USER, { pkey, derMax: 200 })).der;

/** The leaf of the bottom tree that made a signature, which another implementation has to accept. */
function leafOf(spki: Uint8Array, signature: Uint8Array, message: Uint8Array = MESSAGE): string {
  const levels = hssLevels(publicKeyOfSpki(spki), message, signature);
  const bottom = levels?.at(-1);
  assert.ok(bottom, 'the signature is valid');
  return `${bottom.identifier} ${bottom.q}`;
}

describe('hash-based keys on a device', () => {
  test('are made, listed, used and destroyed like other keys, also over a restart', async () => {
    await using device = await DeviceUnderTest.create();
    const link = await device.start();
    await setUp(link);
    const { pkey, uuid } = await generate(link);
    assert.equal((await link.call('PKEY_GET_KEY_TYPE', USER, { pkey })).type, KeyType.HASHSIG_PRIVATE);
    assert.equal((await link.call('PKEY_GET_KEY_CURVE', USER, { pkey })).curve, 0);
    assert.equal((await link.call('PKEY_GET_KEY_FLAGS', USER, { pkey })).flags, FLAGS);
    assert.equal((await link.call('PKEY_GET_PUBLIC_KEY_LEN', USER, { pkey })).length, 85);
    const spki = await publicKey(link, pkey);

    const first = await sign(link, pkey);
    assert.equal(first.length, 2352);
    await verify(link, pkey, first);
    await assert.rejects(verify(link, pkey, first, Buffer.from('another')), status('INVALID_SIGNATURE'));
    await assert.rejects(verify(link, pkey, first.subarray(1)), status('INVALID_SIGNATURE'));
    await assert.rejects(verify(link, pkey, NO_BYTES), status('BAD_ARGUMENTS'));
    // Over a digest that runs on the device: the message is the digest.
    const { hash } = await link.call('HASH_INITIALIZE', USER, { session: 0, alg: 3, key: NO_BYTES });
    await link.call('HASH_UPDATE', USER, { hash, data: MESSAGE });
    const { signature } = await link.call('PKEY_SIGN', USER, { pkey, hash, input: NO_BYTES, sigMax: 2352 });
    const digest = Buffer.from(await crypto.subtle.digest('SHA-256', MESSAGE));
    await verify(link, pkey, signature, digest);
    const leaves = [leafOf(spki, first), leafOf(spki, signature, digest)];

    // One key, in one row: the one-time keys are no keys of their own.
    const all = { type: 0, curve: 0, mask: 0, flags: 0, attributes: [], state: 0, resultMax: 64 };
    const { uuids } = await link.call('PKEY_MATCH', USER, { session: 0, ...all, previous: new Uint8Array(16) });
    assert.deepEqual(uuids, [uuid]);
    const { keys } = await link.call('KEY_LIST', USER, { after: new Uint8Array(16), limit: 10 });
    assert.deepEqual(
      keys.map(({ type, bits }) => [type, bits / 8]),
      [[KeyType.HASHSIG_PRIVATE, 2352]],
    );

    await link.kill('SIGKILL');
    const again = await device.start();
    await logIn(again);
    const reopened = await again.call('PKEY_OPEN', USER, { session: 0, uuid });
    assert.deepEqual(await publicKey(again, reopened.pkey), spki);
    leaves.push(leafOf(spki, await sign(again, reopened.pkey)));
    assert.equal(new Set(leaves).size, 3);
    await again.call('PKEY_DELETE', USER, { pkey: reopened.pkey });
    await assert.rejects(sign(again, reopened.pkey), status('KEY_NOT_FOUND'));
    assert.equal((await again.call('DEVICE_STATUS', 0, {})).tokenKeys, 0);
  });

  test('sign until they are exhausted, many at once, each leaf once', async () => {
    await using device = await DeviceUnderTest.create();
    const link = await device.start();
    await setUp(link);
    const { pkey, uuid } = await generate(link);
    const spki = await publicKey(link, pkey);
    const connections = Array.from({ length: 5 }, (_, i) => 100 + i);
    await Promise.all(connections.map((number) => link.call('LOGIN', number, { user: User.WHEEL, pin: FACTORY_PIN })));
    const request = { key: uuid, mechanism: CKM.HSS, parameter: NO_BYTES };
    const outcomes = await Promise.allSettled(
      Array.from({ length: 40 }, (_, i) =>
        link.call('KEY_SIGN', connections[i % 5] as number, { ...request, data: Buffer.from(`message ${i}`) }),
      ),
    );
    const leaves = outcomes.flatMap((outcome, i) =>
      outcome.status === 'fulfilled' ? [leafOf(spki, outcome.value.signature, Buffer.from(`message ${i}`))] : [],
    );
    assert.equal(leaves.length, 32);
    assert.equal(new Set(leaves).size, 32);
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') assert.equal(outcome.reason.status, 48);
    }
    await assert.rejects(sign(link, pkey), status('HASHSIG_KEY_EXHAUSTED'));
    await link.kill('SIGKILL');
    const again = await device.start();
    await logIn(again);
    await assert.rejects(again.call('KEY_SIGN', USER, { ...request, data: MESSAGE }), status('HASHSIG_KEY_EXHAUSTED'));
  });

  test('of several levels go from tree to tree, and over a restart in between', async () => {
    await using device = await DeviceUnderTest.create();
    let link = await device.start();
    await setUp(link);
    const { pkey, uuid } = await generate(link, { levels: 2 });
    const spki = await publicKey(link, pkey);
    const seen = new Map<string, string>();
    for (let round = 0; round < 5; round++) {
      const request = { key: uuid, mechanism: CKM.HSS, parameter: NO_BYTES };
      const signatures = await Promise.all(
        Array.from({ length: 21 }, (_, i) =>
          link.call('KEY_SIGN', USER, { ...request, data: Buffer.from(`${round} ${i}`) }),
        ),
      );
      for (const [i, { signature }] of signatures.entries()) {
        assert.equal(signature.length, 4756);
        const levels = hssLevels(publicKeyOfSpki(spki), Buffer.from(`${round} ${i}`), signature);
        assert.ok(levels);
        // A leaf may be seen again only if it signed the same: that of the root tree signs one tree below it.
        for (const { identifier, q, message } of levels) {
          const leaf = `${identifier} ${q}`;
          assert.equal(seen.get(leaf) ?? message.toHex(), message.toHex());
          seen.set(leaf, message.toHex());
        }
      }
      await link.kill('SIGKILL');
      link = await device.start();
      await logIn(link);
    }
    // 105 messages, and four leaves of the root tree for the trees that signed them.
    assert.equal(seen.size, 105 + 4);
  });

  test('parameters, flags, logins and sizes are checked in this order, and nothing is used up', async () => {
    await using device = await DeviceUnderTest.create();
    const link = await device.start();
    await link.call('LOGIN', WHEEL, { user: User.WHEEL, pin: FACTORY_PIN });
    await assert.rejects(generate(link, {}, WHEEL), status('MASTERKEY_NOT_SET'));
    await setUp(link);
    for (const wrong of [{ levels: 0 }, { levels: 9 }, { lms: 4 }, { lms: 10 }, { lmots: 0 }, { lmots: 5 }]) {
      await assert.rejects(generate(link, { ...wrong, flags: 0 }, NOBODY), status('BAD_ARGUMENTS'));
    }
    await assert.rejects(generate(link, { flags: 0x40 }), status('BAD_ARGUMENTS'));
    await assert.rejects(generate(link, {}, NOBODY), status('FORBIDDEN'));
    for (const flags of [0, TOKEN, DIGITALSIGNATURE, 0x10 | DIGITALSIGNATURE]) {
      await assert.rejects(generate(link, { flags }), status('FORBIDDEN'));
    }
    // W1; a signature of 18768 bytes; trees that take minutes.
    for (const kind of [{ lmots: 1 }, { levels: 8, lmots: 3 }, { lms: 8 }, { lms: 9, lmots: 4 }]) {
      await assert.rejects(generate(link, kind), status('UNSUPPORTED_KEY'));
    }
    const { pkey, uuid } = await generate(link);
    await assert.rejects(sign(link, pkey, MESSAGE, 2351), status('RESULT_TOO_LONG'));
    await assert.rejects(sign(link, pkey, NO_BYTES), status('BAD_ARGUMENTS'));
    const request = { key: uuid, mechanism: CKM.HSS, parameter: NO_BYTES, data: MESSAGE };
    await assert.rejects(link.call('KEY_SIGN', USER, { ...request, mechanism: CKM.ECDSA }), status('UNSUPPORTED_KEY'));
    await assert.rejects(link.call('KEY_SIGN', USER, { ...request, parameter: MESSAGE }), status('BAD_ARGUMENTS'));
    await assert.rejects(link.call('KEY_SIGN', NOBODY, request), status('FORBIDDEN'));
    assert.match(leafOf(await publicKey(link, pkey), await sign(link, pkey)), / 0$/);
  });

  test('public keys are loaded and verify; private ones are not loaded', async () => {
    await using device = await DeviceUnderTest.create();
    const link = await device.start();
    await setUp(link);
    const { pkey } = await generate(link);
    const signature = await sign(link, pkey);
    const der = await publicKey(link, pkey);
    const loaded = await link.call('PKEY_LOAD', USER, { session: 0, der, flags: DIGITALSIGNATURE });
    assert.equal((await link.call('PKEY_GET_KEY_TYPE', USER, { pkey: loaded.pkey })).type, KeyType.HASHSIG_PUBLIC);
    assert.deepEqual(await publicKey(link, loaded.pkey), der);
    await verify(link, loaded.pkey, signature);
    await assert.rejects(verify(link, loaded.pkey, signature, Buffer.from('x')), status('INVALID_SIGNATURE'));
    await assert.rejects(sign(link, loaded.pkey), status('UNSUPPORTED_KEY'));
    const own = await link.call('KEY_LOAD', USER, { session: 0, name: freshName(), der, flags: FLAGS, attributes: [] });
    const request = { key: own.loaded.key, mechanism: CKM.HSS, parameter: NO_BYTES, data: MESSAGE };
    await link.call('KEY_VERIFY', USER, { ...request, signature });
    await assert.rejects(link.call('KEY_SIGN', USER, request), status('UNSUPPORTED_KEY'));
    const { pkey: unusable } = await link.call('PKEY_LOAD', USER, { session: 0, der, flags: TOKEN });
    await assert.rejects(verify(link, unusable, signature), status('FORBIDDEN'));
  });
});

describe('a part of a hash-based key', () => {
  const kekekFlags = TOKEN | KEYENCIPHERMENT;
  const exponent = Uint8Array.of(1, 0, 1);

  /** Two devices, the second with a receiving key whose public half the first has; and a key on the first. */
  async function twoDevices(stack: AsyncDisposableStack, levels: number) {
    const [source, target] = [stack.use(await DeviceUnderTest.create()), stack.use(await DeviceUnderTest.create())];
    const [from, to] = [await source.start(), await target.start()];
    await Promise.all([setUp(from), setUp(to)]);
    const receiver = await to.call('PKEY_GENERATE_RSA', USER, { session: 0, bits: 2048, exponent, flags: kekekFlags });
    const { der } = await to.call('PKEY_GET_PUBLIC_KEY', USER, { pkey: receiver.pkey, derMax: 1000 });
    const kekek = await from.call('PKEY_LOAD', USER, { session: 0, der, flags: KEYENCIPHERMENT });
    const key = await generate(from, { levels, flags: FLAGS | EXPORTABLE });
    return {
      source,
      from,
      to,
      key,
      receiverKey: createPublicKey({ key: Buffer.from(der), format: 'der', type: 'spki' }),
      send: (link = from, pkey = key.pkey, under = kekek.pkey) =>
        link.call('PKEY_EXPORT', USER, { pkey, kekek: under, pkcs8Max: 5480, kekMax: 512 }),
      receive: (sent: { pkcs8: Uint8Array; kek: Uint8Array }, flags = FLAGS) =>
        to.call('PKEY_IMPORT', USER, { session: 0, kekek: receiver.pkey, ...sent, flags }),
    };
  }

  test('is given away before it leaves; both parts sign, no leaf twice', async () => {
    await using stack = new AsyncDisposableStack();
    const { source, from, to, key, send, receive } = await twoDevices(stack, 1);
    const spki = await publicKey(from, key.pkey);
    const leaves = [leafOf(spki, await sign(from, key.pkey))];
    const sent = await send();
    // The device dies right after: what left is not here any more.
    await from.kill('SIGKILL');
    const again = await source.start();
    await logIn(again);
    const { pkey } = await again.call('PKEY_OPEN', USER, { session: 0, uuid: key.uuid });
    await assert.rejects(receive(sent, DIGITALSIGNATURE), status('FORBIDDEN'));
    const received = await receive(sent);
    assert.deepEqual(await publicKey(to, received.pkey), spki);
    // 31 were left: 16 stay, 15 go.
    for (let i = 0; i < 16; i++) leaves.push(leafOf(spki, await sign(again, pkey)));
    for (let i = 0; i < 15; i++) leaves.push(leafOf(spki, await sign(to, received.pkey)));
    assert.equal(new Set(leaves).size, 32);
    await assert.rejects(sign(again, pkey), status('HASHSIG_KEY_EXHAUSTED'));
    await assert.rejects(sign(to, received.pkey), status('HASHSIG_KEY_EXHAUSTED'));
    // The same part cannot be had twice, not even after it was destroyed.
    await assert.rejects(receive(sent), status('KEY_NAME_IN_USE'));
    await to.call('PKEY_DELETE', USER, { pkey: received.pkey });
    await assert.rejects(receive(sent), status('KEY_NAME_IN_USE'));
  });

  test('halves until nothing is left to split', async () => {
    await using stack = new AsyncDisposableStack();
    const { from, key, send } = await twoDevices(stack, 2);
    await sign(from, key.pkey);
    for (let i = 0; i < 5; i++) await send();
    await assert.rejects(send(), status('HASHSIG_KEY_EXHAUSTED'));
    // The tree in use stays with all it has.
    for (let i = 0; i < 31; i++) await sign(from, key.pkey);
    await assert.rejects(sign(from, key.pkey), status('HASHSIG_KEY_EXHAUSTED'));
  });

  test('is not lost by an export that cannot work', async () => {
    await using stack = new AsyncDisposableStack();
    const { from, key, to, receive } = await twoDevices(stack, 1);
    const { der } = await from.call('PKEY_GET_PUBLIC_KEY', USER, {
      pkey: (await from.call('PKEY_GENERATE_RSA', USER, { session: 0, bits: 4096, exponent, flags: kekekFlags })).pkey,
      derMax: 1000,
    });
    const { pkey: large } = await from.call('PKEY_LOAD', USER, { session: 0, der, flags: KEYENCIPHERMENT });
    const request = { pkey: key.pkey, kekek: large, pkcs8Max: 5480, kekMax: 512 };
    await assert.rejects(from.call('PKEY_EXPORT', USER, request), status('RESULT_TOO_LONG'));
    await assert.rejects(from.call('PKEY_EXPORT', USER, { ...request, pkcs8Max: 5479 }), status('RESULT_TOO_LONG'));
    for (let i = 0; i < 32; i++) await sign(from, key.pkey);
    // Nonsense in the place of a key.
    await assert.rejects(receive({ pkcs8: Buffer.from('3000', 'hex'), kek: NO_BYTES }), status('BAD_ARGUMENTS'));
    assert.equal((await to.call('DEVICE_STATUS', 0, {})).tokenKeys, 1);
  });

  test('must be a whole and plausible key', async () => {
    await using stack = new AsyncDisposableStack();
    const { to, receiverKey, receive } = await twoDevices(stack, 1);
    const parameters = lmsParameters(5, 3) as LmsParameters;
    const key = {
      levels: 1,
      parameters,
      identifier: new Uint8Array(16).fill(1),
      root: new Uint8Array(32).fill(2),
      seed: new Uint8Array(32).fill(3),
      start: 0,
      end: 32,
    };
    const pack = (pkcs8: Uint8Array) => {
      const kek = new Uint8Array(32).fill(7);
      const encrypted = publicEncrypt({ key: receiverKey, padding: constants.RSA_PKCS1_PADDING }, kek);
      const info = (oid: string, content: Uint8Array) =>
        DerWriter.sequence(DerWriter.sequence(DerWriter.oid(oid)), DerWriter.octetString(content));
      return { pkcs8: info('608648016503040130', wrapKey(kek, pkcs8)), kek: info('2a864886f70d010101', encrypted) };
    };
    // The root is not that of the seed.
    await assert.rejects(receive(pack(writeHssPrivateKey(key))), status('ASN1_PARSE_FAILED'));
    const high = { ...key, parameters: lmsParameters(8, 3) as LmsParameters };
    await assert.rejects(receive(pack(writeHssPrivateKey(high))), status('UNSUPPORTED_KEY'));
    await assert.rejects(receive(pack(writeHssPrivateKey(key).subarray(0, 80))), status('ASN1_PARSE_FAILED'));
    assert.equal((await to.call('DEVICE_STATUS', 0, {})).tokenKeys, 1);
    // The right root, and a range in the middle.
    const { root } = await LmsTree.build(parameters, key.identifier, key.seed.slice());
    const { pkey } = await receive(pack(writeHssPrivateKey({ ...key, root, start: 9, end: 10 })));
    assert.match(leafOf(await publicKey(to, pkey), await sign(to, pkey)), / 9$/);
    await assert.rejects(sign(to, pkey), status('HASHSIG_KEY_EXHAUSTED'));
  });
});
