import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { after, before, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { createServerCertificate } from '#src/crypto/certificate.ts';
import { type RpcServer, startRpc } from '#src/rpc/server.ts';
import { encodeRequest } from '#src/wire/message.ts';
import { encodeFrame } from '#src/wire/slip.ts';
import { type InProcess, startInProcess, USER_PIN } from '../fuzz/in-process.ts';
import { until } from '../processes.ts';
import { RpcClient } from './rpc-client.ts';
import { VendorClient } from './vendor-client.ts';

const [HASH_INITIALIZE, GENERATE_RSA, GENERATE_EC] = [10, 15, 16] as const;
const PIN = USER_PIN.toString();
const VICTIM = fileURLToPath(new URL('vanishing-client.ts', import.meta.url));

let inProcess: InProcess;
let rpc: RpcServer;
before(async () => {
  inProcess = await startInProcess(2);
  const { fleet, token, log } = inProcess;
  const certificate = { commonName: 'dks-hsm', addresses: [], notBefore: new Date(), days: 1 };
  const tls = createServerCertificate(certificate);
  rpc = await startRpc({ host: '127.0.0.1', port: 0, tls, fleet, token, log });
});
after(async () => {
  await rpc.close();
  await inProcess.stop();
});

/** Logins, handles, digests and keys of all devices and of the appliance. */
function leftovers(): Record<string, number> {
  const { devices, fleet } = inProcess;
  const sum = (count: (device: (typeof devices)[number]) => number): number =>
    devices.reduce((total, device) => total + count(device), 0);
  return {
    connections: rpc.connections + [...fleet.connections].length,
    keys: fleet.keys.size,
    logins: sum(({ logins }) => logins.size),
    handles: sum(({ handles }) => handles.size),
    digests: sum(({ digests }) => digests.size),
    sessionKeys: sum(({ keys }) => keys.volatileKeys),
    tokenKeys: sum(({ keys }) => keys.tokenKeys),
  };
}

const NOTHING = { connections: 0, keys: 0, logins: 0, handles: 0, digests: 0, sessionKeys: 0, tokenKeys: 0 };

async function settled(): Promise<void> {
  await until(() => rpc.connections === 0 && [...inProcess.fleet.connections].length === 0);
  assert.deepEqual(leftovers(), NOTHING);
}

async function furnished(): Promise<VendorClient> {
  const client = await VendorClient.overTls(rpc.port);
  await client.login(1, PIN);
  for (let i = 0; i < 2; i++) await client.ok(GENERATE_EC, [0, 1, 0x01]);
  await client.ok(HASH_INITIALIZE, [0, 3, Buffer.from('key')]);
  const { connections, logins, sessionKeys } = leftovers();
  assert.deepEqual({ connections, logins, sessionKeys }, { connections: 2, logins: 2, sessionKeys: 2 });
  return client;
}

test('a client that is killed leaves nothing', async () => {
  const victim = fork(VICTIM, [String(rpc.port), PIN]);
  await once(victim, 'message');
  assert.equal(leftovers()['sessionKeys'], 3);
  victim.kill('SIGKILL');
  await settled();
});

test('a connection that is reset leaves nothing', async () => {
  const tcp = connectTcp(rpc.port, '127.0.0.1');
  const tls = connectTls({ socket: tcp, rejectUnauthorized: false });
  await once(tls, 'secureConnect');
  const client = new VendorClient(tls);
  await client.login(1, PIN);
  await client.ok(GENERATE_EC, [0, 1, 0x01]);
  tcp.resetAndDestroy();
  await settled();
});

test('a client that ends TLS, or just goes, leaves nothing', async () => {
  const finalized = await furnished();
  finalized.finalize();
  await settled();
  const gone = await furnished();
  gone.socket.destroy();
  await settled();
});

test('a key that is finished after its client went is destroyed', async () => {
  const client = await VendorClient.overTls(rpc.port);
  await client.login(1, PIN);
  const generation = client.call(GENERATE_RSA, [0, 2048, Buffer.of(1, 0, 1), 0x09]);
  generation.catch(() => {});
  await until(() => inProcess.fleet.outstanding > 0);
  client.socket.destroy();
  await settled();
});

test('a login that is decided after its client went is taken back', async () => {
  const client = await VendorClient.overTls(rpc.port);
  const login = client.call(3, [1, USER_PIN]);
  login.catch(() => {});
  await until(() => inProcess.fleet.outstanding > 0);
  client.socket.destroy();
  await settled();
});

test('a hundred clients that come and go, some in the middle of a request', async () => {
  for (let round = 0; round < 10; round++) {
    await Promise.all(
      Array.from({ length: 10 }, async (_, i) => {
        const client = await RpcClient.vendor(rpc.port);
        if (i === 0) await client.login(PIN);
        const frame = encodeFrame(encodeRequest('PKEY_GENERATE_EC', 1, { session: 0, curve: 1, flags: 1 }));
        client.socket.write(frame.subarray(0, i < 5 ? frame.length : 1 + i));
        await client.close();
      }),
    );
  }
  await settled();
  assert.deepEqual(inProcess.complaints, []);
});
