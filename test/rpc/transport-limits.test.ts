import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect as connectTcp, type Socket } from 'node:net';
import { after, before, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { Duplex } from 'node:stream';
import { encodeRequest, readStatus } from '#src/wire/message.ts';
import { encodeFrame } from '#src/wire/slip.ts';
import { HalStatus } from '#src/wire/status.ts';
import { type Appliance, startAppliance } from '../appliance.ts';
import { RpcClient } from './rpc-client.ts';
import { VendorClient } from './vendor-client.ts';

const MIB = 1024 * 1024;
/** Memory of the daemon is given back late; what a client could cause without limits is a multiple of this. */
const MOST_GROWTH = 32 * MIB;

let appliance: Appliance;
let userPin: string;
before(async () => {
  appliance = await startAppliance({ devices: 1, pinDelayMs: 3000 });
  ({ userPin } = await appliance.setUp());
});
after(() => appliance.stop());

function resident(): number {
  const [, kib] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${appliance.pid}/status`, 'latin1')) ?? [];
  return Number(kib) * 1024;
}

/** The daemon has seen what was sent before: it answers others. */
async function turn(): Promise<void> {
  const other = await RpcClient.vendor(appliance.rpcPort);
  for (let i = 0; i < 20; i++) await other.call('GET_VERSION', {});
  await other.close();
}

test('long replies to a client that does not read wait in the client, not in the daemon', async () => {
  for (const connect of [RpcClient.vendor, RpcClient.own]) {
    const client = await connect(appliance.rpcPort);
    const COUNT = 5000;
    let answered = 0;
    const replies = Array.from({ length: COUNT }, () => client.replyTo(7).then(() => answered++));
    await turn();
    const before = resident();
    client.socket.pause();
    // 100 KiB of requests for 80 MiB.
    const request = encodeFrame(encodeRequest('GET_RANDOM', 7, { length: 16_000 }));
    client.socket.write(Buffer.concat(Array<Uint8Array>(COUNT).fill(request)));
    await turn();
    const growth = resident() - before;
    assert.ok(growth < MOST_GROWTH, `${growth} bytes`);
    assert.equal(answered, 0);
    // They are not lost.
    client.socket.resume();
    await Promise.all(replies);
    assert.equal(answered, COUNT);
    await client.close();
  }
});

test('requests behind a slow one are not taken in without limit', async () => {
  const client = await RpcClient.vendor(appliance.rpcPort);
  await turn();
  const before = resident();
  const slow = client.replyTo(1);
  client.socket.write(encodeFrame(encodeRequest('LOGIN', 1, { user: 1, pin: Buffer.from('wrong pin') })));
  const update = encodeFrame(encodeRequest('HASH_UPDATE', 2, { hash: 1, data: new Uint8Array(60_000) }));
  const COUNT = 1500;
  const replies = Array.from({ length: COUNT }, () => client.replyTo(2));
  for (let i = 0; i < COUNT; i++) client.socket.write(update);
  // What it takes in at all it has taken in when its memory stops growing.
  let last = 0;
  while (resident() - last > MIB) {
    last = resident();
    for (let i = 0; i < 8; i++) await turn();
  }
  const growth = resident() - before;
  assert.ok(growth < MOST_GROWTH, `${growth} bytes`);
  assert.equal(readStatus(await slow), HalStatus.PIN_INCORRECT);
  for (const reply of await Promise.all(replies)) assert.equal(readStatus(reply), HalStatus.BAD_ARGUMENTS);
  await client.close();
});

test('a frame without end takes no more than the longest message', async () => {
  const client = await RpcClient.vendor(appliance.rpcPort);
  await turn();
  const before = resident();
  const piece = Buffer.alloc(MIB, 0x55);
  client.socket.write(
    encodeFrame(encodeRequest('HASH_UPDATE', 5, { hash: 1, data: new Uint8Array(0) })).subarray(0, -1),
  );
  for (let i = 0; i < 100; i++) {
    if (!client.socket.write(piece)) await once(client.socket, 'drain');
  }
  const growth = resident() - before;
  assert.ok(growth < MOST_GROWTH, `${growth} bytes`);
  const reply = client.replyTo(5);
  client.socket.write(Buffer.of(0xc0));
  assert.equal(readStatus(await reply), HalStatus.RPC_PACKET_OVERFLOW);
  assert.equal(await client.status('GET_VERSION', {}), HalStatus.OK);
  await client.close();
});

test('stray ENDs are no requests and get no replies', async () => {
  const client = await RpcClient.vendor(appliance.rpcPort);
  for (let i = 0; i < 100; i++) client.socket.write(Buffer.alloc(1 + (i % 7), 0xc0));
  client.socket.write(Buffer.alloc(200_000, 0xc0));
  const reply = await client.exchange(encodeRequest('GET_VERSION', 3, {}));
  assert.equal(reply.length, 16);
  const extra = Buffer.concat(client.received).filter((byte) => byte === 0xc0).length;
  // Three belong to the reply; a nudge per read at most.
  assert.ok(extra < 3 + 110, `${extra} ENDs`);
  await client.close();
});

/** A stream over a socket that sends one byte at a time, and nothing until it is told to. */
function trickle(socket: Socket, mayGo: Promise<void>): Duplex {
  const stream = new Duplex({
    read() {},
    async write(chunk: Uint8Array, _encoding, done) {
      await mayGo;
      for (const byte of chunk) {
        socket.write(Uint8Array.of(byte));
        await new Promise(setImmediate);
      }
      done();
    },
  });
  socket.on('data', (chunk) => stream.push(chunk));
  socket.on('close', () => stream.push(null));
  return stream;
}

test('a handshake that comes late and byte by byte is a handshake', async () => {
  const tcp = connectTcp(appliance.rpcPort, '127.0.0.1');
  tcp.setNoDelay(true);
  await once(tcp, 'connect');
  const { promise, resolve } = Promise.withResolvers<void>();
  const tls = connectTls({ socket: trickle(tcp, promise), rejectUnauthorized: false });
  await turn();
  resolve();
  await once(tls, 'secureConnect');
  assert.equal(tls.getProtocol(), 'TLSv1.2');
  const client = new VendorClient(tls);
  assert.equal((await client.ok(0)).word(), 0x0101_0100);
  await client.close();
  tcp.destroy();
});

test('the vendor way of talking: byte by byte, exact buffers, function codes', async () => {
  const client = await VendorClient.overTls(appliance.rpcPort);
  await client.login(1, userPin);
  const made = await client.ok(16, [0, 1, 0x01]);
  const pkey = made.word();
  assert.equal(made.opaque().length, 16);
  const length = (await client.ok(21, [pkey])).word();
  // The receive buffer has exactly the size of the reply.
  const { status, results } = await client.call(22, [pkey, length], 12 + 4 + 4 * Math.ceil(length / 4));
  assert.equal(status, 0);
  assert.equal(results.opaque().length, length);
  assert.ok(results.isAtEnd);
  assert.equal((await client.call(24, [pkey, 0, Buffer.alloc(32, 1), Buffer.alloc(64, 1)], 12)).status, 17);
  assert.equal((await client.call(17, [pkey], 12)).status, 0);
  assert.equal((await client.call(17, [pkey], 12)).status, 21);
  assert.equal(client.excess, 0, 'no reply is longer than the vendor expects');
  assert.ok(client.loneEnds > 0, 'nudged');
  await client.close();
});

test('an idle connection works after others have come and gone', async () => {
  const idle = await VendorClient.overTls(appliance.rpcPort);
  await idle.login(1, userPin);
  for (let i = 0; i < 5; i++) await turn();
  await idle.ok(6, [1]);
  await idle.close();
});
