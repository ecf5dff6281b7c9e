import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { KeyNames } from '#src/board/key-names.ts';

const folder = mkdtempSync(join(tmpdir(), 'dks-key-names-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const uuid = (digit: string) => Uint8Array.fromHex(digit.repeat(32));

test('names are on the disk at once, in the form of the vendor’s appliance', async () => {
  const path = join(folder, 'names.json');
  const names = await KeyNames.open(path);
  await Promise.all([names.add([[uuid('1'), uuid('a')]]), names.add([[uuid('2'), uuid('a')]])]);
  await names.add([[uuid('3'), uuid('b')]]);
  assert.deepEqual(JSON.parse(readFileSync(path, 'utf8')), {
    '11111111-1111-1111-1111-111111111111': 'aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa',
    '22222222-2222-2222-2222-222222222222': 'aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa',
    '33333333-3333-3333-3333-333333333333': 'bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb',
  });
  assert.equal(statSync(path).mode & 0o777, 0o600);
  const again = await KeyNames.open(path);
  assert.deepEqual(again.keysOf(uuid('a')), [uuid('1'), uuid('2')]);
  await again.remove([uuid('1'), uuid('9')]);
  assert.equal((await KeyNames.open(path)).of(uuid('1')), undefined);
});

test('the vendor’s file is read, with or without hyphens and in capitals', async () => {
  const path = join(folder, 'vendor.json');
  writeFileSync(path, `{ "${'C'.repeat(32)}": "dddddddd-dddd-dddd-dddd-dddddddddddd" }`);
  assert.deepEqual((await KeyNames.open(path)).of(uuid('c')), uuid('d'));
});

test('a damaged file is put aside', async () => {
  for (const text of ['', '[]', '{"x":"y"}', `{"${'1'.repeat(32)}":3}`]) {
    const path = join(folder, 'damaged.json');
    writeFileSync(path, text);
    const names = await KeyNames.open(path);
    assert.match(names.problem ?? '', /was damaged/);
    assert.equal(names.of(uuid('1')), undefined);
  }
  assert.equal(readdirSync(folder).filter((name) => name.startsWith('damaged.json.damaged-')).length > 0, true);
});
