/** scripts/bootstrap on machines that lack something. What it installs is not installed here: nobody is root in these tests. */

import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { runProgram } from '../../scripts/quickstart/run-program.ts';

const BOOTSTRAP = join(import.meta.dirname, '..', '..', 'scripts', 'bootstrap');

describe('scripts/bootstrap', () => {
  const programs = mkdtempSync(join(tmpdir(), 'programs-'));

  before(() => {
    // A machine without these programs, used by somebody who is not root.
    const lacking = new Set(['pkcs11-tool', 'ldns-signzone', 'ldns-verify-zone', 'id']);
    for (const name of readdirSync('/usr/bin')) {
      if (!lacking.has(name)) symlinkSync(join('/usr/bin', name), join(programs, name));
    }
    writeFileSync(join(programs, 'id'), '#!/bin/sh\necho 1000\n', { mode: 0o755 });
  });
  after(() => rmSync(programs, { recursive: true }));

  it('says nothing when nothing is missing', async () => {
    const { status, stdout, stderr } = await runProgram(BOOTSTRAP, ['build', 'demo']);
    assert.deepEqual({ status, stdout, stderr }, { status: 0, stdout: '', stderr: '' });
  });

  it('names the missing packages to somebody who is not root, and goes on', async () => {
    const { status, stderr } = await runProgram(BOOTSTRAP, ['build', 'demo'], { env: { PATH: programs } });
    assert.equal(status, 0);
    assert.match(stderr, /missing Debian packages: ldnsutils opensc\n/);
    assert.match(stderr, /apt-get update && apt-get install --no-install-recommends ldnsutils opensc\n/);
    assert.match(stderr, /going on without them/);
  });

  it('asks only for what a purpose needs', async () => {
    const { status, stderr } = await runProgram(BOOTSTRAP, ['build'], { env: { PATH: programs } });
    assert.deepEqual({ status, stderr }, { status: 0, stderr: '' });
  });

  it('works without a home folder', async () => {
    const { status, stderr } = await runProgram('env', ['-u', 'HOME', BOOTSTRAP, 'build']);
    assert.deepEqual({ status, stderr }, { status: 0, stderr: '' });
  });

  it('refuses a purpose that it does not know', async () => {
    const { status, stderr } = await runProgram(BOOTSTRAP, ['holidays']);
    assert.equal(status, 1);
    assert.match(stderr, /unknown purpose 'holidays' \(build, demo, ed25519, test, interop\)/);
  });
});
