import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeSync } from 'node:fs';
import { connect as connectTcp, type Socket } from 'node:net';
import { after, before, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { encodeRequest, readStatus } from '#src/wire/message.ts';
import { encodeFrame } from '#src/wire/slip.ts';
import { HalStatus } from '#src/wire/status.ts';
import { type Appliance, startAppliance } from '../appliance.ts';
import { RpcClient } from './rpc-client.ts';

let appliance: Appliance;
before(async () => {
  appliance = await startAppliance({ devices: 1 });
  await appliance.setUp();
});
after(() => appliance.stop());

async function tcp(): Promise<Socket> {
  const socket = connectTcp({ host: '127.0.0.1', port: appliance.rpcPort });
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

const VERSION_REQUEST = encodeRequest('GET_VERSION', 0x12_34_56_78, {});
const VERSION_REPLY = '00000000123456780000000001010100';

test('vendor clients get TLS 1.2, ours TLS 1.3; an older version is refused', async () => {
  const vendor = await RpcClient.vendor(appliance.rpcPort);
  assert.equal(vendor.socket.getProtocol(), 'TLSv1.2');
  assert.equal(vendor.socket.getCipher().name, 'ECDHE-RSA-AES128-GCM-SHA256');
  const own = await RpcClient.own(appliance.rpcPort);
  assert.equal(own.socket.getProtocol(), 'TLSv1.3');
  assert.equal(own.socket.alpnProtocol, 'dks-rpc/1');
  await assert.rejects(
    RpcClient.connect(appliance.rpcPort, { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'ALL@SECLEVEL=0' }),
  );
  await Promise.all([vendor.close(), own.close()]);
});

test('a reply has two leading ENDs and is exact to the byte', async () => {
  const client = await RpcClient.vendor(appliance.rpcPort);
  await client.exchange(VERSION_REQUEST);
  assert.equal(Buffer.concat(client.received).toString('hex'), `c0c0${VERSION_REPLY}c0`);
  await client.close();
});

test('our own clients get one leading END', async () => {
  const client = await RpcClient.own(appliance.rpcPort);
  client.received = [];
  await client.exchange(VERSION_REQUEST);
  assert.equal(Buffer.concat(client.received).toString('hex'), `c0${VERSION_REPLY}c0`);
  await client.close();
});

test('a client that writes one byte per record is nudged and answered', async () => {
  const client = await RpcClient.vendor(appliance.rpcPort);
  // As the vendor's client: Nagle's algorithm waits for acknowledgements.
  client.socket.setNoDelay(false);
  for (let i = 0; i < 5; i++) {
    const reply = client.replyTo(0x12_34_56_78);
    for (const byte of encodeFrame(VERSION_REQUEST)) client.socket.write(Uint8Array.of(byte));
    assert.equal(Buffer.from(await reply).toString('hex'), VERSION_REPLY);
  }
  client.received = [];
  client.socket.write(encodeFrame(VERSION_REQUEST).subarray(0, 6));
  await once(client.socket, 'data');
  assert.equal(Buffer.concat(client.received).toString('hex'), 'c0');
  await client.close();
});

test('several frames in one record, shared ENDs, noise and short frames', async () => {
  const client = await RpcClient.vendor(appliance.rpcPort);
  const replies = [1, 2, 3].map((word) => client.replyTo(word));
  const frames = [1, 2, 3].map((word) => encodeRequest('IS_LOGGED_IN', word, { user: 1 }));
  const END = Uint8Array.of(0xc0);
  const noise = Uint8Array.of(0xdb, 1, 2, 0xc0);
  client.socket.write(Buffer.concat([noise, END, ...frames.flatMap((frame) => [frame, END])]));
  for (const reply of await Promise.all(replies)) {
    assert.equal(reply.length, 12);
    assert.equal(readStatus(reply), HalStatus.FORBIDDEN);
  }
  await client.close();
});

test('vendor requests are answered strictly in order, also behind a slow one', async () => {
  const client = await RpcClient.vendor(appliance.rpcPort);
  const order: number[] = [];
  const words = [1, 2, 3, 4];
  const replies = words.map((word) => client.replyTo(word).then(() => order.push(word)));
  const pin = new TextEncoder().encode('wrong-pin');
  client.socket.write(
    Buffer.concat([
      encodeFrame(encodeRequest('LOGIN', 1, { user: 1, pin })),
      encodeFrame(encodeRequest('GET_VERSION', 2, {})),
      // Too long to be looked at, but its error comes in its turn.
      encodeFrame(
        Buffer.concat([encodeRequest('HASH_UPDATE', 3, { hash: 1, data: new Uint8Array(65_500) }), Buffer.alloc(100)]),
      ),
      encodeFrame(encodeRequest('GET_VERSION', 4, {})),
    ]),
  );
  await Promise.all(replies);
  assert.deepEqual(order, words);
  await client.close();
});

test('requests of our own clients do not wait for each other', async () => {
  const client = await RpcClient.own(appliance.rpcPort);
  const order: string[] = [];
  await Promise.all([
    client.login('wrong-pin').catch(() => order.push('login')),
    client.call('GET_VERSION', {}).then(() => order.push('version')),
  ]);
  assert.deepEqual(order, ['version', 'login']);
  await client.close();
});

test('an oversize frame is answered with RPC_PACKET_OVERFLOW and the connection goes on', async () => {
  const client = await RpcClient.vendor(appliance.rpcPort);
  const tooLong = Buffer.concat([
    encodeRequest('HASH_UPDATE', 7, { hash: 1, data: new Uint8Array(0) }),
    Buffer.alloc(70_000),
  ]);
  assert.equal(readStatus(await client.exchange(tooLong)), HalStatus.RPC_PACKET_OVERFLOW);
  assert.equal(await client.status('GET_VERSION', {}), HalStatus.OK);
  await client.close();
});

test('unknown functions, device functions, truncated arguments: always an answer', async () => {
  const client = await RpcClient.vendor(appliance.rpcPort);
  const message = (code: number): Uint8Array => Uint8Array.of(0, 0, code >> 8, code & 0xff, 0, 0, 0, code & 0x7f);
  for (const code of [32, 65, 67, 1978, 1986, 0x1100, 0x1115, 0x1200]) {
    assert.equal(readStatus(await client.exchange(message(code))), HalStatus.RPC_BAD_FUNCTION, `function ${code}`);
  }
  for (const code of [
    1, 2, 3, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31,
  ]) {
    assert.equal(readStatus(await client.exchange(message(code))), HalStatus.XDR_BUFFER_OVERFLOW, `function ${code}`);
  }
  // Our own functions need HELLO first.
  assert.equal(readStatus(await client.exchange(message(0x1001))), HalStatus.RPC_PROTOCOL_ERROR);
  await client.close();
});

test('garbage instead of TLS ends the connection and only that one', async () => {
  for (const bytes of ['GET / HTTP/1.1\r\n\r\n', '\xc0\x00\x00\x00\x00', '\x16\x03\x01\x40\x01']) {
    const socket = await tcp();
    socket.write(Buffer.from(bytes, 'latin1'));
    await once(socket, 'close');
  }
  // A ClientHello that TLS itself refuses.
  const socket = await tcp();
  socket.resume();
  socket.write(Buffer.from('16030100300100002c0303' + '00'.repeat(32) + '00000200000100000100', 'hex'));
  await once(socket, 'close');
  const client = await RpcClient.vendor(appliance.rpcPort);
  assert.equal(await client.status('GET_VERSION', {}), HalStatus.OK);
  await client.close();
});

test('half-closed sockets and clients that end TLS but not TCP are let go', async () => {
  const silent = await tcp();
  silent.end();
  silent.resume();
  await once(silent, 'close');

  const raw = await tcp();
  const secure = connectTls({ socket: raw, rejectUnauthorized: false });
  await once(secure, 'secureConnect');
  const ended = once(raw, 'close');
  // close_notify only, as the vendor's library does.
  secure.end();
  await ended;
});

test('the handshake may come late, but only so many may wait', async () => {
  const sockets: Socket[] = [];
  for (let i = 0; i < 257; i++) sockets.push(await tcp());
  const [oldest, second] = sockets as [Socket, Socket];
  if (!oldest.closed) {
    oldest.resume();
    await once(oldest, 'close');
  }
  const secure = connectTls({ socket: second, rejectUnauthorized: false });
  await once(secure, 'secureConnect');
  secure.destroy();
  for (const socket of sockets) socket.destroy();
});

test('a client that does not read is not read from, and does not hold up others', async () => {
  const client = await RpcClient.own(appliance.rpcPort);
  client.socket.pause();
  const request = encodeFrame(encodeRequest('GET_RANDOM', 1, { length: 16_000 }));
  let accepted = 0;
  // Far more replies than fit the buffers in between.
  while (accepted < 4000 && client.socket.writableLength < 256 * 1024) {
    client.socket.write(request);
    if (++accepted % 100 === 0) await new Promise(setImmediate);
  }
  const other = await RpcClient.vendor(appliance.rpcPort);
  assert.equal(await other.status('GET_VERSION', {}), HalStatus.OK);
  await other.close();
  await client.close();
});

test('a record that does not decrypt ends the connection, and its login with it', async () => {
  const raw = await tcp();
  const secure = connectTls({ socket: raw, rejectUnauthorized: false });
  secure.on('error', () => {});
  await once(secure, 'secureConnect');
  // The client hears of its mistake but leaves the connection open, as a hostile one would.
  raw.removeAllListeners('end');
  const { fd } = (raw as unknown as { _handle: { fd: number } })._handle;
  writeSync(fd, Buffer.concat([Buffer.from([23, 3, 3, 0, 40]), Buffer.alloc(40, 7)]));
  await once(raw, 'close');
});
