/**
 * The RPC port without cryptography behind it: time of a call of a client that writes byte by byte, calls per second of one
 * that writes whole frames, memory of a connection that does nothing. Prints medians.
 *
 *   node bench/transport.ts [--connections 1000] [--calls 2000]
 */

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect as connectTcp } from 'node:net';
import { connect } from 'node:tls';
import { parseArgs } from 'node:util';
import { type Appliance, startAppliance } from '#test/appliance.ts';
import { RpcClient } from '#test/rpc/rpc-client.ts';
import { VendorClient } from '#test/rpc/vendor-client.ts';

const IS_LOGGED_IN = 6;
const IN_FLIGHT = 64;
/** Handshakes at a time; the appliance limits those that are not finished. */
const HANDSHAKES = 16;

const { values } = parseArgs({
  options: {
    connections: { type: 'string', default: '1000' },
    calls: { type: 'string', default: '2000' },
    // Set by this program for the process that holds the idle connections.
    idle: { type: 'string' },
    alpn: { type: 'string' },
    from: { type: 'string', default: '127.0.0.1' },
  },
});
const calls = Number(values.calls);
const connections = Number(values.connections);

function print(what: string, value: number, unit: string): void {
  process.stdout.write(`${what.padEnd(58)} ${value.toFixed(value < 10 ? 3 : 0).padStart(8)} ${unit}\n`);
}

function median(samples: number[]): number {
  return samples.sort((a, b) => a - b)[samples.length >> 1] as number;
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

async function byteWise({ rpcPort }: Appliance, userPin: string): Promise<void> {
  const client = await VendorClient.overTls(rpcPort);
  await client.login(1, userPin);
  const samples: number[] = [];
  for (let i = 0; i < calls; i++) samples.push(await timed(() => client.ok(IS_LOGGED_IN, [1])));
  print('one TLS record per byte: median time of a call', median(samples), 'ms');
  print('one TLS record per byte: longest', Math.max(...samples), 'ms');
  await client.close();
}

async function wholeFrames({ rpcPort }: Appliance): Promise<void> {
  const vendor = await RpcClient.vendor(rpcPort);
  const own = await RpcClient.own(rpcPort);
  for (const round of [0, 1]) {
    const one = await timed(async () => {
      for (let i = 0; i < calls; i++) await vendor.call('GET_VERSION', {});
    });
    const many = await timed(() =>
      Promise.all(
        Array.from({ length: IN_FLIGHT }, async () => {
          for (let i = 0; i < calls; i += 8) await own.call('GET_VERSION', {});
        }),
      ),
    );
    // The first round warms up.
    if (round === 0) continue;
    print('whole frames, one call at a time', (1000 * calls) / one, 'calls/s');
    print(`whole frames, ${IN_FLIGHT} calls in flight`, (1000 * IN_FLIGHT * Math.ceil(calls / 8)) / many, 'calls/s');
  }
  await Promise.all([vendor.close(), own.close()]);
}

/** Opens connections, says so, and keeps them until the channel closes. */
async function beIdle(port: number, alpn: string | undefined, localAddress: string): Promise<void> {
  const open = async (): Promise<void> => {
    const ALPNProtocols = alpn === undefined ? [] : [alpn];
    const socket = connectTcp({ host: '127.0.0.1', port, localAddress });
    await once(socket, 'connect');
    await once(connect({ socket, rejectUnauthorized: false, ALPNProtocols }), 'secureConnect');
  };
  for (let made = 0; made < connections; made += HANDSHAKES) {
    await Promise.all(Array.from({ length: Math.min(HANDSHAKES, connections - made) }, open));
  }
  process.send?.('open');
  await once(process, 'disconnect');
  process.exit();
}

/** Resident memory, in bytes. */
function resident(pid: number): number {
  const [, kib] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1')) ?? [];
  return Number(kib) * 1024;
}

/** The difference between so many connections and twice as many: what the first ones made grow is in no later one. */
async function idle({ rpcPort, pid }: Appliance, alpn?: string): Promise<void> {
  const args = ['--idle', String(rpcPort), '--connections', String(connections)];
  if (alpn !== undefined) args.push('--alpn', alpn);
  const open = async (address: string) => {
    const client = fork(import.meta.filename, [...args, '--from', address]);
    await once(client, 'message');
    // The collector runs on its own; what handshakes left behind is not what a connection costs.
    await new Promise((resolve) => setTimeout(resolve, 3000));
    return client;
  };
  // Each address may have so many connections.
  const first = await open('127.0.0.2');
  const before = resident(pid);
  const second = await open('127.0.0.3');
  const cost = (resident(pid) - before) / connections / 1024;
  print(`memory per idle connection of ${connections}, ${alpn ?? 'vendor client'}`, cost, 'KiB');
  for (const client of [first, second]) {
    client.disconnect();
    await once(client, 'exit');
  }
}

if (values.idle !== undefined) await beIdle(Number(values.idle), values.alpn, values.from);

const appliance = await startAppliance();
try {
  const { userPin } = await appliance.setUp();
  await idle(appliance);
  await byteWise(appliance, userPin);
  await wholeFrames(appliance);
} finally {
  await appliance.stop();
}
const second = await startAppliance();
try {
  await second.setUp();
  await idle(second, 'dks-rpc/1');
} finally {
  await second.stop();
}
