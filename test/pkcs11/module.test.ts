/** The library against the fake appliance: what a PKCS#11 program sees while all is well. */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, before, describe, it } from 'node:test';

import { FakeAppliance } from './fake-appliance.ts';
import { buildModule, buildProgram, Configuration, MODULE, type Result, run, SANITIZERS } from './programs.ts';

function assertPassed(result: Result): void {
  assert.deepEqual(
    { status: result.status, signal: result.signal, stderr: result.stderr },
    { status: 0, signal: null, stderr: '' },
  );
}

describe('the module', { timeout: 300_000 }, () => {
  let appliance: FakeAppliance;
  let configuration: Configuration;

  before(async () => {
    buildModule();
    appliance = await FakeAppliance.start();
    configuration = new Configuration(appliance.port, { fingerprint: appliance.fingerprint });
  });

  after(async () => {
    configuration.remove();
    await appliance.stop();
  });

  it('exports C_ functions only', () => {
    const symbols = execFileSync('nm', ['-D', '--defined-only', MODULE], { encoding: 'utf8' }).trim().split('\n');
    const exported = symbols.map((line) => line.split(' ').at(-1) ?? '');
    assert.deepEqual(
      exported.filter((name) => !/^C_[A-Za-z]+$/.test(name)),
      [],
    );
    assert.equal(exported.length, 68 + 24);
    const needed = execFileSync('readelf', ['-d', MODULE], { encoding: 'utf8' });
    assert.doesNotMatch(needed, /lib(ssl|crypto)/);
    assert.match(needed, /NODELETE/);
    assert.match(needed, /BIND_NOW|NOW/);
  });

  it('follows the rules of PKCS#11', async () => {
    appliance.objects.clear();
    assertPassed(await run(buildProgram('basics'), [MODULE], { configuration }));
  });

  it('needs one round trip for a signature, and answers all else from memory', async () => {
    appliance.objects.clear();
    appliance.counts.clear();
    const steps = ['init', 'slots', 'present', 'token', 'open', 'login=user-4711', 'generate', 'sign*50', 'finalize'];
    const { stdout } = await run(buildProgram('steps'), [MODULE, ...steps], { configuration });
    assert.match(stdout, /sign 0x0/);
    assert.equal(appliance.count('SIGN'), 50);
    assert.equal(appliance.count('VERIFY'), 0);
    assert.deepEqual(Object.fromEntries(appliance.counts), {
      HELLO: 1,
      TOKEN_INFO: 1,
      LOGIN: 1,
      KEY_PAIR_GENERATE: 1,
      SIGN: 50,
      LOGOUT: 1,
    });
  });

  it('serves many threads over one connection', async () => {
    appliance.objects.clear();
    appliance.connections = 0;
    const result = await run(buildProgram('threads'), [MODULE, '32', '60'], { configuration });
    assertPassed(result);
    assert.equal(appliance.connections, 1);
  });

  it('keeps within the number of requests that the appliance allows', async () => {
    appliance.requestLimit = 2;
    assertPassed(await run(buildProgram('threads'), [MODULE, '16', '30'], { configuration }));
    appliance.requestLimit = 64;
  });

  it('survives forks', async () => {
    appliance.objects.clear();
    // A child cannot free what it inherits: locks may be held for ever.
    const env = { ASAN_OPTIONS: 'detect_leaks=0' };
    assertPassed(await run(buildProgram('fork'), [MODULE], { configuration, env }));
  });

  it('may be called after the exit handlers', async () => {
    const result = await run(buildProgram('exit'), [MODULE], { configuration });
    assertPassed(result);
    assert.equal(result.stdout, 'finished\ndestructor\n');
  });

  for (const mode of ['plain', 'deepbind']) {
    it(`can be loaded and unloaded again and again (${mode})`, async () => {
      // The sanitizers do not work with RTLD_DEEPBIND.
      if (mode === 'deepbind' && SANITIZERS !== '') return;
      assertPassed(await run(buildProgram('reload'), [MODULE, '60', mode], { configuration }));
    });
  }

  it('hides key types from searches on demand', async () => {
    appliance.objects.clear();
    const generate = ['init', 'open', 'login=user-4711', 'generate', 'find', 'finalize'];
    const shown = await run(buildProgram('steps'), [MODULE, ...generate], { configuration });
    assert.match(shown.stdout, /find 0x0 2/);
    const steps = ['init', 'open', 'login=user-4711', 'find', 'finalize'];
    const env = { DKS_PKCS11_HIDE_KEY_TYPES: 'EC_EDWARDS' };
    assert.match((await run(buildProgram('steps'), [MODULE, ...steps], { configuration, env })).stdout, /find 0x0 2/);
    const both = { DKS_PKCS11_HIDE_KEY_TYPES: 'EC_EDWARDS, ec' };
    assert.match(
      (await run(buildProgram('steps'), [MODULE, ...steps], { configuration, env: both })).stdout,
      /find 0x0 0/,
    );
  });
});
