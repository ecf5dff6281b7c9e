import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';

import { type Cut, CuttingProxy } from '#test/pkcs11/cutting-proxy.ts';
import { Configuration, MODULE, SANITIZERS } from '#test/pkcs11/programs.ts';
import { begin, build, tokenForTests } from './chapter.ts';

const CLIENT = '/usr/lib/x86_64-linux-gnu/pkcs11/p11-kit-client.so';
/** CKR_DEVICE_ERROR, CKR_DEVICE_REMOVED, CKR_TOKEN_NOT_PRESENT: codes by which a program sees that its token is out of reach. */
const OUT_OF_REACH = ['0x30', '0x32', '0xe0'];

describe('the network between a program and its appliance', { timeout: 120_000 }, () => {
  const token = tokenForTests();
  let proxy: CuttingProxy;
  let configuration: Configuration;

  before(async () => {
    proxy = await CuttingProxy.start(() => token.appliance.rpcPort);
    configuration = new Configuration(proxy.port, { fingerprint: token.appliance.fingerprint });
  });
  after(() => {
    configuration.remove();
    proxy.close();
  });

  /** Starts a program with its threads; `sign` lets all of them sign once and gives the results and the longest time. */
  async function signer(context: TestContext, threads: number) {
    const env = { DKS_PKCS11_TIMEOUT_SECONDS: '1', DKS_PKCS11_RETRY_SECONDS: '5' };
    const running = begin({ configuration }, build('network'), 'signs_on_demand', [String(threads)], env);
    let stdout = '';
    running.child.stdout?.on('data', (text: string) => (stdout += text));
    context.after(async () => {
      running.child.stdin?.end();
      const result = await running.result;
      assert.deepEqual({ status: result.status, signal: result.signal }, { status: 0, signal: null }, result.stderr);
    });
    await running.printed('waiting');
    let rounds = 0;
    return async () => {
      const from = stdout.length;
      rounds++;
      running.send('');
      while (stdout.split('done\n').length <= rounds)
        await new Promise<void>((resolve) => running.child.stdout?.once('data', () => resolve()));
      const lines = [...stdout.slice(from).matchAll(/sign (0x[0-9a-f]+) (\d+)/g)];
      assert.equal(lines.length, threads);
      return { results: lines.map(([, rv]) => rv), slowest: Math.max(...lines.map(([, , ms]) => Number(ms))) };
    };
  }

  for (const threads of [1, 8]) {
    for (const cut of ['silence', 'silent requests', 'silent replies', 'reset', 'end'] satisfies Cut[]) {
      it(`a signature after the idle connection was lost (${cut}, ${threads} threads) is right and not late`, async (context) => {
        const sign = await signer(context, threads);
        const good = Array.from({ length: threads }, () => '0x0');
        assert.deepEqual((await sign()).results, good);
        proxy.cut(cut);
        const first = await sign();
        assert.deepEqual(first.results, good);
        assert.ok(first.slowest < 4000, `${first.slowest} ms`);
        assert.deepEqual((await sign()).results, good);
      });
    }
  }

  it('while nothing gets through, calls end in time with a code of the device; after that all is well again', async (context) => {
    const sign = await signer(context, 8);
    proxy.arrivals = 'silence';
    proxy.cut('silence');
    const lost = await sign();
    proxy.arrivals = 'pass';
    for (const rv of lost.results) assert.ok(rv !== undefined && OUT_OF_REACH.includes(rv), String(rv));
    // The threads do not queue up one time-out after the other.
    assert.ok(lost.slowest < 5000, `${lost.slowest} ms`);
    // The threads look for the appliance now and then, so that none of them is held long.
    const good = Array.from({ length: 8 }, () => '0x0');
    const passed = performance.now();
    let after = await sign();
    while (after.results.some((rv) => rv !== '0x0') && performance.now() - passed < 5000) after = await sign();
    assert.deepEqual(after.results, good);
    assert.ok(after.slowest < 5000, `${after.slowest} ms`);
  });
});

const hasRemoting = existsSync(CLIENT) && spawnSync('p11-kit', ['server', '--help']).status === 0;

describe('a remoting layer before the library', { timeout: 120_000 }, () => {
  const token = tokenForTests({ devices: 1 });

  const skip =
    SANITIZERS !== '' ? 'a sanitized module needs a sanitized host' : !hasRemoting && 'p11-kit is not installed';
  it('keeps the meaning of results, lists, lengths and unknown numbers', { skip }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'dks-remoting-'));
    const socket = join(folder, 'socket');
    const server = spawn(
      'p11-kit',
      ['server', '--foreground', '--sh', '--name', socket, '--provider', MODULE, 'pkcs11:'],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
        env: { ...process.env, DIAMOND_HSM_CONFIG_PATH: token.configuration.folder, XDG_RUNTIME_DIR: folder },
      },
    );
    try {
      await new Promise((resolve, reject) => server.stdout.once('data', resolve).once('close', reject));
      const env = { P11_KIT_SERVER_ADDRESS: `unix:path=${socket}`, DKS_TEST_OTHER_SLOT: 'yes' };
      // p11-kit itself refuses mechanisms, lengths and empty lists that it has no form for.
      const programs = [
        ['lists', ['slot_list', 'unrestricted_key']],
        ['operation-state', ['nothing_initialized']],
        ['searches', ['binary_names', 'text_labels', 'same_names']],
        ['points', ['ec_points']],
        ['key-attributes', ['public_exponents']],
        ['elliptic-curves', ['long_inputs']],
        ['token-info', ['token_fields']],
      ] as const;
      const failures: string[] = [];
      for (const [program, parts] of programs) {
        for (const part of parts) {
          const result = await begin(token, build(program), part, [], env, CLIENT).result;
          if (result.status !== 0 || result.stderr !== '')
            failures.push(`${program} ${part}: ${result.status} ${result.signal} ${result.stderr}`);
        }
      }
      assert.deepEqual(failures, []);
    } finally {
      server.kill();
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
