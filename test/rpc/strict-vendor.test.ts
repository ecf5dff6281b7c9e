import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { DerWriter } from '#src/crypto/der.ts';
import { holder } from '#src/daemon/holder.ts';
import { encodeRequest, readHeader } from '#src/wire/message.ts';
import { NIL } from '#src/wire/schema.ts';
import { HalStatus, type HalStatusName } from '#src/wire/status.ts';
import { type Appliance, type Secrets, startAppliance } from '../appliance.ts';
import { until } from '../processes.ts';
import { RpcClient } from './rpc-client.ts';

const TOKEN_SIGN = 0x09;
const LABEL = 3;
const MISSING = 0x999;
/** The orders of P-256, P-384 and P-521 (NIST SP 800-186, 3.2.1). */
const ORDERS = [
  0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
  0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
  0x1fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409n,
] as const;

for (const strict of [false, true]) {
  /** What is expected with and without the setting. */
  const either = <T>(plain: T, vendor: T): T => (strict ? vendor : plain);

  describe(`strictVendor ${strict}`, () => {
    let state: string;
    let appliance: Appliance;
    let secrets: Secrets;
    let client: RpcClient;

    before(async () => {
      state = mkdtempSync(join(tmpdir(), 'dks-strict-'));
      writeFileSync(join(state, 'settings.json'), JSON.stringify({ strictVendor: strict }));
      appliance = await startAppliance({ state });
      secrets = await appliance.setUp();
      client = await login();
    });
    after(async () => {
      await client.close();
      await appliance.halt();
      await holder.end(join(state, 'run', 'mkm.sock')).catch(() => {});
      rmSync(state, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
    });

    async function login(): Promise<RpcClient> {
      const connected = await RpcClient.vendor(appliance.rpcPort);
      await connected.login(secrets.userPin);
      return connected;
    }

    async function answers(name: HalStatusName, calls: Promise<number>[]): Promise<void> {
      for (const status of await Promise.all(calls)) assert.equal(status, HalStatus[name]);
    }

    const newKey = (curve = 1) => client.call('PKEY_GENERATE_EC', { session: 0, curve, flags: TOKEN_SIGN });

    test('an unknown key handle', async () => {
      const pkey = 0x8012_3456;
      const digest = Buffer.alloc(32, 1);
      await answers(either('KEY_NOT_FOUND', 'BAD_ARGUMENTS'), [
        client.status('PKEY_CLOSE', { pkey }),
        client.status('PKEY_DELETE', { pkey }),
        client.status('PKEY_GET_KEY_TYPE', { pkey }),
        client.status('PKEY_GET_KEY_FLAGS', { pkey }),
        client.status('PKEY_GET_KEY_CURVE', { pkey }),
        client.status('PKEY_GET_PUBLIC_KEY', { pkey, derMax: 512 }),
        client.status('PKEY_SIGN', { pkey, hash: 0, input: digest, sigMax: 64 }),
        client.status('PKEY_VERIFY', { pkey, hash: 0, input: digest, signature: Buffer.alloc(64, 1) }),
        client.status('PKEY_SET_ATTRIBUTES', { pkey, attributes: [{ type: LABEL, value: digest }] }),
        client.status('PKEY_GET_ATTRIBUTES', { pkey, types: [LABEL], bufferLen: 9 }),
      ]);
      await answers(either('OK', 'BAD_ARGUMENTS'), [client.status('PKEY_GET_PUBLIC_KEY_LEN', { pkey })]);
    });

    test('a deleted key behind another handle is not found', async () => {
      const { pkey, uuid } = await newKey();
      const second = await client.call('PKEY_OPEN', { session: 0, uuid });
      await client.call('PKEY_DELETE', { pkey });
      await answers('KEY_NOT_FOUND', [client.status('PKEY_GET_KEY_TYPE', { pkey: second.pkey })]);
    });

    test('lengths of attributes that are missing, a key without any, an empty list', async () => {
      const { pkey } = await newKey();
      const lengths = { pkey, types: [LABEL, MISSING], bufferLen: 0 };
      await answers(either('OK', 'ATTRIBUTE_NOT_FOUND'), [client.status('PKEY_GET_ATTRIBUTES', lengths)]);
      await client.call('PKEY_SET_ATTRIBUTES', { pkey, attributes: [{ type: LABEL, value: Buffer.from('zsk') }] });
      const reply = await client.exchange(encodeRequest('PKEY_GET_ATTRIBUTES', 1, lengths));
      const word = (at: number) => Buffer.from(reply).readUInt32BE(at);
      assert.deepEqual([word(12), word(20), word(28)], [2, 3, either(NIL, 0)]);
      await answers('ATTRIBUTE_NOT_FOUND', [client.status('PKEY_GET_ATTRIBUTES', { ...lengths, bufferLen: 9 })]);
      const none = { pkey, types: [], bufferLen: 9 };
      await answers(either('OK', 'BAD_ARGUMENTS'), [client.status('PKEY_GET_ATTRIBUTES', none)]);
      await answers(either('OK', 'BAD_ARGUMENTS'), [client.status('PKEY_GET_ATTRIBUTES', { ...none, bufferLen: 0 })]);
    });

    test('a search for more than 818 keys', async () => {
      const search = { session: 0, type: 0, curve: 0, mask: 0, flags: 0, attributes: [], state: 0 };
      const status = (resultMax: number) =>
        client.status('PKEY_MATCH', { ...search, resultMax, previous: Buffer.alloc(16) });
      await answers('OK', [status(818)]);
      await answers(either('OK', 'RPC_PACKET_OVERFLOW'), [status(819), status(0xffff_ffff)]);
    });

    for (const [i, order] of ORDERS.entries()) {
      test(`ECDSA over a digest that is longer than the order, curve ${i + 1}`, async () => {
        const size = [32, 48, 66][i]!;
        const { pkey } = await newKey(i + 1);
        const { der } = await client.call('PKEY_GET_PUBLIC_KEY', { pkey, derMax: 512 });
        const spki = der.slice();
        // Seven times the order and a remainder of 31 octets: no signer cuts the remainder off.
        const remainder = Buffer.alloc(31, 0x5a);
        const digest = bytesOf(7n * order + BigInt(`0x${remainder.toString('hex')}`), size + 4);
        const sign = async (input: Uint8Array) => {
          const { signature } = await client.call('PKEY_SIGN', { pkey, hash: 0, input, sigMax: 2 * size });
          return signature.slice();
        };
        const signature = await sign(digest);
        assert.equal(opensslVerifies(spki, remainder, signature), strict, 'the whole digest modulo the order');
        // The program takes the leftmost bits, of no more than 64 octets.
        if (digest.length <= 64) assert.equal(opensslVerifies(spki, digest, signature), !strict, 'the leftmost bits');
        await client.call('PKEY_VERIFY', { pkey, hash: 0, input: digest, signature });
        const byRemainder = await sign(remainder);
        const verify = { pkey, hash: 0, input: digest, signature: byRemainder };
        await answers(either('INVALID_SIGNATURE', 'OK'), [client.status('PKEY_VERIFY', verify)]);
      });
    }

    test('our own clients sign by the standard in any case', async () => {
      const own = await RpcClient.own(appliance.rpcPort);
      await own.login(secrets.userPin);
      const yes = Uint8Array.of(1);
      const pair = await own.call('KEY_PAIR_GENERATE', {
        session: 1,
        request: crypto.getRandomValues(new Uint8Array(16)),
        mechanism: 0x1040,
        parameter: new Uint8Array(0),
        publicTemplate: [
          { type: 0x180, value: Uint8Array.fromHex('06082a8648ce3d030107') },
          { type: 0x10a, value: yes },
          { type: 1, value: yes },
        ],
        privateTemplate: [
          { type: 0x108, value: yes },
          { type: 1, value: yes },
        ],
      });
      const data = Buffer.alloc(48, 0x71);
      const object = pair.privateKey.object;
      const { signature } = await own.call('SIGN', { object, mechanism: 0x1041, parameter: new Uint8Array(0), data });
      const { pkey } = await client.call('PKEY_OPEN', { session: 0, uuid: object });
      const { der } = await client.call('PKEY_GET_PUBLIC_KEY', { pkey, derMax: 512 });
      assert.equal(opensslVerifies(der, data, signature), true);
      await own.close();
    });

    test('a locked appliance, seen by a connection that was accepted before it was unlocked', async () => {
      await client.close();
      await appliance.halt();
      appliance = await startAppliance({ state });
      const early = await RpcClient.vendor(appliance.rpcPort);
      const other = await RpcClient.vendor(appliance.rpcPort);
      const version = () => early.status('GET_VERSION', {});
      const closed = once(other.socket, 'close');
      if (strict) {
        const reply = await other.exchange(encodeRequest('GET_VERSION', 0x1234, {}));
        assert.deepEqual(readHeader(reply), { code: 0, client: 0x1234 });
        assert.equal(reply.at(-1), HalStatus.FORBIDDEN);
        await closed;
        const unknown = await RpcClient.vendor(appliance.rpcPort);
        const [status] = await Promise.all([
          unknown.status('PKEY_GET_KEY_TYPE', { pkey: 1 }),
          once(unknown.socket, 'close'),
        ]);
        assert.equal(status, HalStatus.FORBIDDEN);
      } else {
        await answers('OK', [version(), other.status('GET_VERSION', {})]);
        await answers('FORBIDDEN', [other.status('GET_RANDOM', { length: 1 })]);
      }
      await appliance.unlock();
      // The decision of the vendor's appliance was made at the accept, however long ago.
      await answers(either('OK', 'FORBIDDEN'), [version()]);
      if (strict) await once(early.socket, 'close');
      await Promise.all([early.close(), other.close()]);
      client = await login();
      await answers('OK', [client.status('GET_RANDOM', { length: 1 })]);
    });

    test('a connection that was accepted while the appliance served, when the master key is lost', async () => {
      const own = await RpcClient.own(appliance.rpcPort);
      await holder.end(join(state, 'run', 'mkm.sock'));
      await until(async () => (await own.call('TOKEN_INFO', {})).state !== 0);
      await answers(either('MASTERKEY_NOT_SET', 'OK'), [client.status('GET_RANDOM', { length: 1 })]);
      await answers(either('FORBIDDEN', 'OK'), [client.status('IS_LOGGED_IN', { user: 1 })]);
      const late = await RpcClient.vendor(appliance.rpcPort);
      await answers('MASTERKEY_NOT_SET', [late.status('GET_RANDOM', { length: 1 })]);
      if (strict) await once(late.socket, 'close');
      await Promise.all([late.close(), own.close()]);
    });
  });
}

function bytesOf(value: bigint, length: number): Buffer {
  return Buffer.from(value.toString(16).padStart(2 * length, '0'), 'hex');
}

/** An independent opinion on r||s over a digest. */
function opensslVerifies(spki: Uint8Array, digest: Uint8Array, signature: Uint8Array): boolean {
  const folder = mkdtempSync(join(tmpdir(), 'dks-verify-'));
  try {
    const file = (name: string, content: Uint8Array) => {
      const path = join(folder, name);
      writeFileSync(path, content);
      return path;
    };
    const half = signature.length / 2;
    const numbers = [signature.subarray(0, half), signature.subarray(half)].map((part) => DerWriter.unsigned(part));
    const args = ['pkeyutl', '-verify', '-pubin', '-keyform', 'DER', '-inkey', file('key', spki)];
    args.push('-in', file('digest', digest), '-sigfile', file('signature', DerWriter.sequence(...numbers)));
    const output = execFileSync('openssl', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    return output.includes('Verified Successfully');
  } catch {
    return false;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
