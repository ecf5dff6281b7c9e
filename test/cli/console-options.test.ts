import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { ConsoleFailure } from '#src/cli/exit-status.ts';
import { HELP, parseCommandLine } from '#src/cli/console-options.ts';
import { PROGRAM } from './run-console.ts';

describe('command line of dks_setup_console', () => {
  it('is read', () => {
    const options = parseCommandLine(
      '--config-path /c --pin-file p --command a --command=b --master-key file:/k --new-pin-file so=x=y --timeout 5'.split(
        ' ',
      ),
    );
    assert.deepEqual(
      [
        options.configPath,
        options.pinFile,
        options.commands,
        options.masterKey,
        [...options.newPinFiles],
        options.timeout,
      ],
      ['/c', 'p', ['a', 'b'], { kind: 'file', path: '/k' }, [['so', 'x=y']], 5000],
    );
  });

  for (const bad of [
    '--nonsense',
    'word',
    '--command',
    '--command x',
    '--pin-file p --command x\ny',
    '--master-key maybe',
    '--master-key file:',
    '--new-pin-file admin=x',
    '--new-pin-file so=',
    '--timeout 0',
    '--timeout soon',
  ]) {
    it(`refuses ${JSON.stringify(bad)}`, () => {
      assert.throws(
        () => parseCommandLine(bad.split(' ')),
        (error) => error instanceof ConsoleFailure && error.status === 2 && error.message.endsWith('(see --help)'),
      );
    });
  }

  it('explains every option', () => {
    for (const option of [
      'config-path',
      'pin-file',
      'command',
      'master-key',
      'new-pin-file',
      'yes',
      'timeout',
      'verbose',
    ]) {
      assert.ok(HELP.includes(`--${option}`));
    }
  });

  it('works as a program from any folder, through a link and without Node in the path', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'dks-cli-'));
    try {
      const link = join(folder, 'console');
      await symlink(PROGRAM, link);
      const env = { PATH: '/usr/bin:/bin' };
      assert.equal(execFileSync(link, ['--help'], { cwd: folder, env, encoding: 'utf8' }), HELP);
      assert.equal(execFileSync(process.execPath, [link, '--help'], { cwd: folder, env, encoding: 'utf8' }), HELP);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
