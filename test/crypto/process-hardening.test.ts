import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { lockedBuffer, wipe } from '#src/crypto/process-hardening.ts';

import { throwsStatus } from './expect.ts';

/** Flags of all mappings (proc(5), VmFlags of /proc/PID/smaps), and the kilobytes that are locked. */
function lockedMappings(): { flags: string[]; kilobytes: number } {
  const flags = readFileSync('/proc/self/smaps', 'utf8').match(/^VmFlags: .*$/gm) ?? [];
  const [, kilobytes] = /^VmLck:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
  return { flags: flags.filter((line) => line.split(' ').includes('lo')), kilobytes: Number(kilobytes) };
}

test('a locked buffer is zeroed memory that is locked and stays out of core files and forks', () => {
  const before = lockedMappings();
  const buffer = lockedBuffer(5000);
  assert.equal(buffer.length, 5000);
  assert.ok(buffer.every((byte) => byte === 0));
  buffer.write('secret');
  assert.equal(buffer.toString('latin1', 0, 6), 'secret');
  const { flags, kilobytes } = lockedMappings();
  assert.equal(kilobytes - before.kilobytes, 8);
  for (const flag of ['dd', 'wf']) {
    assert.ok(
      flags.some((line) => line.split(' ').includes(flag)),
      flags.join(),
    );
  }
  wipe(buffer);
  assert.ok(buffer.every((byte) => byte === 0));
});

test('sizes that are none are refused', () => {
  for (const size of [0, -1, 1.5, Number.NaN]) throwsStatus('BAD_ARGUMENTS', () => lockedBuffer(size));
});

test('a hardened process writes no core files and cannot be read by others of the user', () => {
  const program = `
    const { hardenProcess } = await import(${JSON.stringify(import.meta.resolve('#src/crypto/process-hardening.ts'))});
    const { readFileSync } = await import('node:fs');
    console.log(JSON.stringify({ problems: hardenProcess(), limits: readFileSync('/proc/self/limits', 'utf8') }));
  `;
  const shell = 'ulimit -c unlimited 2>/dev/null; exec "$0" --input-type=module -e "$1"';
  const output = execFileSync('sh', ['-c', shell, process.execPath, program], { encoding: 'utf8' });
  const { problems, limits } = JSON.parse(output) as { problems: string[]; limits: string };
  assert.deepEqual(problems, []);
  assert.match(limits, /^Max core file size\s+0\s+0\s/m);
});

test('without the right to lock memory the process is told, and buffers still work', () => {
  const program = `
    const { hardenProcess, lockedBuffer } = await import(${JSON.stringify(import.meta.resolve('#src/crypto/process-hardening.ts'))});
    console.log(JSON.stringify({ problems: hardenProcess(), size: lockedBuffer(10).fill(1).length }));
  `;
  const drop = ['--inh-caps=-ipc_lock', '--bounding-set=-ipc_lock'];
  const shell = 'ulimit -l 0 && exec "$@"';
  const command = process.getuid?.() === 0 ? ['setpriv', ...drop, process.execPath] : [process.execPath];
  const output = execFileSync('sh', ['-c', shell, 'sh', ...command, '--input-type=module', '-e', program], {
    encoding: 'utf8',
  });
  const { problems, size } = JSON.parse(output) as { problems: string[]; size: number };
  assert.equal(problems.length, 1);
  assert.match(problems[0] ?? '', /memory cannot be locked/);
  assert.equal(size, 10);
});
