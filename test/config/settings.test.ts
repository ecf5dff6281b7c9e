import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { Settings } from '#src/config/settings.ts';

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dks-settings-'));
  path = join(folder, 'settings.json');
});
afterEach(() => rm(folder, { recursive: true }));

const stored = async (): Promise<Record<string, unknown>> =>
  JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>;

describe('settings', () => {
  it('have the defaults of the manual when there is no file', async () => {
    const settings = await Settings.open(folder);
    assert.equal(settings.problem, undefined);
    assert.equal(settings.get('ENABLE_EXPORTABLE_PRIVATE_KEYS'), false);
    assert.equal(settings.get('STATICIP_IPADDR'), '10.10.10.2');
    assert.equal(settings.get('x_prompt'), 'Diamond-HSM > ');
    assert.equal(settings.get('x_masterkey_always_ask'), true);
    assert.equal(settings.get('x_time_zone'), undefined);
  });

  it('are stored completely, for the owner only, and read again', async () => {
    const settings = await Settings.open(folder);
    await settings.set({ MASTERKEY_SET: true, x_time_zone: 'Europe/Berlin' });
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    assert.deepEqual(await readdir(folder), ['settings.json']);
    assert.equal((await stored())['IP_ADDRESS_SETTINGS'], 'DHCP');
    const again = await Settings.open(folder);
    assert.equal(again.get('MASTERKEY_SET'), true);
    assert.equal(again.get('x_time_zone'), 'Europe/Berlin');
  });

  it('keep keys they do not know', async () => {
    await writeFile(path, '{"GPIO_LEDS": true, "x_future": {"a": [1]}, "MASTERKEY_SET": true}');
    const settings = await Settings.open(folder);
    await settings.set({ MASTERKEY_SET: false });
    const content = await stored();
    assert.deepEqual([content['GPIO_LEDS'], content['x_future'], content['MASTERKEY_SET']], [true, { a: [1] }, false]);
  });

  for (const damaged of ['', '{"MASTERKEY_SET": tr', '[]', 'null', '"text"', '\u0000\u0000']) {
    it(`replace the damaged file ${JSON.stringify(damaged)} by defaults and keep it aside`, async () => {
      await writeFile(path, damaged);
      const settings = await Settings.open(folder);
      assert.match(settings.problem ?? '', /settings\.json was damaged \(it is not a JSON object\)/);
      assert.equal(settings.get('ZERO_CONFIG_ENABLED'), true);
      const names = (await readdir(folder)).sort();
      assert.equal(names.length, 2);
      assert.equal(await readFile(join(folder, names[1]!), 'utf8'), damaged);
      assert.equal((await Settings.open(folder)).problem, undefined);
    });
  }

  it('replace only the values that are wrong', async () => {
    await writeFile(
      path,
      '{"STATICIP_IPADDR": "10.1.1.999", "MASTERKEY_SET": true, "x_console_idle_minutes": -1, "y": 1}',
    );
    const settings = await Settings.open(folder);
    assert.match(settings.problem ?? '', /STATICIP_IPADDR has an unusable value; x_console_idle_minutes has/);
    assert.equal(settings.get('STATICIP_IPADDR'), '10.10.10.2');
    assert.equal(settings.get('MASTERKEY_SET'), true);
    assert.equal((await stored())['y'], 1);
  });

  it('read all forms of firewall rules', async () => {
    await writeFile(
      path,
      '{"DATA_FIREWALL_SETTINGS": null, "WEB_FIREWALL_SETTINGS": {"from": "10.0.0.1", "to": "10.0.0.9"}, "MGMT_FIREWALL_SETTINGS": ["10.0.0.1"]}',
    );
    const settings = await Settings.open(folder);
    assert.equal(settings.problem, undefined);
    assert.deepEqual(settings.get('WEB_FIREWALL_SETTINGS'), { from: '10.0.0.1', to: '10.0.0.9' });
  });

  it('stay as they were when they cannot be written', async () => {
    const settings = await Settings.open(folder);
    await mkdir(path);
    await assert.rejects(settings.set({ MASTERKEY_SET: true }), /settings\.json: cannot be written/);
    assert.equal(settings.get('MASTERKEY_SET'), false);
    assert.deepEqual(await readdir(folder), ['settings.json']);
  });

  it('lose no change of many at once', async () => {
    const settings = await Settings.open(folder);
    await Promise.all([
      settings.set({ MASTERKEY_SET: true }),
      settings.set({ ENABLE_KEY_EXPORT: true }),
      settings.set({ x_console_idle_minutes: 5 }),
    ]);
    const content = await stored();
    assert.deepEqual(
      [content['MASTERKEY_SET'], content['ENABLE_KEY_EXPORT'], content['x_console_idle_minutes']],
      [true, true, 5],
    );
  });
});
