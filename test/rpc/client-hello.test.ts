import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { test } from 'node:test';
import { connect, type ConnectionOptions } from 'node:tls';
import fc from 'fast-check';
import { MAX_CLIENT_HELLO, parseClientHello } from '#src/rpc/client-hello.ts';

/** What a real TLS client sends first. */
async function record(options: ConnectionOptions): Promise<Uint8Array> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect({ host: '127.0.0.1', port: (server.address() as AddressInfo).port, ...options });
  client.on('error', () => {});
  const [socket] = (await once(server, 'connection')) as [import('node:net').Socket];
  const [bytes] = (await once(socket, 'data')) as [Uint8Array];
  client.destroy();
  socket.destroy();
  server.close();
  return bytes;
}

/** The handshake message spread over records of `size` bytes. */
function fragment(hello: Uint8Array, size: number): Uint8Array {
  const message = hello.subarray(5);
  const records: Uint8Array[] = [];
  for (let at = 0; at < message.length; at += size) {
    const part = message.subarray(at, at + size);
    records.push(Uint8Array.of(22, 3, 1, part.length >> 8, part.length & 0xff), part);
  }
  return Buffer.concat(records);
}

test('ALPN names of real clients are found, with any fragmentation', async () => {
  const ours = await record({ ALPNProtocols: ['h2', 'dks-rpc/1'], servername: 'dks-hsm' });
  const vendor = await record({ maxVersion: 'TLSv1.2' });
  assert.deepEqual(parseClientHello(ours), { kind: 'hello', alpn: ['h2', 'dks-rpc/1'] });
  assert.deepEqual(parseClientHello(vendor), { kind: 'hello', alpn: [] });
  for (const size of [1, 2, 7, 100]) {
    assert.deepEqual(parseClientHello(fragment(ours, size)), { kind: 'hello', alpn: ['h2', 'dks-rpc/1'] });
  }
  for (let length = 0; length < ours.length; length++) {
    assert.deepEqual(parseClientHello(ours.subarray(0, length)), { kind: 'more' }, `${length} bytes`);
  }
});

test('anything but a ClientHello is garbage', async () => {
  const hello = await record({});
  const cases: Record<string, Uint8Array> = {
    plaintext: Buffer.from('GET / HTTP/1.1\r\n\r\n'),
    slip: Uint8Array.of(0xc0, 0, 0, 0, 0),
    'other record type': hello.with(0, 23),
    'other protocol': hello.with(1, 2),
    'empty record': Uint8Array.of(22, 3, 1, 0, 0),
    'record too long': Uint8Array.of(22, 3, 1, 0x40, 1),
    ServerHello: hello.with(5, 2),
    'message too long': Uint8Array.of(22, 3, 1, 0x40, 0, 1, 1, 0, 0),
    'extensions longer than the message': hello.with(5 + 4 + 34, 255),
  };
  for (const [name, bytes] of Object.entries(cases)) assert.equal(parseClientHello(bytes).kind, 'garbage', name);
});

test('no input makes it fail or wait for ever', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => {
      parseClientHello(bytes);
      parseClientHello(Uint8Array.of(22, 3, 1, 2, 0, 1, 0, 1, 0xfc, ...bytes));
    }),
  );
  const endless = fragment(new Uint8Array(5 + 2 * MAX_CLIENT_HELLO + 100).fill(1), 1);
  assert.equal(parseClientHello(endless).kind, 'garbage');
});
