/** dks_setup_console against the real appliance, as an administrator automates it. */

import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { holder } from '#src/daemon/holder.ts';
import { type Appliance, FACTORY_PIN, startAppliance } from '#test/appliance.ts';
import { hsmConfText, runConsole } from './run-console.ts';

describe('dks_setup_console with an appliance', () => {
  it('sets it up, restarts it with the master key kept, and switches it off', async () => {
    const base = await mkdtemp(join(tmpdir(), 'dks-cli-appliance-'));
    const state = join(base, 'state');
    let appliance: Appliance | undefined;
    try {
      await mkdir(state);
      const file = async (name: string, text: string): Promise<string> => {
        await writeFile(join(base, name), text, { mode: 0o600 });
        return join(base, name);
      };
      const start = async (): Promise<Appliance> => {
        const started = await startAppliance({ state });
        await file('hsm.conf', hsmConfText(started.consolePort, `<fingerprint>${started.fingerprint}</fingerprint>`));
        return started;
      };
      const factory = await file('factory', FACTORY_PIN);
      const wheel = await file('wheel', 'wheel-4711\n');
      const user = await file('user', '1234\n');
      const run = (pinFile: string, ...args: string[]) =>
        runConsole(['--config-path', base, '--pin-file', pinFile, ...args]);

      appliance = await start();
      const newPins = ['--new-pin-file', `wheel=${wheel}`, '--new-pin-file', `user=${user}`];
      const commands = ['--command', 'set pin user', '--command', 'set pin wheel', '--command', 'list keys'];
      const first = await run(factory, '--master-key', 'generate', ...newPins, ...commands);
      assert.equal(first.status, 0, first.err);
      assert.match(
        first.out,
        /^Success:Random key:\n([0-9A-F]{8} ){7}[0-9A-F]{8}\nPIN for 'user' set\.\nPIN for 'wheel' set\.\nCrypTech Device/,
      );
      assert.equal((await run(factory, '--command', 'show version')).status, 4);

      const restart = await run(wheel, '--command', 'shutdown restart YesIAmSure');
      assert.deepEqual([restart.status, restart.out], [0, 'Restarting HSM\n']);
      assert.equal(await appliance.exited, 75);

      appliance = await start();
      const status = await run(wheel, '--master-key', 'keep', '--command', 'masterkey status');
      assert.match(status.out, /^CTY 0:\nvolatile: Set\nflash: Not set\nCTY 1:\nvolatile: Set\n/);

      assert.equal((await run(wheel, '--command', 'shutdown YesIAmSure')).status, 0);
      assert.equal(await appliance.exited, 0);
      appliance = undefined;
    } finally {
      await appliance?.stop();
      await holder.end(join(state, 'run', 'mkm.sock')).catch(() => undefined);
      await rm(base, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
    }
  });
});
