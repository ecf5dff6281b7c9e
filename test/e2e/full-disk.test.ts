/** The disk fills up under the state folder: nothing acknowledged is lost, signing goes on, and with room again everything does. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { pidsOf } from '#test/processes.ts';
import { runProgram } from '../../scripts/quickstart/run-program.ts';
import { daemonArgs } from '../appliance.ts';
import { checkedInventory } from './inventory.ts';
import { startMaker } from './maker.ts';
import { BIN, Site } from './site.ts';
import { cannotMount, SmallFileSystem } from './small-file-system.ts';

/** CKR_DEVICE_MEMORY: the token has not enough memory for this (PKCS#11 5.1.5). */
const NO_ROOM = 'C_GenerateKeyPair 0x31';

describe('a full disk', { skip: cannotMount, timeout: 120_000 }, () => {
  it('refuses new keys with a clear result, keeps signing, and is over when there is room again', async (t) => {
    const disk = new SmallFileSystem();
    let site: Site | undefined;
    try {
      site = await Site.startSetUp({ state: disk.path });
      const maker = await startMaker(site, 'key');
      try {
        await maker.goesOn();
        disk.fillUp();
        await maker.fails(0);
        // Room that a checkpoint or an old log gives back is taken as well.
        disk.fillUp();
        await maker.signs();
        assert.deepEqual(new Set(maker.failures), new Set([NO_ROOM]));
        assert.match(maker.messages, /has no room for this .*: delete keys, or free some space on its disk/);
        assert.match(site.appliance.log, /KEY_PAIR_CREATE: .*the disk or the quota is full: free some space/);

        const wrong = await site.tool('--login --pin wrong-4711 --list-objects');
        assert.match(wrong.stderr, /CKR_PIN_INCORRECT/, 'the delay of a wrong PIN does not depend on the disk');
        const setPin = ['--new-pin-file', `so=${site.file('so-pin')}`, '--command', 'set pin so'];
        const refused = await site.console('wheel-pin', ...setPin);
        assert.equal(refused.status, 1);
        assert.match(refused.stdout, /disk is full: delete keys or free some space, then try again/);

        // A device comes back without room.
        const [device] = pidsOf(site.state, 'device/main.ts') as [number];
        process.kill(device, 'SIGKILL');
        await maker.signs();
        assert.deepEqual(new Set(maker.failures), new Set([NO_ROOM]));

        disk.free();
        await maker.goesOn();
        await site.mustConsole('wheel-pin', ...setPin);
      } finally {
        await maker.stop();
      }
      const labels = await checkedInventory(site);
      assert.deepEqual(
        maker.keys.filter((label) => !labels.has(label)),
        [],
      );
      t.diagnostic(`${maker.keys.length} keys acknowledged, ${maker.failures.length} refused`);

      await site.appliance.halt();
      disk.fillUp();
      const late = await runProgram(`${BIN}/dks-hsmd`, daemonArgs(disk.path));
      assert.equal(late.status, 1);
      assert.match(late.stderr, /the disk is full: free some space/);
    } finally {
      await site?.close();
      disk.remove();
    }
  });
});
