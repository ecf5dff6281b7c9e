/** The byte order of the console protocol, seen by a client that sends what the vendor's client sends. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { FACTORY_PIN } from './fake-fleet.ts';
import { PROMPT, RawClient, startTestConsole, VERSION } from './console-fixture.ts';

describe('console protocol', () => {
  it('says nothing before the first byte of the client', async () => {
    await using console = await startTestConsole();
    const client = await console.connect();
    await delay(700);
    assert.equal(client.received, '');
  });

  it('answers the first line end with echo, banner and login prompt', async () => {
    await using console = await startTestConsole();
    const client = await console.connect();
    client.send('\r');
    const text = await client.until('Password: ');
    assert.match(text, /^\r\n\r\n-+\r\nDiamond HSM\r\n/);
    assert.match(text, /\r\n[^\r\n]*will not be operational[^\r\n]*\r\n/);
    assert.match(text, /\r\n[^\r\n]*'wheel'[^\r\n]*\r\n\r\nPassword: $/);
  });

  it('leaves out the set-up notice once the HSM is unlocked', async () => {
    await using console = await startTestConsole();
    console.fleet.unlocked = true;
    const client = await console.connect();
    client.send('\r');
    assert.doesNotMatch(await client.until('Password: '), /operational/);
  });

  it('does not echo a password, and asks again after a wrong one', async () => {
    await using console = await startTestConsole();
    const client = await console.connect();
    client.send('\r');
    await client.until('Password: ');
    client.clear();
    for (const byte of Buffer.from('wrong\r')) client.send(Uint8Array.of(byte));
    assert.equal(await client.until('Password: '), '\n\r\n\r\nIncorrect password\r\n\r\nPassword: ');
    client.clear();
    client.send('\r');
    assert.equal(await client.until('Password: '), '\n\r\nPassword: ');
    client.clear();
    client.send(`abc\x7f\x15${FACTORY_PIN}\r`);
    assert.match(await client.until('(y/n) '), /^\n\r\nChecking CrypTech devices/);
  });

  it('echoes a command and frames its answer exactly', async () => {
    await using console = await startTestConsole();
    const client = await console.logIn();
    client.send('show version\r');
    assert.equal(await client.until(PROMPT), `show version\r\n\r\n${VERSION}${PROMPT}`);
  });

  it('edits with backspace', async () => {
    await using console = await startTestConsole();
    const client = await console.logIn();
    client.send(Uint8Array.of(0x61, 0x62, 0x7f, 0x63, 0x0d));
    assert.match(await client.until(PROMPT), /^ab\x08 \x08c\r\n\r\nInvalid command/);
  });

  it('brings a command back with Up', async () => {
    await using console = await startTestConsole();
    const client = await console.logIn();
    await client.command('show version');
    client.send('\x1b[A');
    assert.equal(await client.until('show version'), 'show version');
    client.send('\r');
    assert.equal(await client.until(PROMPT), `show version\r\n\r\n${VERSION}${PROMPT}`);
  });

  it('ignores Ctrl-Q', async () => {
    await using console = await startTestConsole();
    const client = await console.logIn();
    client.send('\x11');
    client.send('show \x11time\r');
    assert.match(await client.until(PROMPT), /^show time\r\n\r\n\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4} UTC\r\n/);
  });

  it('refuses a second console with the exact text and leaves the first alone', async () => {
    await using console = await startTestConsole();
    const first = await console.logIn();
    const second = await console.connect();
    assert.equal(await second.closed(), '[Console already in use, sorry]\n');
    first.send('show version\r');
    assert.match(await first.until(PROMPT), new RegExp(VERSION));
  });

  it('puts at most 1000 bytes into a TLS record', async () => {
    await using console = await startTestConsole();
    console.fleet.deviceKeys[0]!.keys = Array.from({ length: 300 }, (_, i) => `${i}`.padStart(36, '0'));
    const client = await console.logIn();
    const text = await client.command('list keys');
    assert.ok(text.length > 10_000);
    assert.ok(Math.max(...client.reads) <= 1000, `${Math.max(...client.reads)}`);
  });

  it('executes both of two lines that arrive in one record', async () => {
    await using console = await startTestConsole();
    const client = await console.logIn();
    client.send('show serial-number\rshow version\r');
    assert.equal(
      await client.until(new RegExp(`${VERSION}${PROMPT}$`)),
      `show serial-number\r\n\r\n1000-0002${PROMPT}show version\r\n\r\n${VERSION}${PROMPT}`,
    );
  });

  it('repeats the prompt after an empty line', async () => {
    await using console = await startTestConsole();
    const client = await console.logIn();
    client.send('\r');
    assert.equal(await client.until(PROMPT), `\r\n${PROMPT}`);
  });

  it('keeps a line of any pieces together', async () => {
    await using console = await startTestConsole();
    const client = await console.logIn();
    for (const byte of Buffer.from('show ipaddr\r')) {
      client.send(Uint8Array.of(byte));
      await delay(1);
    }
    assert.equal(await client.until(PROMPT), `show ipaddr\r\n\r\n10.1.10.194${PROMPT}`);
  });

  it('never negotiates TLS 1.3 with a client that did not ask for the new protocol', async () => {
    await using console = await startTestConsole();
    const client = await RawClient.connect(console.port, 'TLSv1.3');
    assert.equal(client.socket.getProtocol(), 'TLSv1.2');
    client.socket.destroy();
  });

  it('forgets the login, the history and the dialog of a console that ended', async () => {
    await using console = await startTestConsole();
    const first = await console.logIn();
    await first.command('show version');
    first.send('set pin user\r');
    await first.until('(y/n) ');
    first.socket.destroy();
    while (console.fleet.openConnections > 0) await delay(5);
    const second = await console.logIn();
    second.send('\x1b[A\r');
    assert.equal(await second.until(PROMPT), `\r\n${PROMPT}`);
    assert.equal(console.fleet.unlocked, true);
  });

  it('survives garbage instead of a TLS handshake', async () => {
    await using console = await startTestConsole();
    const socket = connect(console.port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write('GET / HTTP/1.0\r\n\r\n');
    socket.resume();
    await once(socket, 'close');
    const client = await console.logIn();
    assert.match(await client.command('show version'), new RegExp(VERSION));
  });

  it('refuses an endless line with a bell', async () => {
    await using console = await startTestConsole();
    const client = await console.logIn();
    client.send('x'.repeat(70_000));
    await client.until(/\x07$/);
    client.send('\r');
    assert.match(await client.until(PROMPT), /Invalid command/);
  });
});
