/** The programs of the appliance that are called wrongly, or in a place where they cannot work: the message says what to do. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { pidsOf } from '#test/processes.ts';
import { type Outcome, runProgram } from '../../scripts/quickstart/run-program.ts';
import { daemonArgs } from '../appliance.ts';
import { assertFails } from './assert-fails.ts';
import { BIN, Site } from './site.ts';
import { cannotMount, SmallFileSystem } from './small-file-system.ts';

const NOBODY = 65_534;
const isRoot = process.getuid?.() === 0;
const DAEMON = join(BIN, '..', 'src', 'daemon', 'main.ts');
/** Runs the daemon as a user who owns nothing: root may read and write everything. */
function asNobody(args: readonly string[]): Promise<Outcome> {
  if (!isRoot) return runProgram(`${BIN}/dks-hsmd`, args);
  const ids = ['--reuid', String(NOBODY), '--regid', String(NOBODY), '--clear-groups'];
  return runProgram('setpriv', [...ids, process.execPath, DAEMON, ...args]);
}

const cannotStepDown = isRoot && !readableByNobody() && 'the project is closed to the user nobody';

function readableByNobody(): boolean {
  const args = ['--reuid', String(NOBODY), '--clear-groups', process.execPath, DAEMON, '--help'];
  return spawnSync('setpriv', args).status === 0;
}

describe('dks-hsmd', { timeout: 120_000 }, () => {
  let site: Site;

  before(async () => {
    site = await Site.start();
  });
  after(() => site.close());

  const daemon = (...args: readonly string[]): Promise<Outcome> => runProgram(`${BIN}/dks-hsmd`, args);

  it('tells that another one has the state folder, or the ports', async () => {
    const second = await daemon(...daemonArgs(site.state));
    assertFails(
      second,
      1,
      /another dks-hsmd runs on the state folder .*: stop it, or choose another folder with --state/,
    );
    const other = site.file('other');
    for (const [option, port] of [
      ['--rpc-port', site.ports.rpc],
      ['--console-port', site.ports.console],
      ['--web-port', site.appliance.webPort],
    ] as const) {
      const outcome = await daemon(...daemonArgs(other), option, String(port));
      assertFails(outcome, 1, new RegExp(`port ${port} is in use .*: stop it,? or choose another .*${option}`));
      assert.deepEqual(pidsOf(other), [], 'nothing that was started stays');
    }
  });

  it('tells that the state folder cannot be used, and what to do', async () => {
    const file = site.secret('file', '');
    const other = /name (another|another folder|an empty or a new folder) with --state/;
    assertFails(await daemon(...daemonArgs(file)), 1, /file: is not a folder/, other);
    assertFails(await daemon(...daemonArgs('/proc/nowhere')), 1, /\/proc\/nowhere: .*cannot be created/, other);
    assertFails(await daemon(...daemonArgs(site.folder)), 1, /holds files of something else/, other);
  });

  it('tells that the state folder may not be read or written', { skip: cannotStepDown }, async () => {
    const folder = site.file('closed');
    mkdirSync(folder, { mode: 0o700 });
    if (!isRoot) chmodSync(folder, 0);
    // What nobody may not use, nobody has to be able to see.
    chmodSync(site.folder, 0o755);
    const outcome = await asNobody(daemonArgs(folder));
    const problem = isRoot ? /belongs to user 0, but this process runs as user 65534: change/ : /--state/;
    assertFails(outcome, 1, /closed: /, problem);
    chmodSync(folder, 0o500);
    const below = await asNobody(daemonArgs(join(isRoot ? site.folder : folder, 'new')));
    assertFails(below, 1, /new: .*permission denied: change its owner or mode, or name another folder with --state/);
  });

  it('tells that the file system of the state folder is read-only', { skip: cannotMount }, async () => {
    const disk = new SmallFileSystem();
    try {
      disk.makeReadOnly();
      const outcome = await daemon(...daemonArgs(join(disk.path, 'state')));
      assertFails(outcome, 1, /cannot be created: the file system is read-only: name another folder with --state/);
    } finally {
      disk.remove();
    }
  });

  it('comes to an end, and says why, when the state folder is damaged', async () => {
    const damaged = site.file('damaged');
    mkdirSync(join(damaged, 'tls'), { recursive: true, mode: 0o700 });
    writeFileSync(join(damaged, 'tls', 'key.pem'), 'no key');
    writeFileSync(join(damaged, 'serial-number'), '\n');
    assertFails(
      await daemon(...daemonArgs(damaged)),
      1,
      /(key\.pem: is not a private key: restore it|serial-number: )/,
    );
  });
});

describe('an unknown option', () => {
  for (const [name, program, args, advice] of [
    ['dks-hsmd', `${BIN}/dks-hsmd`, ['--frobnicate'], /Valid options: --state /],
    [
      'dks-hsmd, a bad value',
      `${BIN}/dks-hsmd`,
      ['--rpc-port', 'high'],
      /--rpc-port takes a number from 0 to 65535, not "high"/,
    ],
    ['dks_setup_console', `${BIN}/dks_setup_console`, ['--frobnicate'], /'--frobnicate' \(see --help\)/],
    [
      'dks_setup_console, a bad value',
      `${BIN}/dks_setup_console`,
      ['--master-key', 'x'],
      /must be generate, keep or file:PATH/,
    ],
    ['quickstart', join(BIN, '..', 'quickstart'), ['--frobnicate'], /usage: \.\/quickstart/],
    ['scripts/test', join(BIN, '..', 'scripts', 'test'), ['--frobnicate'], /no such file or folder: --frobnicate/],
  ] as const) {
    it(`of ${name}: exit status 2 and what is right`, async () => {
      assertFails(await runProgram(program, args), 2, advice);
    });
  }
});
