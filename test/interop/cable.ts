/** A network namespace and a cable (veth) from it to the host: all that a machine in it reaches is its own loopback and the host's end. */

import { mustRun, runProgram } from '../../scripts/quickstart/run-program.ts';

/** Networks of two addresses in 198.18.0.0/15, which is set aside for tests (RFC 2544). */
const NETWORKS = 32_768;

export class Cable {
  /** Of the network namespace. */
  readonly namespace = `fire${process.pid}`;
  /** Address of the host's end. */
  readonly host: string;
  readonly #device = `fire${process.pid}h`;
  readonly #machine: string;
  readonly #network: string;

  private constructor() {
    const network = 4 * (process.pid % NETWORKS);
    const address = (end: number): string =>
      ['198', 18 + (network >> 16), (network >> 8) & 255, (network & 255) + end].join('.');
    this.#network = `${address(0)}/30`;
    this.host = address(1);
    this.#machine = address(2);
  }

  static async lay(): Promise<Cable> {
    const cable = new Cable();
    await ip('netns', 'add', cable.namespace);
    try {
      const inside = ['-n', cable.namespace];
      // While the cable is out, what is on its way to the machine must not leave the host by another one.
      await ip('route', 'add', 'blackhole', cable.#network, 'metric', '1000');
      await ip('link', 'add', cable.#device, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', cable.namespace);
      await ip('address', 'add', `${cable.host}/30`, 'dev', cable.#device);
      await ip(...inside, 'address', 'add', `${cable.#machine}/30`, 'dev', 'eth0');
      await ip(...inside, 'link', 'set', 'lo', 'up');
      await ip(...inside, 'link', 'set', 'eth0', 'up');
      await cable.plugIn();
    } catch (error) {
      await cable.remove();
      throw error;
    }
    return cable;
  }

  async plugIn(): Promise<void> {
    await ip('link', 'set', this.#device, 'up');
  }

  /** The machine sees a cable without a signal. */
  async unplug(): Promise<void> {
    await ip('link', 'set', this.#device, 'down');
  }

  /** A namespace ends some time after its last process, and its end of the cable with it: that is not waited for. */
  async remove(): Promise<void> {
    await runProgram('ip', ['link', 'delete', this.#device]);
    await runProgram('ip', ['route', 'delete', 'blackhole', this.#network, 'metric', '1000']);
    await ip('netns', 'delete', this.namespace);
  }
}

async function ip(...args: readonly string[]): Promise<void> {
  await mustRun('ip', args);
}
