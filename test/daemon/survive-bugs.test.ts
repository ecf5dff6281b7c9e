import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';

test('a daemon outlives an exception in an event handler and a rejection that nobody handles, and logs both', () => {
  const program = `
    const { createLog } = await import('#src/audit/log.ts');
    const { surviveBugs } = await import('#src/daemon/survive-bugs.ts');
    surviveBugs(createLog('dks-hsmd', (line) => process.stdout.write(line)));
    setImmediate(() => { throw new TypeError('in a handler'); });
    void Promise.reject(new RangeError('of a promise'));
    setTimeout(() => process.stdout.write('still there'), 50);`;
  const { stdout, status } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
    cwd: join(import.meta.dirname, '../..'),
    encoding: 'utf8',
  });
  assert.equal(status, 0);
  assert.match(stdout, /ERROR: bug: TypeError: in a handler/);
  assert.match(stdout, /ERROR: bug: RangeError: of a promise/);
  assert.match(stdout, /still there$/);
});
