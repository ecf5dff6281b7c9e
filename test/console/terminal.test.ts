import assert from 'node:assert/strict';
import { Duplex } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { test } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { Terminal } from '#src/console/terminal.ts';

/** A client that takes nothing of what is written to it until it is told to. */
class StuckClient extends Duplex {
  readonly taken: Buffer[] = [];
  #release: (() => void) | undefined;
  #isStuck = true;

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.taken.push(chunk);
    if (this.#isStuck) this.#release = done;
    else done();
  }

  takeAll(): void {
    this.#isStuck = false;
    this.#release?.();
  }
}

const CHUNK = 65_536;
const CHUNKS = 32;
/** What may wait for a client: the limit, and what one chunk adds to it. */
const BOUND = 5 * CHUNK;

async function pushAll(client: StuckClient, chunk: Buffer): Promise<void> {
  for (let i = 0; i < CHUNKS; i++) {
    client.push(Buffer.from(chunk));
    await setImmediate();
  }
}

test('a client that types but does not read cannot fill the memory with echo', async () => {
  const client = new StuckClient();
  const terminal = new Terminal(client as unknown as TLSSocket);
  const line = terminal.readLine({ hidden: false, history: false });
  await pushAll(client, Buffer.alloc(CHUNK, 'A'));
  assert.ok(client.writableLength < BOUND, `${client.writableLength} bytes wait`);

  client.push(Buffer.from('\r'));
  client.takeAll();
  assert.equal((await line).length, 65_535);
  client.destroy();
});

test('the same for a client that only presses Enter', async () => {
  const client = new StuckClient();
  const terminal = new Terminal(client as unknown as TLSSocket);
  let lines = 0;
  const dialog = (async () => {
    for (;;) {
      terminal.print('Password: ');
      await terminal.readLine({ hidden: true, history: false });
      lines += 1;
    }
  })().catch(() => {});
  await pushAll(client, Buffer.alloc(CHUNK, '\r'));
  assert.ok(client.writableLength < BOUND, `${client.writableLength} bytes wait`);
  assert.ok(lines < CHUNK);
  client.destroy();
  await dialog;
});
