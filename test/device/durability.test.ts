import assert from 'node:assert/strict';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { type Readable } from 'node:stream';
import { describe, test } from 'node:test';
import { CKA, CKK, CKM } from '#src/cryptoki/constants.ts';
import { type ResultsOf } from '#src/wire/message.ts';
import { type HalError, HalStatus } from '#src/wire/status.ts';
import {
  type DeviceLink,
  DeviceUnderTest,
  logIn,
  NO_BYTES,
  pairArgs,
  setUp,
  status,
  USER,
} from './device-under-test.ts';
import { HKDF, loadSecret, secret } from './templates.ts';

type Pair = ResultsOf<'KEY_PAIR_CREATE'>;

const DIGEST = Buffer.alloc(32, 3);

const sign = (link: DeviceLink, key: Uint8Array) =>
  link.call('KEY_SIGN', USER, { key, mechanism: CKM.ECDSA, parameter: NO_BYTES, data: DIGEST });

async function allKeys(link: DeviceLink): Promise<Map<string, ResultsOf<'KEY_LIST'>['keys'][number]>> {
  const { keys } = await link.call('KEY_LIST', USER, { after: new Uint8Array(16), limit: 1024 });
  return new Map(keys.map((facts) => [Buffer.from(facts.name).toString('hex'), facts]));
}

describe('a device that is killed', () => {
  test('has every acknowledged key afterwards, whole pairs only, and repeated requests complete', async () => {
    await using device = await DeviceUnderTest.create();
    let link = await device.start();
    await setUp(link);
    const acknowledged: Pair[] = [];
    for (let round = 0; round < 5; round++) {
      const requests = Array.from({ length: 40 }, () => pairArgs());
      let enough: () => void = () => {};
      const killTime = new Promise<void>((resolve) => (enough = resolve));
      let answered = 0;
      const creations = requests.map(async (args) => {
        try {
          acknowledged.push(await link.call('KEY_PAIR_CREATE', USER, args));
          answered += 1;
          if (answered === 5 + 3 * round) enough();
          return true;
        } catch (error) {
          assert.equal((error as HalError).status, HalStatus.RPC_PROTOCOL_ERROR);
          return false;
        }
      });
      await killTime;
      await link.kill('SIGKILL');
      const outcomes = await Promise.all(creations);

      link = await device.start();
      await logIn(link);
      const stored = await allKeys(link);
      for (const { privateKey, publicKey } of acknowledged) {
        assert.deepEqual(stored.get(Buffer.from(privateKey.name).toString('hex')), privateKey);
        assert.deepEqual(stored.get(Buffer.from(publicKey.name).toString('hex')), publicKey);
        await sign(link, privateKey.key);
      }
      assert.equal(stored.size % 2, 0, 'half a pair');
      // What the appliance does with the unanswered ones: it asks again.
      for (const [index, args] of requests.entries()) {
        if (!outcomes[index]) acknowledged.push(await link.call('KEY_PAIR_CREATE', USER, args));
      }
      assert.equal((await allKeys(link)).size, 2 * acknowledged.length);
    }
  });

  test('has every acknowledged secret key, however it came to be, and makes none twice', async () => {
    await using device = await DeviceUnderTest.create();
    let link = await device.start();
    await setUp(link);
    const { key: base } = await loadSecret(link, Buffer.alloc(32, 1), { [CKA.DERIVE]: true }, CKK.GENERIC_SECRET);
    const requests = Array.from({ length: 60 }, (_, number) => ({ number, args: secret(CKK.AES, 256) }));
    const make = ({ number, args }: (typeof requests)[number]): Promise<{ created: { name: Uint8Array } }> =>
      number % 2 === 0
        ? link.call('KEY_CREATE', USER, { ...args, mechanism: CKM.AES_KEY_GEN, parameter: NO_BYTES })
        : link.call('KEY_DERIVE', USER, { ...args, baseKey: base, ...HKDF });
    const acknowledged: { name: Uint8Array }[] = [];
    const { promise: killTime, resolve: enough } = Promise.withResolvers<void>();
    const outcomes = requests.map(async (request) => {
      try {
        acknowledged.push((await make(request)).created);
        if (acknowledged.length === 20) enough();
      } catch (error) {
        assert.equal((error as HalError).status, HalStatus.RPC_PROTOCOL_ERROR);
      }
    });
    await killTime;
    await link.kill('SIGKILL');
    await Promise.all(outcomes);
    link = await device.start();
    await logIn(link);
    const stored = await allKeys(link);
    for (const facts of acknowledged) {
      assert.deepEqual(stored.get(Buffer.from(facts.name).toString('hex')), facts);
    }
    for (const request of requests) await make(request);
    assert.equal((await allKeys(link)).size, requests.length + 1);
  });

  test('makes a public session key again when the request is repeated', async () => {
    await using device = await DeviceUnderTest.create();
    const link = await device.start();
    await setUp(link);
    const args = pairArgs({ publicFlags: 0x01 });
    const first = await link.call('KEY_PAIR_CREATE', USER, args);
    await link.kill('SIGKILL');
    const again = await device.start();
    await logIn(again);
    const second = await again.call('KEY_PAIR_CREATE', USER, args);
    assert.deepEqual(second.privateKey, first.privateKey);
    assert.deepEqual({ ...second.publicKey, key: first.publicKey.key }, first.publicKey);
    assert.equal((await again.call('DEVICE_STATUS', 0, {})).tokenKeys, 1);
  });
});

describe('a device process', () => {
  test('ends when its link closes', async () => {
    await using device = await DeviceUnderTest.create();
    const link = await device.start();
    await link.close();
    assert.equal(link.child.exitCode, 0);
  });

  test('finishes what is running when it is told to end', async () => {
    await using device = await DeviceUnderTest.create();
    const link = await device.start();
    await setUp(link);
    const rsa = pairArgs({ type: 1, curve: 0, bits: 2048, exponent: Buffer.from([1, 0, 1]) });
    const creating = link.call('KEY_PAIR_CREATE', USER, rsa);
    await link.call('GET_VERSION', 0, {});
    const code = await link.kill('SIGTERM');
    assert.equal(code, 0);
    const { privateKey } = await creating;
    const again = await device.start();
    await logIn(again);
    assert.deepEqual((await allKeys(again)).get(Buffer.from(privateKey.name).toString('hex')), privateKey);
  });

  test('ends in good order while a wrong PIN waits for its answer', async () => {
    await using device = await DeviceUnderTest.create();
    const link = await device.start('--pin-delay-ms', '60000');
    const unanswered = assert.rejects(link.call('LOGIN', 1, { user: 3, pin: Buffer.from('wrong-pin') }));
    // The failure is counted when the delay begins.
    while (!link.stderr.includes('wrong PIN for wheel')) await once(link.child.stderr as Readable, 'data');
    assert.equal(await link.kill('SIGTERM'), 0);
    await unanswered;
  });

  test('leaves interrupts to the daemon', async () => {
    await using device = await DeviceUnderTest.create();
    const link = await device.start();
    link.child.kill('SIGINT');
    link.child.kill('SIGHUP');
    await link.call('GET_VERSION', 0, {});
  });

  test('keeps its files to itself', async () => {
    await using device = await DeviceUnderTest.create();
    await device.start();
    const folder = join(device.state, 'device-0');
    assert.equal(statSync(folder).mode & 0o777, 0o700);
    assert.equal(statSync(join(folder, 'keystore.db')).mode & 0o777, 0o600);
  });

  test('a full disk refuses new keys with a line that says what to do; old keys work on', async () => {
    await using device = await DeviceUnderTest.create();
    const link = await device.start('--max-store-bytes', '100000');
    await setUp(link);
    const { privateKey } = await link.call('KEY_PAIR_CREATE', USER, pairArgs());
    const attributes = [{ type: 3, value: Buffer.alloc(30_000) }];
    let made = 1;
    await assert.rejects(async () => {
      for (;;) {
        await link.call('KEY_PAIR_CREATE', USER, pairArgs({ attributes }));
        made += 1;
      }
    }, status('NO_KEY_INDEX_SLOTS'));
    await sign(link, privateKey.key);
    assert.equal((await link.call('DEVICE_STATUS', 0, {})).tokenKeys, 2 * made);
    assert.match(link.stderr, /ERROR: KEY_PAIR_CREATE: .*full: free some space/);
  });

  test('wrong options and a store in use end it with a reason', async () => {
    await using device = await DeviceUnderTest.create();
    for (const [option, value, reason] of [
      ['--epoch', '00', /--epoch takes 32/],
      ['--index', 'x', /--index takes a number/],
      ['--log-level', 'loud', /--log-level takes/],
      ['--nonsense', '1', /--nonsense/],
    ] as const) {
      const link = device.launch(option, value);
      await link.rawReplies(1);
      await link.close();
      assert.match(link.stderr, reason);
      assert.equal(link.child.exitCode, 1);
    }
  });
});
