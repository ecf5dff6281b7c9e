/**
 * Hosts that log in take turns. A device checks few PINs at a time and delays wrong ones, so without turns one host that
 * guesses, or a program with an old PIN, would keep everybody else waiting.
 */

import { HalError } from '#src/wire/status.ts';

/** Logins of one host that are with the devices at a time; a device has room for four of each role. */
const PARALLEL = 2;
/** More than these are refused at once. */
const MAX_WAITING = 256;

interface Host {
  running: number;
  readonly waiting: (() => void)[];
}

export class LoginTurns {
  readonly #hosts = new Map<string, Host>();

  /**
   * Runs a login of a host when its turn has come.
   * @throws HalError NO_CLIENT_SLOTS_AVAILABLE if too many logins of this host wait already
   */
  async run<T>(address: string, login: () => Promise<T>): Promise<T> {
    let host = this.#hosts.get(address);
    if (!host) this.#hosts.set(address, (host = { running: 0, waiting: [] }));
    if (host.running < PARALLEL) {
      host.running++;
    } else {
      if (host.waiting.length >= MAX_WAITING) throw new HalError('NO_CLIENT_SLOTS_AVAILABLE', 'too many logins wait');
      const { promise, resolve } = Promise.withResolvers<void>();
      host.waiting.push(resolve);
      await promise;
    }
    try {
      return await login();
    } finally {
      // The turn goes straight to the next in line.
      const next = host.waiting.shift();
      if (next) next();
      else if (--host.running === 0) this.#hosts.delete(address);
    }
  }
}
