/** The library and the real appliance, whose connection is cut again and again, and which restarts and is locked. */

import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';

import { holder } from '#src/daemon/holder.ts';
import { type Appliance, type Secrets, startAppliance } from '#test/appliance.ts';
import { type Cut, CuttingProxy } from './cutting-proxy.ts';
import { buildProgram, Configuration, MODULE, type Running, start } from './programs.ts';

/** From within the first flight of the handshake to some requests later. */
const SHORTEST = 300;
const LONGEST = 3000;
const ROUNDS = Number(process.env['DKS_TEST_ROUNDS'] ?? 12);

/** Numbers that can be had again (Numerical Recipes, 7.1). */
function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

describe('the module with an appliance that comes and goes', { timeout: 300_000 }, () => {
  let state: string;
  let appliance: Appliance;
  let secrets: Secrets;
  let proxy: CuttingProxy;
  let configuration: Configuration;

  before(async () => {
    buildProgram('everything');
    state = mkdtempSync(join(tmpdir(), 'dks-reconnect-'));
    appliance = await startAppliance({ state });
    secrets = await appliance.setUp();
    proxy = await CuttingProxy.start(() => appliance.rpcPort);
    configuration = new Configuration(proxy.port, { fingerprint: appliance.fingerprint });
  });

  after(async () => {
    configuration.remove();
    proxy.close();
    await appliance.halt();
    // The holder of the master key outlives the daemon.
    await holder.end(join(state, 'run', 'mkm.sock'));
    rmSync(state, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
  });

  async function begin(context: TestContext, rounds: number, ...more: string[]): Promise<Running> {
    const env = { DKS_PKCS11_TIMEOUT_SECONDS: '1', DKS_PKCS11_RETRY_SECONDS: '30' };
    const args = [MODULE, secrets.userPin, String(rounds), ...more];
    const running = start(buildProgram('everything'), args, { configuration, env });
    context.after(() => {
      proxy.plan = undefined;
      running.child.kill('SIGKILL');
    });
    await running.printed('ready');
    return running;
  }

  async function finish(running: Running): Promise<void> {
    const { status, stdout, stderr } = await running.result;
    assert.equal(status, 0, `${stdout}\n${stderr}`);
    assert.match(stdout, /finished\n$/);
  }

  for (const cuts of [
    ['reset', 'end'],
    ['reset', 'end', 'silence', 'silent replies'],
  ] as const) {
    it(`goes on where it was after ${cuts.join(' or ')}, at any byte`, async (context) => {
      const seed = randomInt(2 ** 32);
      context.diagnostic(`seed ${seed}`);
      const below = generator(seed);
      const running = await begin(context, ROUNDS);
      const before = proxy.cuts;
      proxy.plan = () => ({
        bytes: SHORTEST + below(LONGEST - SHORTEST),
        cut: cuts[below(cuts.length)] as Cut,
      });
      proxy.cut('reset');
      running.send('');
      await running.printed(`round ${ROUNDS - 1}\n`);
      proxy.plan = undefined;
      await finish(running);
      assert.ok(proxy.cuts - before > 4, `${proxy.cuts - before} cuts only, seed ${seed}`);
      context.diagnostic(`${proxy.cuts - before} cuts`);
    });
  }

  it('goes on where it was after restarts of the appliance, which is locked for a while', async (context) => {
    const running = await begin(context, 12, 'token');
    running.send('');
    for (const end of ['kill', 'halt'] as const) {
      const rounds = running.output().split('round').length;
      await running.satisfies((stdout) => stdout.split('round').length > rounds);
      await appliance[end]();
      appliance = await startAppliance({ state });
      const connections = proxy.connections;
      // The library meets the locked appliance.
      while (proxy.connections === connections) await new Promise((resolve) => setTimeout(resolve, 20));
      await appliance.unlock(secrets.wheelPin);
    }
    await finish(running);
    assert.match((await running.result).stderr, /is locked: log in with dks_setup_console/);
  });
});
