/** dks_setup_console in a pseudo-terminal, made by `script` of util-linux. */

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { afterEach, describe, it } from 'node:test';
import { createServer, type TLSSocket } from 'node:tls';
import { firstCertificate } from '#test/console/certificates.ts';
import { startTestConsole, VERSION } from '#test/console/console-fixture.ts';
import { FACTORY_PIN } from '#test/console/fake-fleet.ts';
import { type Host, hsmConfText, prepareHost, PROGRAM } from './run-console.ts';

const running: ChildProcess[] = [];
afterEach(() => {
  for (const child of running.splice(0)) child.kill('SIGKILL');
});

/** A shell in a pseudo-terminal that shows the terminal's settings before and after the program. */
class Pty {
  readonly #child: ChildProcess & { stdin: Writable; stdout: Readable };
  #screen = '';
  #wake: () => void = () => undefined;
  #closed = false;

  constructor(folder: string) {
    const shell = [
      'echo "tty-before=$(stty -g)"',
      `sh -c 'echo "pid=$$"; exec "${process.execPath}" "${PROGRAM}" --config-path "${folder}"'`,
      'echo "exit-status=$?"',
      'echo "tty-after=$(stty -g)"',
    ].join('; ');
    this.#child = spawn('/usr/bin/script', ['-q', '-f', '-e', '-c', shell, '/dev/null'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    running.push(this.#child);
    this.#child.stdout.on('data', (chunk: Buffer) => {
      this.#screen += chunk.toString();
      this.#wake();
    });
    this.#child.once('close', () => {
      this.#closed = true;
      this.#wake();
    });
  }

  get screen(): string {
    return this.#screen;
  }

  type(keys: string): void {
    this.#child.stdin.write(keys);
  }

  async until(pattern: RegExp): Promise<void> {
    while (!pattern.test(this.#screen)) {
      assert.ok(!this.#closed, this.#screen);
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(() => {
          reject(new assert.AssertionError({ message: `waiting for ${pattern.source} in ${this.#screen}` }));
        }, 10_000);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  get pid(): number {
    return Number(/pid=(\d+)/.exec(this.#screen)?.[1]);
  }

  /** Waits for the end of the program; gives its exit status after checking that the terminal is as it was. */
  async status(): Promise<number> {
    await this.until(/tty-after=\S+\r?\n/);
    assert.equal(/tty-after=(\S+)/.exec(this.#screen)?.[1], /tty-before=(\S+)/.exec(this.#screen)?.[1]);
    return Number(/exit-status=(\d+)/.exec(this.#screen)?.[1]);
  }
}

async function start(folder: string): Promise<Pty> {
  const pty = new Pty(folder);
  await pty.until(/Password: $/);
  return pty;
}

describe('dks_setup_console in a terminal', () => {
  it('is the console: login, commands, history, paste', async () => {
    await using console = await startTestConsole();
    const { folder } = await prepareHost(console);
    const pty = await start(folder);
    assert.match(pty.screen, /Connecting to 127\.0\.0\.1\.\.\.\r\n[\s\S]*Connected TLS\.\.\.\r\n[\s\S]*Diamond HSM/);
    pty.type(`${FACTORY_PIN}\rn\r`);
    await pty.until(/Diamond-HSM > $/);
    assert.ok(!pty.screen.includes('YouReally'));
    // Pasted at once: every line waits for the echo of the one before.
    pty.type('show versionx\x7f\rshow serial-number\nshow ipaddr\r');
    await pty.until(/show ipaddr\r\n\r\n10\.1\.10\.194\r\nDiamond-HSM > $/);
    assert.ok(pty.screen.includes(`\r\n${VERSION}\r\n`));
    assert.ok(pty.screen.includes('\r\n1000-0002\r\n'));
    // F1 and Delete mean nothing; Up twice brings the serial number.
    pty.type('\x1bOP\x1b[3~\x1b[A\x1bOA');
    await pty.until(/Diamond-HSM > show ipaddr(\x08 \x08)+show serial-number$/);
    pty.type('\r');
    await pty.until(/1000-0002\r\nDiamond-HSM > $/);
    pty.type('\x03');
    assert.equal(await pty.status(), 0);
  });

  it('restores the terminal after Ctrl-] at any time', async () => {
    await using console = await startTestConsole();
    const pty = await start((await prepareHost(console)).folder);
    pty.type('half a pass\x1d');
    assert.equal(await pty.status(), 0);
  });

  for (const [signal, status] of [
    ['SIGTERM', 143],
    ['SIGHUP', 129],
    ['SIGINT', 130],
    ['SIGQUIT', 131],
  ] as const) {
    it(`restores the terminal after ${signal}`, async () => {
      await using console = await startTestConsole();
      const pty = await start((await prepareHost(console)).folder);
      process.kill(pty.pid, signal);
      assert.equal(await pty.status(), status);
    });
  }

  it('notices that the HSM closes', async () => {
    await using console = await startTestConsole();
    const pty = await start((await prepareHost(console)).folder);
    await console.server.close();
    assert.equal(await pty.status(), 0);
    assert.match(pty.screen, /The HSM is shutting down\.[\s\S]*The HSM closed the console\.\r\n/);
  });

  it('tells that the console is in use', async () => {
    await using console = await startTestConsole();
    await console.connect();
    const pty = new Pty((await prepareHost(console)).folder);
    assert.equal(await pty.status(), 3);
    assert.match(pty.screen, /Console already in use/);
  });

  it('does not start without an HSM', async () => {
    await using console = await startTestConsole();
    const { folder } = await prepareHost(console);
    await console.server.close();
    const pty = new Pty(folder);
    assert.equal(await pty.status(), 3);
    assert.match(pty.screen, /nothing listens there/);
  });

  describe('with a scripted HSM', () => {
    /** Accepts one connection on a free port. */
    async function serve(host: Host): Promise<{ accept: Promise<TLSSocket>; close(): void }> {
      const server = createServer({
        key: firstCertificate.keyPem,
        cert: firstCertificate.certPem,
        maxVersion: 'TLSv1.2',
      });
      const accept = once(server, 'secureConnection').then(([socket]) => socket as TLSSocket);
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      const address = server.address();
      assert.ok(typeof address === 'object' && address !== null);
      await host.file('hsm.conf', hsmConfText(address.port));
      return { accept, close: () => server.close() };
    }

    it('sends one line end first, one key per record, refuses files, and notices a lost connection', async () => {
      await using console = await startTestConsole();
      const host = await prepareHost(console);
      const hsm = await serve(host);
      const pty = new Pty(host.folder);
      const socket = await hsm.accept;
      const records: string[] = [];
      let arrived: () => void = () => undefined;
      socket
        .on('error', () => undefined)
        .on('data', (chunk: Buffer) => {
          records.push(chunk.toString());
          arrived();
        });
      const expect = async (...expected: string[]): Promise<void> => {
        while (records.length < expected.length) await new Promise<void>((resolve) => (arrived = resolve));
        assert.deepEqual(records.splice(0), expected);
      };
      await expect('\r');
      socket.write('\r\nready> ');
      await pty.until(/ready> $/);
      pty.type('ab\x1b[Aé\rcd');
      await expect('a', 'b', '\x1b[A', 'é', '\r');
      socket.write('ab\r\n');
      await expect('c', 'd');
      socket.write('\x11\x12\x13\x14:RECV:/etc/');
      socket.write('shadow\r');
      await expect('0\r0000000');
      socket.write('\x11\x12\x13\x17:SEND:{/etc/passwd}{5}\r');
      await expect('FAILED: this client does not accept files');
      await pty.until(/(file transfer[\s\S]*){2}/);
      assert.ok(!pty.screen.includes('shadow'));
      socket.destroy();
      hsm.close();
      assert.equal(await pty.status(), 0);
    });
  });
});
