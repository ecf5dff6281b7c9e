/**
 * An appliance and a host as an operator has them: the real daemon on ports that stay, hsm.conf, PIN files, the real
 * dks_setup_console and the PKCS#11 library.
 */

import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { writeHsmConf } from '#src/config/hsm-conf.ts';
import { holder } from '#src/daemon/holder.ts';
import { type Appliance, type ApplianceOptions, FACTORY_PIN, startAppliance } from '#test/appliance.ts';
import { failure, type Outcome, runProgram } from '../../scripts/quickstart/run-program.ts';
import { MODULE } from '../pkcs11/programs.ts';

const HERE = fileURLToPath(new URL('.', import.meta.url));

export const BIN = join(HERE, '..', '..', 'bin');

/** The PIN that test/pkcs11/module.h knows. */
const USER_PIN = 'user-4711';
const MASTER_KEY = '00112233445566778899aabbccddeeff102132435465768798a9bacbdcedfe0f';

/** Neither the system's choice for outgoing connections nor a usual port: nobody takes them while the daemon is down. */
const PORTS = { least: 20_000, most: 32_000 };

export class Site {
  /** Holds hsm.conf, known_hsms and the files of PINs. */
  readonly folder = mkdtempSync(join(tmpdir(), 'dks-site-'));
  readonly state: string;
  readonly ports: { readonly rpc: number; readonly console: number };
  appliance!: Appliance;
  readonly #options: ApplianceOptions;

  private constructor(ports: Site['ports'], options: ApplianceOptions) {
    this.ports = ports;
    this.#options = options;
    this.state = options.state ?? join(this.folder, 'state');
    this.secret('factory-pin', FACTORY_PIN);
    this.secret('wheel-pin', 'wheel-4711');
    this.secret('so-pin', 'so-4711');
    this.secret('user-pin', USER_PIN);
    this.secret('master-key', MASTER_KEY);
  }

  /** A new appliance that runs; nobody has logged in yet. */
  static async start(options: ApplianceOptions = {}): Promise<Site> {
    const rpc = await freePort();
    const site = new Site({ rpc, console: await freePort(rpc) }, options);
    mkdirSync(site.state, { recursive: true, mode: 0o700 });
    try {
      await site.startDaemon();
      await site.writeConf();
    } catch (error) {
      await site.close();
      throw error;
    }
    return site;
  }

  /** A new appliance after its first login: master key and PINs are set. */
  static async startSetUp(options: ApplianceOptions = {}): Promise<Site> {
    const site = await Site.start(options);
    try {
      await site.setUp();
    } catch (error) {
      await site.close();
      throw error;
    }
    return site;
  }

  /** Starts the daemon on its ports of before. */
  async startDaemon(): Promise<void> {
    this.appliance = await startAppliance({ ...this.#options, state: this.state, ports: this.ports });
  }

  /** The first login: sets the master key and the PINs. */
  async setUp(...commands: readonly string[]): Promise<void> {
    const first = commands.flatMap((command) => ['--command', command]);
    const roles = ['user', 'so', 'wheel'].flatMap((role) => [
      ...['--new-pin-file', `${role}=${this.file(`${role}-pin`)}`, '--command', `set pin ${role}`],
    ]);
    await this.mustConsole('factory-pin', '--master-key', `file:${this.file('master-key')}`, ...first, ...roles);
  }

  async writeConf(fingerprint = this.appliance.fingerprint): Promise<void> {
    const part = (port: number) => ({ ip: '127.0.0.1', port, servername: 'dks-hsm', serial: 'test', fingerprint });
    await writeHsmConf(this.file('hsm.conf'), { cty: part(this.ports.console), rpc: part(this.ports.rpc) });
  }

  file(name: string): string {
    return join(this.folder, name);
  }

  secret(name: string, text: string): string {
    writeFileSync(this.file(name), text, { mode: 0o600 });
    return this.file(name);
  }

  /** Runs dks_setup_console to its end. */
  console(pin: string, ...args: readonly string[]): Promise<Outcome> {
    const login = ['--config-path', this.folder, '--pin-file', this.file(pin)];
    return runProgram(join(BIN, 'dks_setup_console'), [...login, ...args]);
  }

  /** The same, and it has to succeed. */
  async mustConsole(pin: string, ...args: readonly string[]): Promise<string> {
    const outcome = await this.console(pin, ...args);
    if (outcome.status !== 0) throw failure('dks_setup_console', outcome);
    return outcome.stdout;
  }

  /** What the operator does after a restart of the daemon. */
  async unlock(): Promise<void> {
    await this.mustConsole('wheel-pin', '--master-key', 'keep', '--command', 'show time');
  }

  /** Runs pkcs11-tool with the library. */
  tool(args: string, env: Readonly<Record<string, string>> = {}): Promise<Outcome> {
    const words = ['--module', MODULE, ...args.split(' ').filter(Boolean)];
    return runProgram('pkcs11-tool', words, { env: { DIAMOND_HSM_CONFIG_PATH: this.folder, ...env } });
  }

  async close(): Promise<void> {
    await this.appliance?.halt();
    // The holder outlives the daemon.
    await holder.end(join(this.state, 'run', 'mkm.sock')).catch(() => {});
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
  }
}

/** A port on which one can listen now. */
export async function freePort(except?: number): Promise<number> {
  for (;;) {
    const port = PORTS.least + Math.floor(Math.random() * (PORTS.most - PORTS.least));
    if (port === except) continue;
    const server = createServer();
    try {
      server.listen(port, '127.0.0.1');
      await once(server, 'listening');
      return port;
    } catch {
      // Taken: another one.
    } finally {
      server.close();
    }
  }
}
