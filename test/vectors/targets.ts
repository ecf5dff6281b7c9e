/** What recorded calls are replayed against: a device process over its link, or an appliance over TLS 1.2. */

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { holder } from '#src/daemon/holder.ts';
import { encodeRequest, HEADER_SIZE, setClient } from '#src/wire/message.ts';
import { encodeFrame } from '#src/wire/slip.ts';
import { HalError, HalStatus } from '#src/wire/status.ts';
import { type Appliance, FACTORY_PIN, firstLogin, startAppliance } from '../appliance.ts';
import { ConsoleTerminal } from '../console-terminal.ts';
import { DeviceUnderTest } from '../device/device-under-test.ts';
import { RpcClient } from '../rpc/rpc-client.ts';
import { type Target } from './replay.ts';

export const TARGETS = ['device', 'strict device', 'appliance', 'strict appliance'] as const;
export type TargetName = (typeof TARGETS)[number];

export interface LiveTarget extends Target, AsyncDisposable {}

/** As new from the factory; the master key is set unless the recording was made without. */
export function openTarget(name: TargetName, hasMasterKey: boolean): Promise<LiveTarget> {
  const strict = name.startsWith('strict ');
  return name.endsWith('device') ? openDevice(strict, hasMasterKey) : openAppliance(strict, hasMasterKey);
}

/** Connections of the recording get numbers from here on. */
const FIRST_CONNECTION = 0x100;
const SENTINEL = 0x7fff_0000;

async function openDevice(strict: boolean, hasMasterKey: boolean): Promise<LiveTarget> {
  const stack = new AsyncDisposableStack();
  const device = stack.use(await DeviceUnderTest.create());
  // The recorded device serves ten clients, and session keys without login.
  const link = await device.start(
    '--max-logins',
    '11',
    '--public-session-keys',
    ...(strict ? ['--strict-vendor'] : []),
  );
  if (hasMasterKey) {
    const ADMIN = 1;
    await link.call('LOGIN', ADMIN, { user: 3, pin: Buffer.from(FACTORY_PIN) });
    await link.call('MASTERKEY_SET', ADMIN, { key: new Uint8Array(0) });
    await link.call('LOGOUT', ADMIN, {});
  }
  const numbers = new Map<string, number>();
  return {
    async exchange(connection, request) {
      if (request.length < HEADER_SIZE) {
        link.write(encodeFrame(request));
        link.write(encodeFrame(encodeRequest('GET_VERSION', SENTINEL, {})));
        const [first] = await link.rawReplies(1);
        return first && new DataView(first.buffer, first.byteOffset).getUint32(4) === SENTINEL ? undefined : first;
      }
      const number = numbers.get(connection) ?? FIRST_CONNECTION + numbers.size;
      numbers.set(connection, number);
      // On this link the client word is the connection.
      const sent = request.slice();
      setClient(sent, number);
      const reply = await link.exchange(number, sent);
      if (new DataView(reply.buffer, reply.byteOffset).getUint32(4) !== number)
        throw new HalError('RPC_PROTOCOL_ERROR');
      reply.set(request.subarray(4, 8), 4);
      return reply;
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

async function openAppliance(strict: boolean, hasMasterKey: boolean): Promise<LiveTarget> {
  const state = await mkdtemp(join(tmpdir(), 'dks-replay-'));
  await writeFile(join(state, 'settings.json'), JSON.stringify({ strictVendor: strict, ENABLE_KEY_EXPORT: true }));
  const appliance = await startAppliance({ state, pinDelayMs: 1 });
  if (hasMasterKey) await setMasterKey(appliance);
  const clients = new Map<string, RpcClient>();
  return {
    async exchange(connection, request) {
      const client = clients.get(connection) ?? (await RpcClient.connect(appliance.rpcPort, { maxVersion: 'TLSv1.2' }));
      clients.set(connection, client);
      if (request.length < HEADER_SIZE) {
        client.socket.write(encodeFrame(request));
        const [next] = [await client.exchange(encodeRequest('GET_VERSION', SENTINEL, {}))];
        return next.length === 16 ? undefined : next;
      }
      if (client.socket.destroyed) return undefined;
      return client.exchange(request).catch((error: unknown) => {
        if (error instanceof HalError && error.status === HalStatus.RPC_TRANSPORT) return undefined;
        throw error;
      });
    },
    async [Symbol.asyncDispose]() {
      for (const client of clients.values()) await client.close();
      await appliance.halt();
      await holder.end(join(state, 'run', 'mkm.sock')).catch(() => {});
      await rm(state, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
    },
  };
}

/** First login and a random master key; PINs stay those of the factory. */
async function setMasterKey(appliance: Appliance): Promise<void> {
  const terminal = await ConsoleTerminal.open(appliance.consolePort);
  try {
    await firstLogin(terminal);
  } finally {
    await terminal.close();
  }
}
