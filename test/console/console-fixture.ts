/** A console server on a free port with a fake fleet behind it, and a client that speaks raw bytes. */

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import { createLog } from '#src/audit/log.ts';
import { Settings } from '#src/config/settings.ts';
import type { ShutdownKind } from '#src/console/command.ts';
import { type ConsoleServer, startConsole } from '#src/console/server.ts';
import { firstCertificate, type TestCertificate } from './certificates.ts';
import { FACTORY_PIN, FakeFleet } from './fake-fleet.ts';

export const PROMPT = '\r\nDiamond-HSM > ';
export const VERSION = '2018-11-28-02 - 0.0.0.2';

export interface TestConsole extends AsyncDisposable {
  readonly port: number;
  readonly folder: string;
  readonly fleet: FakeFleet;
  readonly settings: Settings;
  readonly server: ConsoleServer;
  readonly log: string[];
  readonly shutdowns: ShutdownKind[];
  connect(): Promise<RawClient>;
  /** A client that is logged in, past the set-up steps and at the main prompt. */
  logIn(): Promise<RawClient>;
}

export async function startTestConsole(tls: TestCertificate = firstCertificate): Promise<TestConsole> {
  const folder = await mkdtemp(join(tmpdir(), 'dks-console-'));
  const fleet = new FakeFleet();
  const settings = await Settings.open(folder);
  const log: string[] = [];
  const shutdowns: ShutdownKind[] = [];
  const server = await startConsole({
    host: '127.0.0.1',
    port: 0,
    tls,
    fleet,
    settings,
    identity: {
      serial: '1000-0002',
      version: VERSION,
      ipAddress: () => '10.1.10.194',
      macAddress: () => 'AA:bb:cc:dd:ee:ff',
    },
    shutdown: (kind) => shutdowns.push(kind),
    log: createLog('console', (line) => log.push(line), 'debug'),
  });
  const clients: RawClient[] = [];
  const open = async (): Promise<RawClient> => {
    const client = await RawClient.connect(server.port);
    clients.push(client);
    return client;
  };
  return {
    port: server.port,
    folder,
    fleet,
    settings,
    server,
    log,
    shutdowns,
    connect: open,
    async logIn() {
      const client = await open();
      client.send('\r');
      await client.until('Password: ');
      client.send(`${FACTORY_PIN}\r`);
      const text = await client.until(/\(y\/n\) $|Diamond-HSM > $/);
      if (text.endsWith('(y/n) ')) {
        client.send('n\r');
        await client.until(PROMPT);
      }
      client.clear();
      return client;
    },
    async [Symbol.asyncDispose]() {
      for (const client of clients) client.socket.destroy();
      await server.close();
      await rm(folder, { recursive: true });
    },
  };
}

export class RawClient {
  readonly socket: TLSSocket;
  /** Sizes of what single reads delivered: a read never spans TLS records. */
  readonly reads: number[] = [];
  #received = '';
  #wake: () => void = () => undefined;

  private constructor(socket: TLSSocket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.reads.push(chunk.length);
      this.#received += chunk.toString('latin1');
      this.#wake();
    });
    socket.on('close', () => this.#wake());
    socket.on('error', () => this.#wake());
  }

  static async connect(port: number, maxVersion: 'TLSv1.2' | 'TLSv1.3' = 'TLSv1.3'): Promise<RawClient> {
    const socket = connect({ host: '127.0.0.1', port, servername: 'dks-hsm', rejectUnauthorized: false, maxVersion });
    const client = new RawClient(socket);
    await once(socket, 'secureConnect');
    return client;
  }

  /** Everything since the last {@link clear}, one character per byte. */
  get received(): string {
    return this.#received;
  }

  clear(): void {
    this.#received = '';
  }

  send(bytes: string | Uint8Array): void {
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  }

  /** Waits until the received text ends with a text or matches a pattern, and returns all of it. */
  async until(end: string | RegExp): Promise<string> {
    const isThere = (): boolean => (typeof end === 'string' ? this.#received.endsWith(end) : end.test(this.#received));
    while (!isThere()) {
      assert.ok(!this.socket.closed, `closed after ${JSON.stringify(this.#received)}`);
      await this.#change(`waiting for ${String(end)}`);
    }
    return this.#received;
  }

  /** Sends a line at a prompt and returns everything up to and including the next main prompt. */
  async command(line: string): Promise<string> {
    this.clear();
    this.send(`${line}\r`);
    const text = await this.until(PROMPT);
    this.clear();
    return text;
  }

  async closed(): Promise<string> {
    while (!this.socket.closed) await this.#change('waiting for the end');
    return this.#received;
  }

  #change(what: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new assert.AssertionError({ message: `${what}: got ${JSON.stringify(this.#received)}` }));
      }, 10_000);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
