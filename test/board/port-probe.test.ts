import assert from 'node:assert/strict';
import { test } from 'node:test';
import { kindOf, probePort } from '#src/board/port-probe.ts';
import { streamPair } from '#src/board/stream-pair.ts';

const REPLY = Buffer.from('c000000000000000000000000001010100c0', 'hex');

/** A port that answers once with these chunks; what was written to it afterwards. */
async function probe(...answer: (string | Uint8Array)[]): Promise<{ kind: string; asked: string; after: string }> {
  const [near, far] = streamPair();
  let written = Buffer.alloc(0);
  let asked = '';
  far.on('data', (chunk: Buffer) => {
    written = Buffer.concat([written, chunk]);
    if (asked !== '') return;
    asked = chunk.toString('hex');
    written = Buffer.alloc(0);
    for (const part of answer) far.write(part);
  });
  const kind = await probePort(near, 50);
  await new Promise((resolve) => setImmediate(resolve));
  near.destroy();
  return { kind, asked, after: written.toString('hex') };
}

test('the RPC port answers GET_VERSION; an END cleans up behind the question', async () => {
  const { kind, asked, after } = await probe(REPLY.subarray(0, 5), REPLY.subarray(5));
  assert.deepEqual([kind, after], ['rpc', 'c0']);
  assert.equal(asked, 'c015c00000000000000000c0150d');
});

test('leftovers before and after the answer do no harm', async () => {
  assert.equal((await probe('\xff\x00late', REPLY, Buffer.from('c0'))).kind, 'rpc');
});

test('the console port is known by its prompts, and its input line is emptied', async () => {
  for (const prompt of ['\r\nUsername: ', '\r\nPassword: ', '\r\ncryptech> ']) {
    const { kind, after } = await probe(prompt);
    assert.deepEqual([kind, after], ['console', '15']);
  }
});

test('a port that says nothing, and one that says something else', async () => {
  assert.equal((await probe()).kind, 'nothing');
  assert.equal((await probe('AT\r\nOK\r\n')).kind, 'unknown');
  // A reply, but with an error status; or the reply of a client other than 0.
  assert.equal(kindOf(Buffer.from('c000000000000000000000001ec0', 'hex')), 'unknown');
  assert.equal(kindOf(Buffer.from('c000000000000000010000000001010100c0', 'hex')), 'unknown');
});

test('a port that is gone is nothing', async () => {
  const [near, far] = streamPair();
  far.destroy();
  assert.equal(await probePort(near, 5000), 'nothing');
});
