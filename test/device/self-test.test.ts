import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { createLog } from '#src/audit/log.ts';
import { DEFAULT_POLICY } from '#src/cryptoki/separation.ts';
import { Device } from '#src/device/device.ts';
import { SqliteKeyStore } from '#src/store/sqlite-key-store.ts';
import { MasterKeyState } from '#src/wire/enumerations.ts';
import { DeviceUnderTest, NOBODY, status } from './device-under-test.ts';

describe('self test', () => {
  test('all known answers are right', async () => {
    await using device = await DeviceUnderTest.create();
    const link = await device.start();
    const { tests } = await link.call('SELF_TEST', NOBODY, {});
    assert.ok(tests.length > 5);
    assert.deepEqual(
      tests.filter(({ passed }) => passed !== 1),
      [],
    );
  });

  test('a device that fails it serves no keys until it is started again', async () => {
    await using started = await DeviceUnderTest.create();
    const store = new SqliteKeyStore({ path: join(started.state, 'keystore.db'), maxKeys: 10 });
    const lines: string[] = [];
    const device = new Device({
      index: 0,
      store,
      mkmSocket: started.mkm,
      epoch: Buffer.alloc(16),
      pinDelayMs: 1,
      maxLogins: 10,
      publicSessionKeys: false,
      strictVendor: false,
      erasesKeys: false,
      policy: DEFAULT_POLICY,
      log: createLog('device', (line) => lines.push(line), 'info'),
    });
    try {
      await device.masterKey.set(Buffer.alloc(32, 1));
      await device.testItself(() => Promise.resolve([{ name: 'AES', passed: true }]));
      assert.equal(await device.masterKey.refresh(), MasterKeyState.SET);
      await device.testItself(() =>
        Promise.resolve([
          { name: 'AES', passed: true },
          { name: 'RSA', passed: false },
        ]),
      );
      assert.equal(await device.masterKey.refresh(), MasterKeyState.FAILED);
      await assert.rejects(device.masterKey.require(), status('MASTERKEY_FAIL'));
      await assert.rejects(device.masterKey.set(Buffer.alloc(32, 2)), status('MASTERKEY_FAIL'));
      assert.match(lines.join(''), /self test has failed, no key is served: RSA/);
    } finally {
      device.close();
    }
  });
});
