import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { isStrictVendor, setStrictVendor } from '../../scripts/quickstart/daemon.ts';
import { Folder } from '../../scripts/quickstart/folder.ts';
import { parseOptions } from '../../scripts/quickstart/options.ts';

const strictVendorOf = (...args: string[]): unknown => {
  const options = parseOptions(args, '/nowhere');
  return options !== 'help' && options.strictVendor;
};

test('--strict-vendor becomes a setting of the appliance and leaves the others as they are', async () => {
  assert.deepEqual([strictVendorOf(), strictVendorOf('--strict-vendor')], [false, true]);
  const path = await mkdtemp(join(tmpdir(), 'dks-quickstart-'));
  try {
    const folder = new Folder(path);
    await folder.create();
    assert.equal(await isStrictVendor(folder), false);
    await setStrictVendor(folder);
    assert.equal(await isStrictVendor(folder), true);
    const settings = join(folder.hsm, 'settings.json');
    assert.equal((await stat(settings)).mode & 0o777, 0o600);
    await writeFile(settings, '{"ENABLE_KEY_EXPORT": true, "x_future": 1}');
    await setStrictVendor(folder);
    const content = JSON.parse(await readFile(settings, 'utf8')) as Record<string, unknown>;
    assert.deepEqual([content['ENABLE_KEY_EXPORT'], content['x_future'], content['strictVendor']], [true, 1, true]);
  } finally {
    await rm(path, { recursive: true });
  }
});
