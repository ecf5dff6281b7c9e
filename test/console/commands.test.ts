import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { User } from '#src/wire/enumerations.ts';
import { HalError } from '#src/wire/status.ts';
import { formatTime } from '#src/console/commands/show-time.ts';
import { PROMPT, type RawClient, startTestConsole } from './console-fixture.ts';
import { FACTORY_PIN, RANDOM_KEY } from './fake-fleet.ts';

/** Answers one question after the other; returns everything up to the next main prompt. */
async function dialog(client: RawClient, steps: readonly [line: string, waitFor: string][]): Promise<string> {
  client.clear();
  for (const [line, waitFor] of steps) {
    client.send(`${line}\r`);
    await client.until(waitFor);
  }
  return client.received;
}

const ASK_PIN = `Would you like to set the 'user' PIN? (y/n) `;

describe('console commands', () => {
  it('help lists every command', async () => {
    await using console = await startTestConsole();
    const client = await console.logIn();
    const text = await client.command('help');
    assert.match(text, /^help\r\n\r\nUsage:\r\n exit /);
    assert.match(text, /\r\n masterkey set \[key\] +\S.*\r\n/);
    assert.match(text, /\r\n-------\r\nDiamond-HSM > $/);
  });

  it('list keys groups device UUIDs by device', async () => {
    await using console = await startTestConsole();
    console.fleet.deviceKeys = [
      { device: 0, keys: ['3f0c1b0e-5a7e-4a0e-9a53-0f6f3c1c9d11'] },
      { device: 1, keys: [] },
    ];
    const client = await console.logIn();
    assert.equal(
      await client.command('list keys'),
      'list keys\r\n\r\nCrypTech Device Cached UUIDs---\r\n\r\nDevice:0------------\r\n' +
        `3f0c1b0e-5a7e-4a0e-9a53-0f6f3c1c9d11\r\n\r\nDevice:1------------\r\n${PROMPT}`,
    );
  });

  it('show devices, ipaddr, macaddr and serial-number', async () => {
    await using console = await startTestConsole();
    const client = await console.logIn();
    assert.equal(
      await client.command('show devices'),
      'show devices\r\n\r\nCryptech devices currently connected to HSM:\r\n\r\n > CTY0\r\n > CTY1' +
        `\r\n > RPC0: Active - Ready\r\n > RPC1: Active - Ready${PROMPT}`,
    );
    assert.equal(await client.command('show ipaddr'), `show ipaddr\r\n\r\n10.1.10.194${PROMPT}`);
    assert.equal(await client.command('show macaddr'), `show macaddr\r\n\r\naa:bb:cc:dd:ee:ff${PROMPT}`);
    assert.equal(await client.command('show serial-number'), `show serial-number\r\n\r\n1000-0002${PROMPT}`);
  });

  it('self test names what failed, and devices that gave no answer', async () => {
    await using console = await startTestConsole();
    console.fleet.selfTestResults = [
      {
        device: 0,
        tests: [
          { name: 'AES', passed: true },
          { name: 'RSA', passed: true },
        ],
      },
      {
        device: 1,
        tests: [
          { name: 'AES', passed: false },
          { name: 'RSA', passed: true },
        ],
      },
      { device: 2, tests: undefined },
    ];
    const client = await console.logIn();
    assert.equal(
      await client.command('self test'),
      'self test\r\n\r\nRPC0: 2 known-answer tests passed.\r\nRPC1: FAILED: AES. Do not use this machine.' +
        `\r\nRPC2: not tested, the device does not answer or is a board.${PROMPT}`,
    );
  });

  it('show time has the form of C in any time zone', () => {
    const time = new Date('2018-12-09T10:22:33Z');
    assert.equal(formatTime(time, undefined), 'Sun Dec  9 10:22:33 2018 UTC');
    assert.equal(formatTime(time, 'America/Chicago'), 'Sun Dec  9 04:22:33 2018');
    assert.equal(formatTime(new Date('2018-12-19T00:02:03Z'), undefined), 'Wed Dec 19 00:02:03 2018 UTC');
  });

  it('masterkey status', async () => {
    await using console = await startTestConsole();
    const client = await console.logIn();
    assert.match(
      await client.command('masterkey status'),
      /\r\nCTY 0:\r\nvolatile: Not set\r\nflash: Not set\r\nCTY 1:\r\nvolatile: Not set\r\nflash: Not set\r\n/,
    );
  });

  it('set pin by dialog', async () => {
    await using console = await startTestConsole();
    const client = await console.logIn();
    const text = await dialog(client, [
      ['set pin user', ASK_PIN],
      ['y', `Enter the new 'user' PIN: `],
      ['12345', `Confirm the new 'user' PIN: `],
      ['12345', PROMPT],
    ]);
    assert.ok(text.endsWith(`\n\r\nPIN for 'user' set.${PROMPT}`));
    assert.ok(!text.includes('12345'));
    assert.equal(console.fleet.pins.get(User.NORMAL), '12345');
    assert.ok(!console.log.join('').includes('12345'));
  });

  it('set pin refuses what is no PIN and changes nothing', async () => {
    await using console = await startTestConsole();
    const client = await console.logIn();
    const enter = (pin: string): [string, string][] => [
      ['set pin user', ASK_PIN],
      ['y', 'PIN: '],
      [pin, PROMPT],
    ];
    assert.match(await dialog(client, enter('12 34')), /not accepted: .*white space/);
    assert.match(await dialog(client, enter('12\t34')), /not accepted: .*white space/);
    assert.match(await dialog(client, enter('123')), /not accepted: .*4 to 4096/);
    assert.match(await dialog(client, enter('')), /not accepted/);
    assert.match(await dialog(client, enter('!cancel')), /cancelled/);
    const different = await dialog(client, [
      ['set pin user', ASK_PIN],
      ['y', 'PIN: '],
      ['1234', `Confirm the new 'user' PIN: `],
      ['4321', PROMPT],
    ]);
    assert.match(different, /not accepted: .*does not match/);
    assert.doesNotMatch(
      await dialog(client, [
        ['set pin user', ASK_PIN],
        ['n', PROMPT],
      ]),
      /set\./,
    );
    assert.match(await client.command('set pin admin'), /must be 'wheel', 'so', or 'user'/);
    console.fleet.failure = new HalError('KEYSTORE_ACCESS');
    assert.match(
      await client.command('set pin user 1234'),
      /PIN not accepted: the key store cannot be read or written/,
    );
    assert.equal(console.fleet.pins.has(User.NORMAL), false);
  });

  it('set pin with the PIN keeps it out of history and log', async () => {
    await using console = await startTestConsole();
    const client = await console.logIn();
    await client.command('show version');
    assert.match(await client.command('set pin so sesame99'), /PIN for 'so' set\./);
    await client.command('set pin sso sesame99');
    assert.equal(console.fleet.pins.get(User.SO), 'sesame99');
    client.send('\x1b[A\r');
    assert.match(await client.until(PROMPT), /^show version\r\n/);
    assert.ok(!console.log.join('').includes('sesame'));
  });

  it('masterkey set asks for the password again, then for the key', async () => {
    await using console = await startTestConsole();
    const client = await console.logIn();
    client.send('masterkey set\r');
    assert.match(await client.until('Password: '), /WARNING: .*master key[\s\S]*re-enter[\s\S]*'wheel'/);
    client.send('wrong\r');
    await client.until('Incorrect password\r\n\r\nPassword: ');
    client.send(`${FACTORY_PIN}\r`);
    await client.until('set the master key? (y/n) ');
    client.send('y\r');
    await client.until('\r\n> ');
    client.clear();
    client.send('\r');
    assert.match(await client.until(PROMPT), /^\r\n\r\nSetting the master key.*\r\n\r\nSuccess:Random key:\r\n0007/);
  });

  it('masterkey set takes the key in any grouping and checks it first', async () => {
    await using console = await startTestConsole();
    await console.settings.set({ x_reauth_extended: false });
    const client = await console.logIn();
    const hex = RANDOM_KEY.toHex();
    for (const bad of ['00', `${hex}00`, `0 ${hex.slice(1)}`, `${hex.slice(2)} zz`]) {
      assert.match(
        await client.command(`masterkey set ${bad}`),
        /Failed parsing master key, expected exactly 32 hex bytes/,
      );
    }
    const groups = `${hex.slice(0, 2)} ${hex.slice(2, 40).toUpperCase()} ${hex.slice(40)}`;
    const text = await dialog(client, [
      [`masterkey set ${groups}`, 'set the master key? (y/n) '],
      ['y', PROMPT],
    ]);
    assert.match(text, /Success:Parsed key:\r\n00070E15 /);
    assert.deepEqual(console.fleet.masterKey, RANDOM_KEY);
    client.clear();
    client.send('\x1b[A\r');
    assert.equal(await client.until(PROMPT), `\r\n${PROMPT}`);
  });

  it('shows the spinner during a long operation and queues what is typed', async () => {
    await using console = await startTestConsole();
    const client = await console.logIn();
    const gate = Promise.withResolvers<void>();
    console.fleet.gate = gate.promise;
    client.send('set pin user 1234\rshow version\r');
    await client.until(/\r\n - \x08\x08\x08 \\ \x08\x08\x08 \| \x08\x08\x08 \/ /);
    assert.doesNotMatch(client.received, /show version/);
    gate.resolve();
    await client.until(/Diamond-HSM > show version\r\n\r\n.*\r\nDiamond-HSM > $/);
  });

  it('sync cache builds the table again', async () => {
    await using console = await startTestConsole();
    const client = await console.logIn();
    assert.match(await client.command('sync cache'), /Building HSM Cache\r\nCache generated\r\n/);
    console.fleet.unlocked = false;
    assert.match(await client.command('sync cache'), /synchronizer hasn't been initialized/);
  });

  it('refuses commands in the wrong state', async () => {
    await using console = await startTestConsole();
    const client = await console.logIn();
    console.fleet.tampered = true;
    assert.match(await client.command('set pin user 1234'), /ERROR: .*tamper/);
    assert.doesNotMatch(await client.command('list keys'), /ERROR/);
    console.fleet.tampered = false;
    console.fleet.unlocked = false;
    assert.match(await client.command('set pin user 1234'), /ERROR: .*set-up/);
    assert.equal(console.fleet.pins.has(User.NORMAL), false);
  });

  it('shutdown says good-bye, closes and stops the appliance', async () => {
    await using console = await startTestConsole();
    for (const [line, message, kind] of [
      ['shutdown YesIAmSure', 'Shutting Down HSM', 'off'],
      ['reboot YesIAmSure', 'Restarting HSM', 'restart'],
    ]) {
      const client = await console.logIn();
      client.send(`${line}\r`);
      assert.match(await client.closed(), new RegExp(`\r\n${message}\r\n.*Ctrl-C`));
      assert.equal(console.shutdowns.at(-1), kind);
    }
  });

  it('exit closes, logout shows the login again', async () => {
    await using console = await startTestConsole();
    const client = await console.logIn();
    client.send('logout\r');
    assert.match(await client.until('Password: '), /^logout\r\n\r\nPlease log in with the 'wheel'/);
    client.send(`${FACTORY_PIN}\r`);
    await client.until(PROMPT);
    client.send('exit\r');
    assert.match(await client.closed(), /Ctrl-C/);
    assert.equal(console.fleet.unlocked, true);
  });

  it('says good-bye when the server closes', async () => {
    await using console = await startTestConsole();
    const client = await console.logIn();
    const [text] = await Promise.all([client.closed(), console.server.close()]);
    assert.match(text, /The HSM is shutting down\.\r\n.*Ctrl-C/);
  });
});
