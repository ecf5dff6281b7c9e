import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { lockFile } from '#src/crypto/file-lock.ts';

const folder = mkdtempSync(join(tmpdir(), 'dks-lock-'));
after(() => rmSync(folder, { recursive: true }));

/** Takes the lock in a process of its own and tells whether it got it; the process lives until its input ends. */
async function lockElsewhere(path: string) {
  const program = `
    const { lockFile } = await import('#src/crypto/file-lock.ts');
    process.stdout.write(lockFile(process.argv[1]) ? 'mine' : 'taken');
    process.stdin.resume();`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program, path], {
    cwd: join(import.meta.dirname, '../..'),
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const [answer] = (await once(child.stdout, 'data')) as [Buffer];
  return { answer: answer.toString(), child };
}

test('one process has the lock until it ends, be it by force', async () => {
  const path = join(folder, 'one');
  const first = await lockElsewhere(path);
  assert.equal(first.answer, 'mine');
  assert.equal(lockFile(path), undefined);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  first.child.kill('SIGKILL');
  await once(first.child, 'exit');

  const unlock = lockFile(path);
  assert.ok(unlock);
  const second = await lockElsewhere(path);
  assert.equal(second.answer, 'taken');
  second.child.stdin.end();
  unlock();
  lockFile(path)?.();
});

test('a lock that cannot be is an error that names the file, also for a link to a file of somebody else', () => {
  assert.throws(() => lockFile(join(folder, 'missing', 'file')), /missing\/file cannot be locked \(ENOENT\)/);
  const link = join(folder, 'link');
  symlinkSync('/etc/passwd', link);
  assert.throws(() => lockFile(link), /link cannot be locked \(ELOOP\)/);
});
