/** What goes wrong at a site, as its operator and its programs meet it: every message says what to do. */

import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';

import { buildProgram, type Configuration, MODULE, type Running, start } from '../pkcs11/programs.ts';
import { assertFails } from './assert-fails.ts';
import { startMaker } from './maker.ts';
import { Site } from './site.ts';

const PIN_DELAY = 400;
const LOG_IN = '--login --pin user-4711';
const GENERATE = `${LOG_IN} --keypairgen --key-type EC:prime256v1 --id 01 --label mine --usage-sign`;
const STATUS = ['--command', 'masterkey status'];

/** Runs test/pkcs11/steps.c. */
function steps(site: Site, ...list: readonly string[]): Running {
  const configuration = { folder: site.folder } as Configuration;
  return start(buildProgram('steps'), [MODULE, ...list], { configuration, env: { DKS_PKCS11_RETRY_SECONDS: '1' } });
}

describe('at a site', { timeout: 300_000 }, () => {
  let site: Site;
  let conf: string;

  before(async () => {
    buildProgram('steps');
    site = await Site.start({ pinDelayMs: PIN_DELAY });
    conf = readFileSync(site.file('hsm.conf'), 'utf8');
  });
  after(() => site.close());

  /** Runs with another hsm.conf. */
  async function withConf(text: string | undefined, work: () => Promise<void>): Promise<void> {
    if (text === undefined) rmSync(site.file('hsm.conf'));
    else writeFileSync(site.file('hsm.conf'), text);
    try {
      await work();
    } finally {
      writeFileSync(site.file('hsm.conf'), conf);
    }
  }

  it('no master key: programs are told to have it set, the console tells the state', async () => {
    const advice = /has no master key: set it with dks_setup_console \(masterkey set\)/;
    assertFails(await site.tool(GENERATE), 1, /C_Login failed: rv = CKR_DEVICE_ERROR/, advice);
    const status = await site.console('factory-pin', '--master-key', 'keep', ...STATUS);
    assertFails(status, 0, /volatile: Not set/, /factory 'wheel' PIN is still in use. Change it with: set pin wheel/);
    await site.setUp('masterkey set');
    assertFails(await site.tool(GENERATE), 0, /Private Key Object; EC/);
  });

  it('a wrong PIN: CKR_PIN_INCORRECT after the delay; at the console exit status 4', async () => {
    const started = performance.now();
    assertFails(
      await site.tool(GENERATE.replace('user-4711', 'user-4712')),
      1,
      /C_Login failed: rv = CKR_PIN_INCORRECT/,
    );
    assert.ok(performance.now() - started >= PIN_DELAY);
    assertFails(await site.tool(GENERATE.replace('user-4711', 'abc')), 1, /C_Login failed: rv = CKR_PIN_LEN_RANGE/);
    assertFails(await site.tool(GENERATE), 0);
    assertFails(await site.console('so-pin', ...STATUS), 4, /does not accept the password: it is the PIN of wheel/);
    assertFails(await site.console('no-such-pin', ...STATUS), 2, /no-such-pin: cannot be read: .*check the path/);
  });

  it('a locked HSM: programs are told to have it unlocked', async () => {
    await site.appliance.halt();
    await site.startDaemon();
    const advice = /is locked: log in with dks_setup_console/;
    assertFails(await site.tool(GENERATE), 1, /C_Login failed: rv = CKR_DEVICE_ERROR/, advice);
    await site.unlock();
    assertFails(await site.tool(`${LOG_IN} --list-objects`), 0, /label: +mine/);
  });

  for (const [name, change, library, console] of [
    ['missing', () => undefined, /cannot read .*hsm\.conf: No such file/, /hsm\.conf: cannot be read: does not exist/],
    ['empty', () => '', /the section <rpc> is missing/, /the element <cty> is missing/],
    ['cut off', (text) => text.slice(0, 100), /the section <rpc> is missing/, /the element <cty> is missing/],
    ['without <IP>', (text) => text.replaceAll(/<IP>.*<\/IP>/g, ''), /the element <IP> of/, /the element <IP> in/],
  ] as const satisfies readonly [string, (text: string) => string | undefined, RegExp, RegExp][]) {
    it(`an hsm.conf that is ${name}: file, element and what to do`, () =>
      withConf(change(conf), async () => {
        const advice = /write (it|the file) as the manual (tells|shows) \(Configure a client\)|DIAMOND_HSM_CONFIG_PATH/;
        assertFails(await site.tool('--list-slots'), 1, /CKR_GENERAL_ERROR/, library, advice);
        assertFails(await site.console('wheel-pin', ...STATUS), 2, console, advice);
      }));
  }

  it('an hsm.conf with a bad port or fingerprint: what it has to be', async () => {
    await withConf(conf.replaceAll(/<port>.*<\/port>/g, '<port>99999</port>'), async () => {
      const advice = /must be a number from 1 to 65535/;
      assertFails(await site.tool('--list-slots'), 1, /CKR_GENERAL_ERROR/, /99999/, advice);
      assertFails(await site.console('wheel-pin', ...STATUS), 2, /<port> in <cty>.*99999/, advice);
    });
    await withConf(conf.replaceAll(/<fingerprint>.*</g, '<fingerprint>12:34<'), async () => {
      assertFails(await site.tool('--list-slots'), 1, /must be 64 hex digits, .*which dks-hsmd prints when it starts/);
      assertFails(await site.console('wheel-pin', ...STATUS), 2, /must be a SHA-256 value: 64 hexadecimal digits/);
    });
  });

  it('an HSM that is not the one of hsm.conf: nothing is sent to it', () =>
    withConf(conf.replaceAll(/<fingerprint>.*</g, `<fingerprint>${'ab'.repeat(32)}<`), async () => {
      const advice = /If the HSM was (really re-installed or )?replaced, correct <fingerprint>/;
      assertFails(await site.tool(GENERATE), 1, /No slot with a token was found/, /is not the HSM of/, advice);
      assertFails(await site.console('wheel-pin', ...STATUS), 3, /not the HSM that was expected/, advice);
    }));

  it('an appliance that is down at the start: no token is present; when it is up the same program goes on', async () => {
    await site.appliance.halt();
    const advice =
      /cannot connect to the HSM at 127\.0\.0\.1 port \d+: .*check that the HSM is running, and <IP> and <port>/;
    assertFails(await site.tool(GENERATE), 1, /No slot with a token was found/, advice);
    assertFails(
      await site.console('wheel-pin', ...STATUS),
      3,
      /is the HSM running and is the port in hsm\.conf right\?/,
    );
    const running = steps(site, 'init', 'present', 'open', 'wait', 'open', 'login=user-4711', 'generate', 'sign');
    await running.printed('waiting');
    await site.startDaemon();
    await site.unlock();
    running.send('');
    const { stdout, stderr } = await running.result;
    assert.match(stdout, /^init 0x0\npresent 0x0 0\nopen 0xe0\n[^]*open 0x0\nlogin 0x0\ngenerate 0x0\nsign 0x0\n$/);
    assert.match(stderr, advice);
  });

  it('an appliance that is killed and stays locked: a clear result in time; once unlocked the same program goes on', async () => {
    const running = steps(
      ...([site, 'init', 'open', 'login=user-4711', 'generate', 'sign', 'wait', 'sign', 'wait', 'sign'] as const),
    );
    await running.printed('waiting');
    await site.appliance.kill();
    await site.startDaemon();
    running.send('');
    await running.printed('sign 0x30\nwaiting');
    await site.unlock();
    running.send('');
    const { stdout, stderr } = await running.result;
    assert.match(stdout, /sign 0x30\nwaiting\nwait 0x0\nsign 0x0\n$/);
    assert.match(stderr, /is locked: log in with dks_setup_console/);
  });

  it('an appliance that is restarted by its operator in the middle of a signing run: nothing is seen of it', async () => {
    const maker = await startMaker(site, 'restart');
    try {
      await maker.goesOn();
      await site.mustConsole('wheel-pin', '--command', 'shutdown restart YesIAmSure');
      assert.equal(await site.appliance.exited, 75);
      await site.startDaemon();
      await site.unlock();
      await maker.goesOn();
      assert.deepEqual(maker.failures, []);
    } finally {
      await maker.stop();
    }
  });
});
