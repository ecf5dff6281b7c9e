import assert from 'node:assert/strict';
import { type Duplex } from 'node:stream';
import { test } from 'node:test';
import { BoardLink } from '#src/board/board-link.ts';
import { streamPair } from '#src/board/stream-pair.ts';
import { encodeError, encodeReply, readHeader } from '#src/wire/message.ts';
import { encodeFrame, SlipDecoder } from '#src/wire/slip.ts';
import { HalError, HalStatus } from '#src/wire/status.ts';
import { until } from '../processes.ts';

/** A link to a scripted board: requests as they arrive, replies as the test wants. */
function scripted(): { link: BoardLink; far: Duplex; requests: { code: number; client: number }[]; raw: number[] } {
  const [near, far] = streamPair();
  const requests: { code: number; client: number }[] = [];
  const raw: number[] = [];
  const decoder = new SlipDecoder(1 << 20);
  far.on('data', (chunk: Uint8Array) => {
    raw.push(...chunk);
    decoder.push(chunk, (frame) => requests.push(readHeader(frame) as { code: number; client: number }));
  });
  return { link: new BoardLink(near), far, requests, raw };
}

const status = (name: keyof typeof HalStatus) => (error: unknown) =>
  error instanceof HalError && error.status === HalStatus[name];

test('at most four requests are under way, and one of each client', async () => {
  const { link, far, requests } = scripted();
  const done: number[] = [];
  for (const client of [1, 1, 2, 3, 4, 5]) {
    void link.call('PKEY_CLOSE', client, { pkey: 1 }, 5000).then(() => done.push(client));
  }
  await until(() => requests.length === 4);
  assert.deepEqual(
    requests.map(({ client }) => client),
    [1, 2, 3, 4],
  );
  far.write(encodeFrame(encodeReply('PKEY_CLOSE', 3, {})));
  await until(() => requests.length === 5);
  assert.equal(requests[4]?.client, 5);
  far.write(encodeFrame(encodeReply('PKEY_CLOSE', 1, {})));
  await until(() => requests.length === 6);
  assert.equal(requests[5]?.client, 1);
  for (const client of [5, 4, 2, 1]) far.write(encodeFrame(encodeReply('PKEY_CLOSE', client, {})));
  await until(() => done.length === 6);
  link.close('done');
});

test('noise, late replies and replies to other functions are ignored; errors keep their status', async () => {
  const { link, far } = scripted();
  const answer = link.call('PKEY_OPEN', 9, { session: 0, uuid: new Uint8Array(16) }, 5000);
  far.write(Uint8Array.of(0x15, 0x0d, 0x0a, 0xdb, 0xc0, 1, 2, 3, 0xc0));
  far.write(encodeFrame(encodeReply('PKEY_OPEN', 8, { pkey: 1 })));
  far.write(encodeFrame(encodeReply('PKEY_GET_KEY_TYPE', 9, { type: 1 })));
  far.write(encodeFrame(encodeError(14, 9, HalStatus.KEY_NOT_FOUND)));
  await assert.rejects(answer, status('KEY_NOT_FOUND'));
  const truncated = link.call('PKEY_OPEN', 9, { session: 0, uuid: new Uint8Array(16) }, 5000);
  far.write(encodeFrame(encodeReply('PKEY_OPEN', 9, { pkey: 1 }).slice(0, 14)));
  await assert.rejects(truncated, { name: 'WireError' });
  link.close('done');
});

test('a request that takes too long ends the link with an END, and names who may still get a reply', async () => {
  const { link, raw } = scripted();
  const slow = assert.rejects(link.call('GET_VERSION', 7, {}, 30), status('IO_TIMEOUT'));
  const other = assert.rejects(link.call('PKEY_CLOSE', 8, { pkey: 1 }, 5000), status('IO_TIMEOUT'));
  await Promise.all([slow, other]);
  const { reason, unanswered } = await link.closed;
  assert.match(reason, /in time/);
  assert.deepEqual([...unanswered], [7, 8]);
  await until(() => raw.at(-1) === 0xc0 && raw.at(-2) === 0xc0);
  await assert.rejects(link.call('GET_VERSION', 7, {}, 30), status('IO_TIMEOUT'));
});

test('a request beyond the message buffer of a board is not sent: it would be cut', async () => {
  const { link, requests } = scripted();
  const attributes = [{ type: 3, value: new Uint8Array(16_384) }];
  await assert.rejects(
    link.call('PKEY_SET_ATTRIBUTES', 1, { pkey: 1, attributes }, 1000),
    status('RPC_PACKET_OVERFLOW'),
  );
  link.close('done');
  assert.deepEqual(requests, []);
});

test('the end of the line fails everything', async () => {
  const { link, far } = scripted();
  const answer = assert.rejects(link.call('GET_VERSION', 1, {}, 5000), status('IO_TIMEOUT'));
  far.destroy();
  await answer;
  assert.deepEqual([...(await link.closed).unanswered], [1]);
});
