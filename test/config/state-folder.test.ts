import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { chmod, chown, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { ConfigError } from '#src/config/errors.ts';
import { openSerialNumber } from '#src/config/serial-number.ts';
import { openStateFolder } from '#src/config/state-folder.ts';
import { VERSION } from '#src/config/version.ts';

const NOBODY = 65_534;
const isRoot = process.getuid?.() === 0;

/** Whether another user can run the project's Node and read its sources. */
const canStepDown =
  isRoot &&
  spawnSync(process.execPath, ['--eval', `require('fs').readFileSync(${JSON.stringify(import.meta.filename)})`], {
    uid: NOBODY,
    gid: NOBODY,
    stdio: 'ignore',
  }).status === 0;

let base: string;
beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'dks-state-'));
});
afterEach(() => rm(base, { recursive: true }));

const mode = async (path: string): Promise<number> => (await stat(path)).mode & 0o777;

/** Expects a message that begins with the path. */
function fails(path: string, message: RegExp): Promise<void> {
  return assert.rejects(
    openStateFolder(path),
    (error) => error instanceof ConfigError && error.message.startsWith(path) && message.test(error.message),
  );
}

describe('state folder', () => {
  it('is created for its owner only, with its parents and subfolders', async () => {
    const path = join(base, 'a', 'b');
    await openStateFolder(path);
    assert.deepEqual((await readdir(path)).sort(), ['log', 'run', 'tls']);
    for (const folder of ['', 'log', 'run', 'tls']) assert.equal(await mode(join(path, folder)), 0o700);
    await openStateFolder(path);
  });

  it('is closed to others when it is empty or ours', async () => {
    await chmod(base, 0o755);
    await openStateFolder(base);
    assert.equal(await mode(base), 0o700);
    await chmod(base, 0o777);
    await chmod(join(base, 'tls'), 0o755);
    await openStateFolder(base);
    assert.equal(await mode(base), 0o700);
    assert.equal(await mode(join(base, 'tls')), 0o700);
  });

  it('is refused, and not touched, when it belongs to something else', async () => {
    await chmod(base, 0o755);
    await writeFile(join(base, 'thesis.txt'), '');
    await fails(base, /something else.*--state/);
    assert.equal(await mode(base), 0o755);
    assert.deepEqual(await readdir(base), ['thesis.txt']);
  });

  it('is refused when it is a file, behind a file or a dangling link', async () => {
    const file = join(base, 'file');
    await writeFile(file, '');
    await fails(file, /is not a folder.*--state/);
    await fails(join(file, 'sub'), /not a folder/);
    await symlink(join(base, 'nowhere'), join(base, 'link'));
    await fails(join(base, 'link'), /cannot be created|not a folder/);
  });

  it('is refused when its subfolder is a file', async () => {
    await mkdir(join(base, 'run'));
    await writeFile(join(base, 'tls'), '');
    await assert.rejects(openStateFolder(base), /tls: is not a folder/);
  });

  it('is refused when it belongs to another user', { skip: !isRoot && 'needs root' }, async () => {
    await chown(base, 12_345, 12_345);
    await fails(base, /belongs to user 12345/);
  });

  it(
    'is refused when it cannot be written',
    { skip: isRoot && !canStepDown && 'the project is closed to nobody' },
    async () => {
      await chmod(base, isRoot ? 0o755 : 0o500);
      const source = new URL('../../src/config/state-folder.ts', import.meta.url).href;
      const script = `const { openStateFolder } = await import(${JSON.stringify(source)});
      await openStateFolder(${JSON.stringify(join(base, 'state'))}).catch((error) => console.log(error.message));`;
      const output = execFileSync(process.execPath, ['--input-type=module', '--eval', script], {
        encoding: 'utf8',
        ...(isRoot ? { uid: NOBODY, gid: NOBODY } : {}),
      });
      await chmod(base, 0o700);
      assert.equal(
        output,
        `${join(base, 'state')}: the state folder cannot be created: permission denied: ` +
          'change its owner or mode, or name another folder with --state\n',
      );
    },
  );
});

describe('serial number', () => {
  it('is made once and never changes', async () => {
    const serial = await openSerialNumber(base);
    assert.match(serial, /^\d{4}-\d{4}$/);
    assert.equal(await openSerialNumber(base), serial);
    assert.equal(await readFile(join(base, 'serial-number'), 'utf8'), `${serial}\n`);
  });

  it('is the first line of the file', async () => {
    await writeFile(join(base, 'serial-number'), ' Lab-7.b \r\ncomment');
    assert.equal(await openSerialNumber(base), 'Lab-7.b');
  });

  for (const bad of ['', '\n1000-0002', 'a b', 'x'.repeat(64), 'é']) {
    it(`is refused as ${JSON.stringify(bad.slice(0, 12))}`, async () => {
      await writeFile(join(base, 'serial-number'), bad);
      await assert.rejects(openSerialNumber(base), /serial-number: the first line must be a serial number/);
    });
  }
});

describe('version', () => {
  it('has the form of the manual', () => {
    assert.match(VERSION, /^\d{4}-\d\d-\d\d-\d\d - \d+\.\d+\.\d+\.\d+$/);
  });
});
