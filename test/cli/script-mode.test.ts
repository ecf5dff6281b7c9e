/** dks_setup_console for automation, against the real console server. */

import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { chmod, readFile, rm, writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { User } from '#src/wire/enumerations.ts';
import { HalError } from '#src/wire/status.ts';
import { firstCertificate, secondCertificate } from '#test/console/certificates.ts';
import { startTestConsole, VERSION } from '#test/console/console-fixture.ts';
import { FACTORY_PIN, RANDOM_KEY } from '#test/console/fake-fleet.ts';
import { hsmConfText, prepareHost, runConsole } from './run-console.ts';

const GROUPS = '00070E15 1C232A31 383F464D 545B6269 70777E85 8C939AA1 A8AFB6BD C4CBD2D9';

describe('dks_setup_console with --command', () => {
  it('prints exactly what the command answers, and does the set-up without a new master key by default', async () => {
    await using console = await startTestConsole();
    const { folder, pinFile } = await prepareHost(console);
    const base = ['--config-path', folder, '--pin-file', pinFile];
    const first = await runConsole([...base, '--command', 'show version']);
    assert.deepEqual([first.status, first.out], [0, `${VERSION}\n`]);
    assert.match(first.err, /127\.0\.0\.1 was not known/);
    assert.match(first.err, /NOTE: the factory 'wheel' PIN/);
    assert.equal(console.fleet.unlocked, true);
    assert.equal(console.fleet.masterKey, undefined);
    const second = await runConsole([...base, '--command', 'show version', '--command', 'show serial-number']);
    assert.deepEqual([second.status, second.out], [0, `${VERSION}\n1000-0002\n`]);
    assert.doesNotMatch(second.err, /was not known/);
  });

  it('does a complete first set-up in one run', async () => {
    await using console = await startTestConsole();
    const host = await prepareHost(console);
    const args = ['--config-path', host.folder, '--pin-file', host.pinFile, '--master-key', 'generate'];
    for (const role of ['user', 'so', 'wheel']) {
      args.push(
        '--new-pin-file',
        `${role}=${await host.file(role, `${role}-pin\r\n`)}`,
        '--command',
        `set pin ${role}`,
      );
    }
    const outcome = await runConsole(args);
    assert.equal(
      outcome.err.replaceAll(/^.*(known|[0-9a-f]{64}).*\n/gm, ''),
      `NOTE: the factory 'wheel' PIN is still in use. Change it with: set pin wheel\n`,
    );
    assert.deepEqual(
      [outcome.status, outcome.out],
      [0, `Success:Random key:\n${GROUPS}\nPIN for 'user' set.\nPIN for 'so' set.\nPIN for 'wheel' set.\n`],
    );
    assert.deepEqual(console.fleet.masterKey, RANDOM_KEY);
    for (const [user, pin] of [
      [User.NORMAL, 'user-pin'],
      [User.SO, 'so-pin'],
      [User.WHEEL, 'wheel-pin'],
    ] as const) {
      assert.equal(console.fleet.pins.get(user), pin);
    }
  });

  it('sets a master key from a file, and again with masterkey set, giving the password again', async () => {
    await using console = await startTestConsole();
    const host = await prepareHost(console);
    const key = await host.file('key', `${GROUPS}\n`);
    const base = ['--config-path', host.folder, '--pin-file', host.pinFile, '--master-key', `file:${key}`];
    const first = await runConsole([...base, '--command', 'show serial-number']);
    assert.deepEqual([first.status, first.out], [0, `Success:Parsed key:\n${GROUPS}\n1000-0002\n`]);
    const second = await runConsole([...base, '--command', 'masterkey set']);
    assert.deepEqual([second.status, second.out.split('\n').slice(-3)], [0, ['Success:Parsed key:', GROUPS, '']]);
  });

  it('does not lose keys without --yes', async () => {
    await using console = await startTestConsole();
    const { fleet } = console;
    fleet.unlocked = true;
    fleet.masterKey = RANDOM_KEY;
    fleet.keysMasterKey = RANDOM_KEY;
    fleet.deviceKeys[0]!.keys = ['a'];
    const host = await prepareHost(console);
    const base = ['--config-path', host.folder, '--pin-file', host.pinFile];
    const other = await host.file('key', '11'.repeat(32));
    const args = [...base, '--master-key', `file:${other}`, '--command', 'masterkey set'];
    const refused = await runConsole(args);
    assert.equal(refused.status, 1);
    assert.match(refused.err, /lose 1 stored key\?.*--yes/);
    assert.deepEqual(fleet.masterKey, RANDOM_KEY);
    assert.equal((await runConsole([...args, '--yes'])).status, 0);
    assert.deepEqual(fleet.masterKey, new Uint8Array(32).fill(0x11));
  });

  it('ends with 1 at the first command that fails and does not show its arguments', async () => {
    await using console = await startTestConsole();
    console.fleet.unlocked = true;
    const { folder, pinFile } = await prepareHost(console);
    const base = ['--config-path', folder, '--pin-file', pinFile];
    for (const [command, out] of [
      ['frobnicate 1', /Invalid command/],
      ['show', /Usage:\n show devices/],
      ['set pin admin 12345', /must be 'wheel'/],
      ['set pin user 123', /PIN not accepted/],
      ['masterkey set 12', /Failed parsing/],
    ] as const) {
      const outcome = await runConsole([...base, '--command', command, '--command', 'show version']);
      assert.equal(outcome.status, 1, command);
      assert.match(outcome.out, out);
      assert.ok(!outcome.out.includes(VERSION));
      assert.match(outcome.err, new RegExp(`failed: ${command.split(' ').slice(0, 2).join(' ')}\n$`));
    }
    assert.equal((await runConsole([...base, '--command', 'help'])).status, 0);
    console.fleet.failure = new HalError('IO_TIMEOUT');
    const failed = await runConsole([...base, '--command', 'set pin user 1234']);
    assert.deepEqual([failed.status, /did not answer in time/.test(failed.out)], [1, true]);
    const asked = await runConsole([...base, '--command', 'set pin user']);
    assert.equal(asked.status, 1);
    assert.match(asked.err, /set the 'user' PIN\? \(y\/n\)/);
  });

  it('ends with 4 for a wrong password', async () => {
    await using console = await startTestConsole();
    const host = await prepareHost(console);
    const wrong = await host.file('wrong', 'no\n');
    const base = ['--config-path', host.folder, '--command', 'show version', '--pin-file'];
    const outcome = await runConsole([...base, wrong]);
    assert.deepEqual([outcome.status, outcome.out], [4, '']);
    assert.match(outcome.err, /does not accept the password/);
  });

  it('ends with 0 after a shutdown', async () => {
    await using console = await startTestConsole();
    const { folder, pinFile } = await prepareHost(console);
    const args = ['--config-path', folder, '--pin-file', pinFile, '--command', 'shutdown YesIAmSure'];
    const outcome = await runConsole(args);
    assert.deepEqual([outcome.status, outcome.out], [0, 'Shutting Down HSM\n']);
    assert.deepEqual(console.shutdowns, ['off']);
  });

  it('takes out echo and spinner of slow commands', async () => {
    await using console = await startTestConsole();
    console.fleet.unlocked = true;
    console.fleet.gate = new Promise((resolve) => void setTimeout(resolve, 900));
    const host = await prepareHost(console);
    const newPin = await host.file('new', '1234');
    const args = ['--config-path', host.folder, '--pin-file', host.pinFile, '--new-pin-file', `user=${newPin}`];
    const outcome = await runConsole([...args, '--command', 'set pin user']);
    assert.deepEqual([outcome.status, outcome.out], [0, `PIN for 'user' set.\n`]);
  });

  it('tells when the console is in use', async () => {
    await using console = await startTestConsole();
    await console.logIn();
    const { folder, pinFile } = await prepareHost(console);
    const outcome = await runConsole(['--config-path', folder, '--pin-file', pinFile, '--command', 'show version']);
    assert.equal(outcome.status, 3);
    assert.match(outcome.err, /console of the HSM is in use/);
  });

  it('warns of a PIN file that others can read', async () => {
    await using console = await startTestConsole();
    const { folder, pinFile } = await prepareHost(console);
    await chmod(pinFile, 0o644);
    const outcome = await runConsole(['--config-path', folder, '--pin-file', pinFile, '--command', 'show version']);
    assert.equal(outcome.status, 0);
    assert.match(outcome.err, /WARNING: .*wheel-pin can be read by other users/);
  });
});

describe('dks_setup_console with lines on standard input', () => {
  it('types the lines as an operator does, with dialogs', async () => {
    await using console = await startTestConsole();
    const { folder } = await prepareHost(console);
    const lines = [FACTORY_PIN, 'y', '', 'show version', '', 'set pin user', 'y', '1234', '1234', 'show macaddr'];
    const outcome = await runConsole(['--config-path', folder], `${lines.join('\n')}\n`);
    assert.deepEqual(
      [outcome.status, outcome.out],
      [0, `Success:Random key:\n${GROUPS}\n${VERSION}\nPIN for 'user' set.\naa:bb:cc:dd:ee:ff\n`],
    );
    assert.equal(console.fleet.pins.get(User.NORMAL), '1234');
  });

  it('logs in and does the set-up by options', async () => {
    await using console = await startTestConsole();
    const { folder, pinFile } = await prepareHost(console);
    const args = ['--config-path', folder, '--pin-file', pinFile, '--master-key', 'keep'];
    const outcome = await runConsole(args, 'show version\nexit\nshow version\n');
    assert.deepEqual([outcome.status, outcome.out], [0, `${VERSION}\nGood-bye.\n`]);
  });

  it('fails when a dialog is left without an answer', async () => {
    await using console = await startTestConsole();
    console.fleet.unlocked = true;
    const { folder, pinFile } = await prepareHost(console);
    const outcome = await runConsole(['--config-path', folder, '--pin-file', pinFile], 'set pin user\ny\n');
    assert.equal(outcome.status, 1);
    assert.match(outcome.err, /asks "Enter the new 'user' PIN:" and there is no answer/);
    assert.equal(console.fleet.pins.has(User.NORMAL), false);
    const empty = await runConsole(['--config-path', folder], '');
    assert.match(empty.err, /asks "Password:" and there is no answer \(give --pin-file\)/);
  });
});

describe('dks_setup_console finds the right HSM or none', () => {
  const command = ['--command', 'show version'];

  it('refuses another key than that of hsm.conf, of known_hsms, and takes the right one', async () => {
    await using console = await startTestConsole();
    const host = await prepareHost(console);
    const args = ['--config-path', host.folder, '--pin-file', host.pinFile, ...command];
    assert.equal((await runConsole(args)).status, 0);
    const known = join(host.folder, 'known_hsms');
    const fingerprint = (await readFile(known, 'utf8')).trim().split(' ')[2] ?? '';
    assert.match(fingerprint, /^[0-9a-f]{64}$/);

    await writeFile(known, `127.0.0.1 ${console.port} ${'00'.repeat(32)}\n`);
    const forged = await runConsole(args);
    assert.equal(forged.status, 3);
    assert.match(forged.err, /not the HSM that was expected[\s\S]*correct the line of this HSM in .*known_hsms/);

    await writeFile(host.hsmConf, hsmConfText(console.port, `<fingerprint>${fingerprint.toUpperCase()}</fingerprint>`));
    assert.equal((await runConsole(args)).status, 0);
    await writeFile(host.hsmConf, hsmConfText(console.port, `<fingerprint>${'11'.repeat(32)}</fingerprint>`));
    const wrong = await runConsole(args);
    assert.equal(wrong.status, 3);
    assert.match(wrong.err, /correct <fingerprint> in .*hsm\.conf/);
    assert.ok(console.log.filter((line) => line.includes('logged in')).length === 2);
  });

  it('does not take an HSM for unknown because its line was cut short, and leaves the lines of others whole', async () => {
    await using console = await startTestConsole();
    const host = await prepareHost(console);
    const args = ['--config-path', host.folder, '--pin-file', host.pinFile, ...command];
    const known = join(host.folder, 'known_hsms');
    for (const line of [`127.0.0.1 ${console.port}`, `127.0.0.1 ${console.port} 0123abcd`]) {
      await writeFile(known, `${line}\n`);
      const damaged = await runConsole(args);
      assert.equal(damaged.status, 2);
      assert.match(damaged.err, /known_hsms: the line of 127\.0\.0\.1 \d+ is damaged/);
    }
    assert.ok(!console.log.some((line) => line.includes('logged in')));

    // An editor left the last line without its end.
    const other = `10.0.0.1 8081 ${'22'.repeat(32)}`;
    await writeFile(known, other);
    assert.equal((await runConsole(args)).status, 0);
    const lines = (await readFile(known, 'utf8')).split('\n');
    assert.equal(lines[0], other);
    assert.match(lines[1] ?? '', new RegExp(`^127\\.0\\.0\\.1 ${console.port} [0-9a-f]{64}$`));
    assert.equal((await runConsole(args)).status, 0);
  });

  it('ends in good order if the HSM resets the connection right after the handshake', async () => {
    await using console = await startTestConsole();
    const host = await prepareHost(console);
    const { certPem: cert, keyPem: key } = firstCertificate;
    const rude = createTlsServer({ cert, key });
    rude.on('connection', (raw) => {
      raw.on('error', () => undefined);
      rude.once('secureConnection', (socket) => {
        socket.on('error', () => undefined);
        raw.resetAndDestroy();
      });
    });
    rude.listen(0, '127.0.0.1');
    await once(rude, 'listening');
    const address = rude.address();
    await writeFile(host.hsmConf, hsmConfText(typeof address === 'object' ? (address?.port ?? 0) : 0));
    const result = await runConsole(['--config-path', host.folder, '--pin-file', host.pinFile, ...command]);
    rude.close();
    assert.equal(result.status, 3);
    assert.doesNotMatch(result.err, /at .*\.ts:/);
  });

  it('refuses an HSM whose key has changed', async () => {
    await using first = await startTestConsole();
    const host = await prepareHost(first);
    const args = ['--config-path', host.folder, '--pin-file', host.pinFile, ...command];
    await runConsole(args);
    await using second = await startTestConsole(secondCertificate);
    const known = join(host.folder, 'known_hsms');
    await writeFile(known, (await readFile(known, 'utf8')).replace(` ${first.port} `, ` ${second.port} `));
    await writeFile(host.hsmConf, hsmConfText(second.port));
    assert.equal((await runConsole(args)).status, 3);
  });

  it('says what to do without an HSM, with a foreign service and with a broken hsm.conf', async () => {
    const console = await startTestConsole();
    const host = await prepareHost(console);
    const args = ['--config-path', host.folder, '--pin-file', host.pinFile, ...command];
    await using _ = console;
    await console.server.close();
    const down = await runConsole(args);
    assert.equal(down.status, 3);
    assert.match(down.err, /cannot connect to the HSM at 127\.0\.0\.1 port \d+: nothing listens there/);

    const foreign = createServer((socket) => socket.on('error', () => undefined).end('SSH-2.0-x\r\n')).listen(
      0,
      '127.0.0.1',
    );
    await once(foreign, 'listening');
    const address = foreign.address();
    await writeFile(host.hsmConf, hsmConfText(typeof address === 'object' ? (address?.port ?? 0) : 0));
    const strange = await runConsole(args);
    foreign.close();
    assert.equal(strange.status, 3);
    assert.match(strange.err, /cannot connect to the HSM/);

    await writeFile(host.hsmConf, hsmConfText(8081).replace('<serial>1000-0002</serial>', ''));
    const broken = await runConsole(args);
    assert.deepEqual(
      [broken.status, /hsm\.conf: the element <serial> in <cty> is missing/.test(broken.err)],
      [2, true],
    );
    await rm(host.hsmConf);
    const missing = await runConsole(args);
    assert.deepEqual([missing.status, /hsm\.conf: cannot be read: does not exist/.test(missing.err)], [2, true]);
  });
});
