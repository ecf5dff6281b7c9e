/** The library against the real appliance: pkcs11-tool with openssl as the judge, and a restart in the middle of signing. */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';

import { holder } from '#src/daemon/holder.ts';
import { type Appliance, type Secrets, startAppliance } from '#test/appliance.ts';
import { buildModule, buildProgram, Configuration, MODULE, run, SANITIZERS, start } from './programs.ts';

const execute = promisify(execFile);

describe('the module with the appliance', { timeout: 300_000 }, () => {
  let state: string;
  let appliance: Appliance;
  let secrets: Secrets;
  /** Stands before the appliance, which has another port after each start. */
  let proxy: Server;
  let configuration: Configuration;

  before(async () => {
    buildModule();
    state = mkdtempSync(join(tmpdir(), 'dks-pkcs11-state-'));
    appliance = await startAppliance({ state });
    secrets = await appliance.setUp();
    proxy = createServer((socket) => {
      const upstream = connect(appliance.rpcPort, '127.0.0.1');
      for (const [from, to] of [
        [socket, upstream],
        [upstream, socket],
      ] as const) {
        from.setNoDelay(true);
        from.on('error', () => to.destroy());
        from.on('close', () => to.destroy());
        from.pipe(to);
      }
    });
    proxy.listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    const { port } = proxy.address() as AddressInfo;
    configuration = new Configuration(port, { fingerprint: appliance.fingerprint });
  });

  after(async () => {
    configuration.remove();
    proxy.close();
    await appliance.halt();
    // The holder of the master key outlives the daemon.
    await holder.end(join(state, 'run', 'mkm.sock'));
    rmSync(state, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
  });

  // A sanitized module needs a sanitized host.
  it('lets pkcs11-tool generate, sign, verify, list and delete', { skip: SANITIZERS !== '' }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'dks-pkcs11-tool-'));
    const env = { ...process.env, DIAMOND_HSM_CONFIG_PATH: configuration.folder };
    const tool = (...args: string[]) =>
      execute('pkcs11-tool', ['--module', MODULE, '--token-label', 'Cryptech Token', ...args], { cwd: folder, env });
    const login = ['--login', '--pin', secrets.userPin];
    try {
      writeFileSync(join(folder, 'data'), Buffer.alloc(1000, 0xc0));
      for (const [id, type, mechanism, verify] of [
        ['01', 'rsa:2048', 'SHA256-RSA-PKCS', ['dgst', '-sha256', '-signature', 'signature']],
        ['02', 'EC:prime256v1', 'ECDSA-SHA256', ['dgst', '-sha256', '-signature', 'signature']],
        ['03', 'EC:edwards25519', 'EDDSA', undefined],
      ] as const) {
        await tool(...login, '--keypairgen', '--key-type', type, '--id', id, '--label', type, '--usage-sign');
        const format = mechanism === 'ECDSA-SHA256' ? ['--signature-format', 'openssl'] : [];
        await tool(...login, '-s', '--id', id, '-m', mechanism, '-i', 'data', '-o', 'signature', ...format);
        await tool('--read-object', '--type', 'pubkey', '--id', id, '-o', 'public');
        if (verify) {
          await execute('openssl', [...verify, '-keyform', 'DER', '-verify', 'public', 'data'], { cwd: folder });
        } else {
          // pkcs11-tool 0.23 writes Edwards keys as PEM.
          const args = [
            'pkeyutl',
            '-verify',
            '-pubin',
            '-inkey',
            'public',
            '-rawin',
            '-in',
            'data',
            '-sigfile',
            'signature',
          ];
          await execute('openssl', args, { cwd: folder });
        }
      }
      const { stdout } = await tool(...login, '-O');
      assert.equal(stdout.match(/Private Key Object/g)?.length, 3);
      const withoutLogin = await tool('-O');
      assert.equal(withoutLogin.stdout.match(/Public Key Object/g)?.length, 3);
      assert.doesNotMatch(withoutLogin.stdout, /Private Key Object/);
      for (const id of ['01', '02', '03']) {
        for (const type of ['privkey', 'pubkey']) await tool(...login, '-b', '--type', type, '--id', id);
      }
      assert.doesNotMatch((await tool(...login, '-O')).stdout, /Key Object/);
      // OpenSC's own test of signatures and digests.
      await tool(...login, '--keypairgen', '--key-type', 'rsa:2048', '--id', '01', '--usage-sign');
      assert.match((await tool(...login, '--test')).stdout, /No errors/);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('changes PINs, and keeps the keys when the token is initialized', async () => {
    const steps = (...names: string[]) =>
      run(buildProgram('steps'), [MODULE, 'init', 'open', ...names], { configuration });
    const made = await steps(`login=${secrets.userPin}`, 'generate', 'set-label=pins', 'finalize');
    assert.match(made.stdout, /set-label 0x0\n/);
    const result = await run(buildProgram('pins'), [MODULE, secrets.userPin, secrets.soPin], { configuration });
    assert.deepEqual({ status: result.status, stderr: result.stderr }, { status: 0, stderr: '' });
    const found = await steps(`login=${secrets.userPin}`, 'find-label=pins', 'finalize');
    assert.match(found.stdout, /find-label 0x0 1\n/);
  });

  it('signs with many threads', async () => {
    const result = await run(buildProgram('threads'), [MODULE, '32', '100'], { configuration });
    assert.deepEqual({ status: result.status, stderr: result.stderr }, { status: 0, stderr: '' });
  });

  it('goes on where it was when the appliance is killed, started again and unlocked', async () => {
    const steps = [
      'init',
      'open',
      `login=${secrets.userPin}`,
      'generate',
      'wait',
      'sign*2000',
      'wait',
      'sign',
      'finalize',
    ];
    const running = start(buildProgram('steps'), [MODULE, ...steps], {
      configuration,
      env: { DKS_PKCS11_RETRY_SECONDS: '30' },
    });
    await running.printed('waiting');
    running.send('');
    await appliance.kill();
    appliance = await startAppliance({ state });
    await appliance.unlock(secrets.wheelPin);
    await running.printed('sign 0x');
    running.send('');
    const result = await running.result;
    assert.match(
      result.stdout,
      /sign 0x0\nwaiting\nwait 0x0\nsign 0x0\nfinalize 0x0\n/,
      `${result.stdout}\n${result.stderr}`,
    );
    assert.match(result.stderr, /was lost; connecting again/);
  });
});
