import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';

import { holder } from '#src/daemon/holder.ts';
import { startAppliance } from '#test/appliance.ts';
import { Configuration } from '#test/pkcs11/programs.ts';
import { assertPassed, begin, build, pass, tokenForTests } from './chapter.ts';

describe('several processes with one token', { timeout: 180_000 }, () => {
  const token = tokenForTests({ pinDelayMs: 10 });
  const program = (): string => build('processes');

  it('an object that was destroyed is gone for good when the call returns, even if its process is killed at once', async (context) => {
    for (let round = 0; round < 8; round++) {
      const label = `destroyed ${round}`;
      const running = begin(token, program(), 'destroys', [label]);
      await running.printed('destroyed');
      running.child.kill('SIGKILL');
      await running.result;
      await pass(context, token, program(), 'counts', [label, '0']);
    }
  });

  it('short-lived processes side by side all find their key, those with a wrong id or PIN are told so and lock nobody out', async (context) => {
    await pass(context, token, program(), 'makes', ['build farm']);
    const changer = begin(token, program(), 'changes');
    await changer.printed('changing');
    for (let round = 0; round < 2; round++) {
      const results = Array.from({ length: 30 }, (_, i) => {
        const part = i % 15 === 7 ? 'has_wrong_pin' : i % 2 === 0 ? 'signs' : 'finds_nothing';
        return begin(token, program(), part, ['build farm']).result;
      });
      for (const result of await Promise.all(results)) assertPassed(result);
    }
    changer.send('');
    assertPassed(await changer.result);
    await pass(context, token, program(), 'removes', ['build farm']);
  });

  it('a client killed while it makes and destroys keys leaves only keys that work', async (context) => {
    for (let round = 0; round < 12; round++) {
      const running = begin(token, program(), 'makes_and_destroys', ['half done']);
      // At some point of its work: after another number of keys each time.
      await running.printed(`made ${1 + (round % 4)}`);
      running.child.kill('SIGKILL');
      await running.result;
      await pass(context, token, program(), 'checks_all', ['half done']);
    }
    await pass(context, token, program(), 'removes', ['half done']);
  });

  it('a token that is set up while a program runs appears without a new C_Initialize', async () => {
    const appliance = await startAppliance({ devices: 1 });
    const configuration = new Configuration(appliance.rpcPort, { fingerprint: appliance.fingerprint });
    try {
      const running = begin({ configuration }, program(), 'waits_for_token', [], { DKS_PKCS11_RETRY_SECONDS: '1' });
      await running.printed('waiting');
      await appliance.setUp();
      running.send('');
      const result = await running.result;
      // It may have said that the appliance has no master key.
      assertPassed({ ...result, stderr: result.stderr.replaceAll(/^libcryptechdks-pkcs11: .*\n/gm, '') });
    } finally {
      configuration.remove();
      await appliance.stop();
    }
  });
});

describe('an appliance that is killed while keys are made', { timeout: 180_000 }, () => {
  it('has every key whose call returned, and each of them works', async () => {
    const state = mkdtempSync(join(tmpdir(), 'dks-processes-'));
    try {
      const first = await startAppliance({ state, devices: 1 });
      const { wheelPin } = await first.setUp();
      let appliance = first;
      for (let round = 0; round < 3; round++) {
        const configuration = new Configuration(appliance.rpcPort, { fingerprint: appliance.fingerprint });
        const env = { DKS_PKCS11_RETRY_SECONDS: '0' };
        const running = begin({ configuration }, build('processes'), 'makes_until_lost', [`durable ${round}`], env);
        await running.printed(`made ${3 + 5 * round}`);
        await appliance.kill();
        const { stdout } = await running.result;
        configuration.remove();
        const made = [...stdout.matchAll(/^made (\d+)$/gm)].length;
        const started = performance.now();
        appliance = await startAppliance({ state, devices: 1 });
        await appliance.unlock(wheelPin);
        assert.ok(performance.now() - started < 30_000);
        const again = new Configuration(appliance.rpcPort, { fingerprint: appliance.fingerprint });
        const result = await begin({ configuration: again }, build('processes'), 'has_at_least', [
          `durable ${round}`,
          String(made),
        ]).result;
        again.remove();
        assertPassed(result);
      }
      await appliance.halt();
    } finally {
      await holder.end(join(state, 'run', 'mkm.sock')).catch(() => {});
      rmSync(state, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
    }
  });
});
