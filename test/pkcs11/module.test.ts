/** The library against the fake appliance: what a PKCS#11 program sees while all is well. */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';

import { FakeAppliance } from './fake-appliance.ts';
import {
  buildModule,
  buildProgram,
  Configuration,
  MODULE,
  type Result,
  run,
  SANITIZERS,
  VALGRIND,
} from './programs.ts';

/** More of both in the slow tests. */
const { DKS_TEST_FORKS: FORKS = '60', DKS_TEST_RELOADS: RELOADS = '60' } = process.env;

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
    assert.equal(exported.length, 68 + 24 + 12);
    const needed = execFileSync('readelf', ['-d', MODULE], { encoding: 'utf8' });
    assert.doesNotMatch(needed, /lib(ssl|crypto)/);
    assert.match(needed, /NODELETE/);
    assert.match(needed, /BIND_NOW|NOW/);
  });

  it('is built with what the compiler has against attacks', { skip: SANITIZERS !== '' }, () => {
    const imported = execFileSync('nm', ['-D', '--undefined-only', MODULE], { encoding: 'utf8' });
    assert.match(imported, /__stack_chk_fail/);
    assert.match(imported, /__memcpy_chk|__snprintf_chk|__vsnprintf_chk/);
    const segments = execFileSync('readelf', ['-lW', MODULE], { encoding: 'utf8' });
    assert.match(segments, /GNU_STACK .* RW /);
    assert.match(segments, /GNU_RELRO/);
    assert.doesNotMatch(segments, /LOAD .* RWE /);
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

  it('encrypts in chunks, answers queries from memory and keeps a result that did not fit', async () => {
    appliance.objects.clear();
    appliance.counts.clear();
    assertPassed(await run(buildProgram('chains'), [MODULE], { configuration }));
    assert.equal(appliance.count('ENCRYPT'), 3 + 3 + 4 + 1);
    assert.equal(appliance.count('DECRYPT'), 4);
  });

  it('goes on with a chain when the connection is lost before or behind each chunk', async () => {
    for (const fault of ['close', 'closeAfter'] as const) {
      appliance.objects.clear();
      appliance.counts.clear();
      let last = 0;
      appliance.fault = (name) => {
        const sent = appliance.count('ENCRYPT') + appliance.count('DECRYPT');
        // Every request is cut once, and served when it comes again.
        if ((name !== 'ENCRYPT' && name !== 'DECRYPT') || sent % 2 === 0) return undefined;
        last = sent;
        return fault;
      };
      const { status, stderr } = await run(buildProgram('chains'), [MODULE], { configuration });
      appliance.fault = undefined;
      assert.equal(status, 0, stderr);
      assert.equal(last, 2 * 15 - 1);
      assert.equal(appliance.count('SECRET_KEY_GENERATE'), 1);
    }
  });

  it('leaves out outdated mechanisms that the policy of the appliance leaves out', async () => {
    appliance.outdated = false;
    assertPassed(await run(buildProgram('outdated'), [MODULE], { configuration }));
    appliance.outdated = true;
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
    assertPassed(await run(buildProgram('fork'), [MODULE, FORKS], { configuration, leaks: true }));
  });

  it('may be called after the exit handlers', async () => {
    const result = await run(buildProgram('exit'), [MODULE], { configuration });
    assertPassed(result);
    assert.equal(result.stdout, 'finished\ndestructor\n');
  });

  it('serves two parts of a program that do not know of each other', async () => {
    assertPassed(await run(buildProgram('users'), [MODULE], { configuration }));
  });

  it('goes on when signals interrupt its system calls', async () => {
    assertPassed(await run(buildProgram('signals'), [MODULE, '500'], { configuration }));
  });

  it('lets sessions be closed under running calls', async () => {
    appliance.objects.clear();
    assertPassed(await run(buildProgram('closing'), [MODULE, '40'], { configuration }));
  });

  for (const mode of ['plain', 'deepbind']) {
    it(`can be loaded and unloaded again and again (${mode})`, async () => {
      // The sanitizers do not work with RTLD_DEEPBIND.
      if (mode === 'deepbind' && SANITIZERS !== '') return;
      assertPassed(await run(buildProgram('reload'), [MODULE, RELOADS, mode], { configuration }));
    });
  }

  it('keeps apart what it and a foreign malloc have allocated', { skip: SANITIZERS !== '' || VALGRIND }, async () => {
    // With RTLD_DEEPBIND the module frees with libc, while libc itself allocates with what was loaded before it.
    const [library] = globSync('/usr/lib/*/libjemalloc.so.2');
    assert.ok(library, 'libjemalloc2 is missing: scripts/bootstrap test');
    const host = new Configuration(appliance.port, { fingerprint: appliance.fingerprint, host: 'localhost' });
    for (const mode of ['plain', 'deepbind']) {
      const options = { configuration: host, env: { LD_PRELOAD: library } };
      assertPassed(await run(buildProgram('reload'), [MODULE, '5', mode], options));
    }
    host.remove();
  });

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
