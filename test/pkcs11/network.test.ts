/** The library on a bad network: connections that end, are reset, or vanish without a word. */

import assert from 'node:assert/strict';
import { before, describe, it, type TestContext } from 'node:test';

import { CKR } from '#src/cryptoki/constants.ts';
import { type Cut, CuttingProxy } from './cutting-proxy.ts';
import { FakeAppliance } from './fake-appliance.ts';
import { buildProgram, Configuration, MODULE, type Running, start } from './programs.ts';

interface Signing {
  readonly results: readonly number[];
  readonly slowest: number;
}

/** What parallel.c printed in its last round. */
function lastRound(stdout: string): Signing {
  const rounds = stdout.split('waiting\n');
  const lines = [...(rounds.findLast((text) => text.includes('done')) ?? '').matchAll(/sign 0x([0-9a-f]+) (\d+)/g)];
  return {
    results: lines.map(([, rv = '']) => Number.parseInt(rv, 16)),
    slowest: Math.max(...lines.map(([, , ms]) => Number(ms))),
  };
}

/** Codes by which a caller sees that the token is out of reach. */
const OUT_OF_REACH: readonly number[] = [CKR.DEVICE_ERROR, CKR.DEVICE_REMOVED];

let program = '';

/** Environment of most programs here. */
const IMPATIENT: Readonly<Record<string, string>> = { DKS_PKCS11_TIMEOUT_SECONDS: '2' };

/** A program whose threads are connected, logged in and waiting, behind a network that can be cut. */
class Scene {
  readonly threads: number;
  readonly appliance: FakeAppliance;
  readonly proxy: CuttingProxy;
  readonly running: Running;
  readonly #configuration: Configuration;

  private constructor(
    threads: number,
    appliance: FakeAppliance,
    proxy: CuttingProxy,
    env: Readonly<Record<string, string>>,
  ) {
    this.threads = threads;
    this.appliance = appliance;
    this.proxy = proxy;
    this.#configuration = new Configuration(proxy.port, { fingerprint: appliance.fingerprint });
    const options = { configuration: this.#configuration, env };
    this.running = start(program, [MODULE, String(threads)], options);
  }

  static async set(context: TestContext, threads: number, env = IMPATIENT): Promise<Scene> {
    const appliance = await FakeAppliance.start();
    const proxy = await CuttingProxy.start(() => appliance.port);
    const scene = new Scene(threads, appliance, proxy, env);
    context.after(() => scene.#end());
    await scene.running.printed('waiting');
    return scene;
  }

  /** All threads sign once. */
  async sign(): Promise<Signing> {
    const { running } = this;
    const printed = running.output().split('done\n').length;
    running.send('');
    await running.satisfies((stdout) => stdout.split('done\n').length > printed);
    if (running.child.exitCode !== null) assert.fail((await running.result).stderr);
    return lastRound(running.output());
  }

  async #end(): Promise<void> {
    this.running.child.kill('SIGKILL');
    await this.running.result;
    this.proxy.close();
    this.#configuration.remove();
    await this.appliance.stop();
  }
}

describe('the module on a bad network', { timeout: 300_000, concurrency: 5 }, () => {
  // Once, and before: a build would stop the appliances of the other tests, which live in this process.
  before(() => {
    program = buildProgram('parallel');
  });

  for (const cut of ['reset', 'end', 'silence', 'silent requests', 'silent replies'] as const satisfies Cut[]) {
    for (const threads of [1, 8]) {
      it(`signs with ${threads} threads on a new connection after ${cut}`, async (context) => {
        const scene = await Scene.set(context, threads);
        await scene.sign();
        scene.proxy.cut(cut);
        const { results, slowest } = await scene.sign();
        assert.deepEqual(results, Array(threads).fill(0));
        // Not one time-out after the other.
        assert.ok(slowest < 6000, `${slowest} ms`);
        assert.equal(scene.proxy.connections, 2);
        const again = await scene.sign();
        assert.ok(again.slowest < 4000, `${again.slowest} ms`);
        scene.running.child.stdin?.end();
        assert.equal((await scene.running.result).status, 0);
      });
    }
  }

  it('returns within ten seconds by default', async (context) => {
    const scene = await Scene.set(context, 8, {});
    scene.proxy.cut('silence');
    const { results, slowest } = await scene.sign();
    assert.deepEqual(results, Array(8).fill(0));
    assert.ok(slowest < 10_000, `${slowest} ms`);
    scene.proxy.arrivals = 'silence';
    scene.proxy.cut('silence');
    const lost = await scene.sign();
    assert.ok(lost.slowest < 10_000, `${lost.slowest} ms`);
    assert.ok(lost.results.every((rv) => OUT_OF_REACH.includes(rv)));
  });

  it('tells within twice the time-out that nothing gets through, then at once, and is back soon after the network', async (context) => {
    const scene = await Scene.set(context, 8);
    scene.proxy.arrivals = 'silence';
    scene.proxy.cut('silence');
    const limits = [6000, 500];
    for (const limit of limits) {
      const { results, slowest } = await scene.sign();
      assert.ok(
        results.every((rv) => OUT_OF_REACH.includes(rv)),
        String(results),
      );
      assert.ok(slowest < limit, `${slowest} ms`);
    }
    // Tried again from time to time, so that of all calls some are held, but not for long.
    const tried = scene.proxy.connections;
    const slow: number[] = [];
    const until = performance.now() + 8000;
    while (performance.now() < until) slow.push((await scene.sign()).slowest);
    assert.ok(Math.max(...slow) < 2000, `${Math.max(...slow)} ms`);
    const held = slow.reduce((sum, ms) => sum + ms, 0);
    assert.ok(held < 4000, `held ${held} ms of 8000`);
    assert.ok(scene.proxy.connections > tried);

    scene.proxy.arrivals = 'pass';
    const passed = performance.now();
    let last = await scene.sign();
    while (last.results.some((rv) => rv !== 0) && performance.now() - passed < 5000) last = await scene.sign();
    assert.deepEqual(last.results, Array(8).fill(0));
    // The next trouble is waited out again.
    scene.proxy.cut('silence');
    assert.deepEqual((await scene.sign()).results, Array(8).fill(0));
    scene.running.child.stdin?.end();
    assert.equal((await scene.running.result).status, 0);
  });

  it('does not take a slow appliance for a lost one', async (context) => {
    const scene = await Scene.set(context, 4);
    scene.appliance.fault = (name) => (name === 'SIGN' ? 6000 : undefined);
    const { results } = await scene.sign();
    assert.deepEqual(results, Array(4).fill(0));
    assert.equal(scene.proxy.connections, 1);
    assert.equal(scene.appliance.count('SIGN'), 4);
    // It was asked whether it is there, not by every thread.
    const probes = scene.appliance.count('TOKEN_INFO');
    assert.ok(probes >= 3 && probes <= 8, `${probes} questions`);
  });

  it('does not judge by the time that it was stopped itself', async (context) => {
    const scene = await Scene.set(context, 2);
    scene.appliance.fault = (name) => (name === 'SIGN' ? 2000 : undefined);
    const signing = scene.sign();
    while (scene.appliance.count('SIGN') < 2) await new Promise((resolve) => setTimeout(resolve, 10));
    scene.running.child.kill('SIGSTOP');
    await new Promise((resolve) => setTimeout(resolve, 4500));
    scene.running.child.kill('SIGCONT');
    assert.deepEqual((await signing).results, [0, 0]);
    assert.equal(scene.proxy.connections, 1);
  });
});
