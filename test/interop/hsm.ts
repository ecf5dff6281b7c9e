/** An appliance that is killed, locked and restarted; its address and ports stay. */

import { type Appliance, type Secrets, startAppliance } from '../appliance.ts';
import { pidsOf, until } from '../processes.ts';

export class Hsm {
  /** The first one has made the state folder, and removes it. */
  readonly #first: Appliance;
  appliance: Appliance;
  readonly secrets: Secrets;
  readonly #address: string;
  #earlierLog = '';

  private constructor(first: Appliance, secrets: Secrets, address: string) {
    this.#first = first;
    this.appliance = first;
    this.secrets = secrets;
    this.#address = address;
  }

  static async start(address: string): Promise<Hsm> {
    const appliance = await startAppliance({ listen: address });
    return new Hsm(appliance, await appliance.setUp(), address);
  }

  /** What all its daemons have logged. */
  get log(): string {
    return this.#earlierLog + this.appliance.log;
  }

  async kill(): Promise<void> {
    await this.appliance.kill();
  }

  /** On the console: afterwards it is locked. */
  async shutDownForRestart(): Promise<void> {
    await this.appliance.shutDownForRestart();
  }

  async startAgain(): Promise<void> {
    this.#earlierLog = this.log;
    const { state, rpcPort, consolePort } = this.#first;
    const ports = { rpc: rpcPort, console: consolePort };
    this.appliance = await startAppliance({ state, ports, listen: this.#address });
  }

  async unlock(): Promise<void> {
    await this.appliance.unlock();
  }

  /** Kills one of its devices, which the daemon starts again. */
  async killDevice(): Promise<void> {
    const devices = (): number[] => pidsOf(this.appliance.state, 'device/main.ts');
    const before = devices();
    process.kill(before[0] as number, 'SIGKILL');
    await until(() => devices().filter((pid) => pid !== before[0]).length === before.length);
  }

  async stop(): Promise<void> {
    await this.appliance.halt();
    await this.#first.stop();
  }
}
