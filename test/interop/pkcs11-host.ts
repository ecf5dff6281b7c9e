/** A host with the PKCS#11 library as the programs of others meet it: hsm.conf, a PIN, a work folder, an appliance that is set up. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { type HsmEndpoint, hsmConfPath, writeHsmConf } from '#src/config/hsm-conf.ts';

import { failure, type Outcome, runProgram } from '../../scripts/quickstart/run-program.ts';
import { type Appliance, startAppliance } from '../appliance.ts';

/** The library as the build makes it. */
export const MODULE = join(import.meta.dirname, '..', '..', 'build', 'pkcs11', 'libcryptechdks-pkcs11.so');

export const TOKEN = 'Cryptech Token';

export class Pkcs11Host {
  /** Programs run here, and files are named relative to it. */
  readonly folder: string;
  readonly userPin: string;
  readonly appliance: Appliance;

  /** A fresh appliance with a master key and PINs, and a host that knows it. */
  static async start(): Promise<Pkcs11Host> {
    const appliance = await startAppliance();
    const { userPin } = await appliance.setUp();
    return Pkcs11Host.of(appliance, userPin);
  }

  /** A host that knows an appliance which is set up. */
  static async of(appliance: Appliance, userPin: string): Promise<Pkcs11Host> {
    const folder = mkdtempSync(join(tmpdir(), 'pkcs11-host-'));
    const endpoint = (port: number): HsmEndpoint => ({
      ip: '127.0.0.1',
      port,
      servername: 'dks-hsm',
      serial: 'test',
      fingerprint: appliance.fingerprint,
    });
    await writeHsmConf(hsmConfPath(folder), {
      cty: endpoint(appliance.consolePort),
      rpc: endpoint(appliance.rpcPort),
    });
    return new Pkcs11Host(folder, userPin, appliance);
  }

  private constructor(folder: string, userPin: string, appliance: Appliance) {
    this.folder = folder;
    this.userPin = userPin;
    this.appliance = appliance;
    writeFileSync(join(folder, 'pin'), userPin, { mode: 0o600 });
  }

  /** By these the library finds the appliance, and the OpenSSL engine the library. */
  get env(): Readonly<Record<string, string>> {
    return { DIAMOND_HSM_CONFIG_PATH: this.folder, PKCS11_MODULE_PATH: MODULE };
  }

  /** Writes a file of the work folder. */
  write(name: string, content: string | Uint8Array): void {
    writeFileSync(join(this.folder, name), content);
  }

  read(name: string): Buffer {
    return readFileSync(join(this.folder, name));
  }

  /** Runs a program to its end, whatever its exit status. */
  attempt(program: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Outcome> {
    return runProgram(program, args, { cwd: this.folder, env: { ...this.env, ...env } });
  }

  /** Runs a program that has to succeed; gives what it said. */
  async run(program: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<string> {
    const outcome = await this.attempt(program, args, env);
    if (outcome.status !== 0) throw failure(program, outcome);
    return outcome.stdout + outcome.stderr;
  }

  /** pkcs11-tool with the library; `args` as one line, quoted parts are not needed here. */
  p11(args: string): Promise<string> {
    return this.run('pkcs11-tool', ['--module', MODULE, ...args.split(' ')]);
  }

  /** The same, logged in as user. */
  p11LoggedIn(args: string): Promise<string> {
    return this.p11(`--login --pin ${this.userPin} ${args}`);
  }

  async stop(): Promise<void> {
    await this.appliance.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
