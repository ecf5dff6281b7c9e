import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { openLog } from '#src/audit/log.ts';

let folder: string;
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'dks-log-'));
});
after(() => rmSync(folder, { recursive: true }));

test('lines have date, logger, process and level; a message is one line whatever a peer put in', () => {
  const file = join(folder, 'one.log');
  const log = openLog(file, { name: 'main' });
  log.info('first');
  log.child('rpc').warn('two\r\nlines\u001b[31m');
  log.debug('not at this level');
  const lines = readFileSync(file, 'utf8').split('\n');
  assert.equal(lines.length, 3);
  assert.match(lines[0]!, new RegExp(String.raw`^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d main\[${process.pid}\]:INFO: first$`));
  assert.match(lines[1]!, / rpc\[\d+\]:WARN: two lines \[31m$/);
  assert.equal(statSync(file).mode & 0o777, 0o600);
});

test('the file is rotated at 5 MiB and five old ones are kept', () => {
  const file = join(folder, 'rotated.log');
  const log = openLog(file);
  const message = 'x'.repeat(1024 * 1024);
  for (let i = 0; i < 40; i++) log.info(message);
  const names = readdirSync(folder)
    .filter((name) => name.startsWith('rotated'))
    .sort();
  assert.deepEqual(names, ['rotated.log', ...[1, 2, 3, 4, 5].map((number) => `rotated.log.${number}`)]);
  for (const name of names) assert.ok(statSync(join(folder, name)).size < 6.1 * 1024 * 1024);
});

test('a log that can no longer be written does not disturb its users', () => {
  const log = openLog('/dev/full');
  log.error('lost');
});
