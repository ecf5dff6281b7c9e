import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { MkmClient } from '#src/mkm/client.ts';
import { ensureHolder } from '#src/mkm/holder-process.ts';
import { MasterKeyState } from '#src/wire/enumerations.ts';
import { encodeRequest, readStatus } from '#src/wire/message.ts';
import { encodeFrame, SlipDecoder } from '#src/wire/slip.ts';
import { HalStatus } from '#src/wire/status.ts';

const MAIN = fileURLToPath(new URL('../../src/mkm/main.ts', import.meta.url));
const HOLDER_PROCESS = new URL('../../src/mkm/holder-process.ts', import.meta.url).href;
const KEY = Buffer.alloc(32, 0xc0);
const NO_KEY = new Uint8Array(0);

const folder = mkdtempSync(join(tmpdir(), 'dks-mkm-'));
const sockets: string[] = [];
after(async () => {
  // Whatever a failed test has left.
  for (const path of sockets)
    await MkmClient.connect(path)
      .then((client) => client.shutdown())
      .catch(() => {});
  rmSync(folder, { recursive: true, force: true });
});

function newSocket(): string {
  const path = join(folder, String(sockets.length), 'mkm.sock');
  sockets.push(path);
  return path;
}

/** Runs `work` with a holder that ends with it. */
async function withHolder(work: (client: MkmClient, path: string) => Promise<void>): Promise<void> {
  const path = newSocket();
  await ensureHolder(path);
  const client = await MkmClient.connect(path);
  try {
    await work(client, path);
  } finally {
    client.close();
    const last = await MkmClient.connect(path).catch(() => undefined);
    await last?.shutdown();
  }
}

/** Runs the program; its status and what it said. */
async function run(path: string): Promise<{ code: number; stderr: string }> {
  const child = spawn(process.execPath, [MAIN, '--socket', path], { stdio: ['ignore', 'ignore', 'pipe'] });
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number];
  return { code, stderr };
}

describe('master key holder', () => {
  test('keeps a key per device until it is cleared', () =>
    withHolder(async (client) => {
      assert.deepEqual(await client.read(0), { state: MasterKeyState.NOT_SET, key: NO_KEY });
      await client.write(0, KEY);
      assert.deepEqual(await client.read(0), { state: MasterKeyState.SET, key: new Uint8Array(KEY) });
      assert.equal((await client.read(1)).state, MasterKeyState.NOT_SET);
      await client.write(0, NO_KEY);
      assert.deepEqual(await client.read(0), { state: MasterKeyState.NOT_SET, key: NO_KEY });
    }));

  test('refuses keys of other lengths and devices beyond the last', () =>
    withHolder(async (client) => {
      await assert.rejects(client.write(0, Buffer.alloc(31)), { status: HalStatus.MASTERKEY_BAD_LENGTH });
      await assert.rejects(client.read(64), { status: HalStatus.BAD_ARGUMENTS });
      await assert.rejects(client.read(0xffff_ffff), { status: HalStatus.BAD_ARGUMENTS });
    }));

  test('many requests at once on one connection get their own replies', () =>
    withHolder(async (client) => {
      await Promise.all(Array.from({ length: 64 }, (_, device) => client.write(device, Buffer.alloc(32, device + 1))));
      const keys = await Promise.all(Array.from({ length: 64 }, (_, device) => client.read(device)));
      for (const [device, { key }] of keys.entries()) assert.deepEqual(key, new Uint8Array(32).fill(device + 1));
    }));

  test('only its user can open the socket', () =>
    withHolder(async (_client, path) => {
      assert.equal(statSync(path).mode & 0o777, 0o600);
      assert.equal(statSync(join(path, '..')).mode & 0o777, 0o700);
    }));

  test('a second one on the same socket is refused, and the first keeps its key', () =>
    withHolder(async (client, path) => {
      await client.write(3, KEY);
      const { code, stderr } = await run(path);
      assert.equal(code, 1);
      assert.match(stderr, /another master key holder already serves/);
      await ensureHolder(path);
      assert.equal((await client.read(3)).state, MasterKeyState.SET);
    }));

  test('two that start in the same moment: one serves, both callers are content', async () => {
    const path = newSocket();
    await Promise.all([ensureHolder(path), ensureHolder(path)]);
    const client = await MkmClient.connect(path);
    assert.equal((await client.read(0)).state, MasterKeyState.NOT_SET);
    await client.shutdown();
  });

  test('shutdown clears the memory, ends the process, and a new one starts empty on the same path', async () => {
    const path = newSocket();
    await ensureHolder(path);
    const client = await MkmClient.connect(path);
    await client.write(0, KEY);
    await client.shutdown();
    await assert.rejects(MkmClient.connect(path), { status: HalStatus.MASTERKEY_FAIL });
    await ensureHolder(path);
    const again = await MkmClient.connect(path);
    assert.equal((await again.read(0)).state, MasterKeyState.NOT_SET);
    await again.shutdown();
  });

  test('the socket of a holder that was killed is replaced', async () => {
    const path = newSocket();
    const child = spawn(process.execPath, [MAIN, '--socket', path], { stdio: ['ignore', 'pipe', 'ignore'] });
    await once(child.stdout, 'data');
    const client = await MkmClient.connect(path);
    child.kill('SIGKILL');
    await client.closed;
    assert.ok(existsSync(path));
    await ensureHolder(path);
    const again = await MkmClient.connect(path);
    await again.shutdown();
  });

  test('a file in the place of the socket is left alone', async () => {
    const path = newSocket();
    mkdirSync(join(path, '..'), { mode: 0o700 });
    writeFileSync(path, 'precious');
    await assert.rejects(ensureHolder(path), /exists and is not a socket/);
    assert.equal(statSync(path).size, 8);
  });

  test('a folder open to others is refused with the command that closes it', async () => {
    const path = newSocket();
    mkdirSync(join(path, '..'));
    chmodSync(join(path, '..'), 0o755);
    await assert.rejects(ensureHolder(path), /run chmod 700/);
  });

  test('outlives the process that started it, and its signals', async () => {
    const path = newSocket();
    const script = `import { ensureHolder } from '${HOLDER_PROCESS}'; await ensureHolder(process.argv[1]);`;
    const parent = spawn(process.execPath, ['--input-type=module', '-e', script, path], { stdio: 'inherit' });
    assert.deepEqual(await once(parent, 'exit'), [0, null]);
    const client = await MkmClient.connect(path);
    await client.write(0, KEY);
    assert.equal((await client.read(0)).state, MasterKeyState.SET);
    await client.shutdown();
  });

  test('ignores hang-up and interrupt', async () => {
    const path = newSocket();
    const child = spawn(process.execPath, [MAIN, '--socket', path], { stdio: ['ignore', 'pipe', 'ignore'] });
    await once(child.stdout, 'data');
    const client = await MkmClient.connect(path);
    await client.write(0, KEY);
    child.kill('SIGHUP');
    child.kill('SIGINT');
    assert.equal((await client.read(0)).state, MasterKeyState.SET);
    await client.shutdown();
  });

  test('hostile bytes get an error or nothing, and harm nobody else', () =>
    withHolder(async (client, path) => {
      await client.write(0, KEY);
      const read = encodeRequest('MKM_READ', 1, { device: 0 });
      const cases: [string, Uint8Array, number | undefined][] = [
        ['unknown function', Buffer.from('0000130000000001', 'hex'), HalStatus.RPC_BAD_FUNCTION],
        ['vendor function', Buffer.from('0000000000000001', 'hex'), HalStatus.RPC_BAD_FUNCTION],
        ['argument missing', read.subarray(0, 8), HalStatus.XDR_BUFFER_OVERFLOW],
        ['lying length', Buffer.from('000012010000000100000000ffffffff', 'hex'), HalStatus.XDR_BUFFER_OVERFLOW],
        ['too long', Buffer.concat([read, Buffer.alloc(1000)]), HalStatus.RPC_PACKET_OVERFLOW],
        ['no header', read.subarray(0, 7), undefined],
      ];
      for (const [name, request, status] of cases) {
        const socket = connect(path);
        const replies: Uint8Array[] = [];
        const decoder = new SlipDecoder(1024);
        socket.on('data', (chunk: Buffer) => decoder.push(chunk, (frame) => replies.push(frame.slice())));
        // The good request behind it shows that the connection still works.
        socket.write(Buffer.concat([encodeFrame(request), encodeFrame(read)]));
        while (replies.length < (status === undefined ? 1 : 2)) await once(socket, 'data');
        if (status !== undefined) assert.equal(readStatus(replies[0] as Uint8Array), status, name);
        assert.equal(readStatus(replies.at(-1) as Uint8Array), HalStatus.OK, name);
        socket.destroy();
      }
      assert.equal((await client.read(0)).state, MasterKeyState.SET);
    }));
});

describe('the transfer key', () => {
  test('is the same for all devices of one holder, and another one with the next', async () => {
    const keys: Buffer[] = [];
    for (let start = 0; start < 2; start++) {
      await withHolder(async (client, path) => {
        const other = await MkmClient.connect(path);
        const key = Buffer.from(await client.transferKey());
        assert.deepEqual(Buffer.from(await other.transferKey()), key);
        other.close();
        keys.push(key);
      });
    }
    const [first, second] = keys as [Buffer, Buffer];
    assert.equal(first.length, 32);
    assert.notDeepEqual(first, Buffer.alloc(32));
    assert.notDeepEqual(second, first);
  });
});
