/**
 * kill -9 of every process of the appliance in turn while a program makes keys and signs. At the end every key that was
 * acknowledged to the program is on the token exactly once and works.
 */

import assert from 'node:assert/strict';
import { setTimeout } from 'node:timers/promises';
import { afterEach, beforeEach, describe, it } from 'node:test';

import { pidsOf, until } from '#test/processes.ts';
import { checkedInventory } from './inventory.ts';
import { type Maker, startMaker } from './maker.ts';
import { Site } from './site.ts';

const CKR_DEVICE_ERROR = '0x30';

describe('kill -9 during key generation and signing', { timeout: 300_000 }, () => {
  let site: Site;
  let maker: Maker;

  beforeEach(async () => {
    site = await Site.startSetUp();
    maker = await startMaker(site, 'key');
  });
  afterEach(async () => {
    await maker.stop().catch(() => {});
    await site.close();
  });

  /** Kills all processes whose arguments hold this text. */
  function kill(what: string): number[] {
    const pids = pidsOf(site.state, what);
    assert.ok(pids.length > 0, `no process ${what}`);
    for (const pid of pids) process.kill(pid, 'SIGKILL');
    return pids;
  }

  /** Kills shall hit the program in any of its states, not only right after a key was made. */
  const someMoment = () => setTimeout(40 * Math.random());

  /** All calls that failed had this result. */
  function assertOnly(result: string): void {
    const others = maker.failures.filter((failure) => !failure.endsWith(` ${result}`));
    assert.deepEqual(others, []);
  }

  /** Ends the program, then looks for what it was told. */
  async function checkToken(t: { diagnostic(text: string): void }): Promise<void> {
    await maker.stop();
    const labels = await checkedInventory(site);
    const lost = maker.keys.filter((label) => !labels.has(label));
    assert.deepEqual(lost, [], 'acknowledged keys that are not on the token');
    assert.equal(new Set(maker.keys).size, maker.keys.length);
    t.diagnostic(
      `${maker.keys.length} keys acknowledged, ${labels.size} on the token, ${maker.signatures} signatures, ` +
        `${maker.failures.length} failed calls`,
    );
  }

  it('of devices: they come back by themselves, the program sees nothing', async (t) => {
    for (let round = 0; round < 8; round++) {
      await maker.goesOn();
      await someMoment();
      kill(`--index ${round % 2} `);
    }
    await maker.goesOn();
    kill('device/main.ts');
    await maker.goesOn();
    assert.deepEqual(maker.failures, []);
    assert.equal(maker.messages, '');
    await checkToken(t);
  });

  it('of the daemon: when it is started again and unlocked the program goes on', async (t) => {
    for (let round = 0; round < 6; round++) {
      await maker.goesOn();
      await someMoment();
      await site.appliance.kill();
      await site.startDaemon();
      await site.unlock();
    }
    await maker.goesOn();
    assert.deepEqual(maker.failures, []);
    assert.match(maker.messages, /was lost; connecting again/);
    await checkToken(t);
  });

  it('of the master key holder: clear errors until the master key is set again at the console', async (t) => {
    for (let round = 0; round < 6; round++) {
      await maker.goesOn();
      await someMoment();
      const before = maker.failures.length;
      const [old] = kill('mkm/main.ts');
      await maker.fails(before);
      // The daemon starts another one by itself; it has no key.
      await until(() => pidsOf(site.state, 'mkm/main.ts').some((pid) => pid !== old));
      const said = await site.mustConsole(
        'wheel-pin',
        ...['--master-key', `file:${site.file('master-key')}`, '--command', 'masterkey set'],
      );
      assert.match(said, /Success:Parsed key:/);
    }
    await maker.goesOn();
    assertOnly(CKR_DEVICE_ERROR);
    assert.match(maker.messages, /has no master key: set it with dks_setup_console \(masterkey set\)/);
    await checkToken(t);
  });

  it('of everything at once: after a start with the master key the program goes on', async (t) => {
    for (let round = 0; round < 3; round++) {
      await maker.goesOn();
      await someMoment();
      kill('/main.ts');
      await site.appliance.exited;
      await site.startDaemon();
      const unlock = ['--master-key', `file:${site.file('master-key')}`, '--command', 'masterkey status'];
      const said = await site.mustConsole('wheel-pin', ...unlock);
      assert.match(said, /CTY 0:\nvolatile: Set\n[^]*CTY 1:\nvolatile: Set\n/);
    }
    await maker.goesOn();
    assertOnly(CKR_DEVICE_ERROR);
    await checkToken(t);
  });
});

it('kill -9 of the daemon ends its devices, also one that makes a long key', { timeout: 60_000 }, async () => {
  const site = await Site.startSetUp();
  try {
    const making = site.tool('--login --pin user-4711 --keypairgen --key-type rsa:8192 --label long --usage-sign', {
      DKS_PKCS11_RETRY_SECONDS: '0',
    });
    await setTimeout(1000);
    await site.appliance.kill();
    const limit = AbortSignal.timeout(5000);
    await until(() => limit.aborted || pidsOf(site.state, 'device/main.ts').length === 0);
    assert.deepEqual(pidsOf(site.state, 'device/main.ts'), []);
    await making;
  } finally {
    await site.close();
  }
});
