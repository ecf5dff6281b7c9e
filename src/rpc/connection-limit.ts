/** How many connections with a finished handshake there may be: each takes some ten kilobytes, login or not. */

export interface ConnectionLimits {
  readonly perAddress: number;
  readonly total: number;
}

export class ConnectionLimit {
  readonly #limits: ConnectionLimits;
  readonly #byAddress = new Map<string, number>();
  #total = 0;

  constructor(limits: ConnectionLimits) {
    this.#limits = limits;
  }

  /** Counts a connection; `false`, and not counted, if there are too many. Those that are there stay: they may be signing. */
  enter(address: string): boolean {
    const same = this.#byAddress.get(address) ?? 0;
    if (same >= this.#limits.perAddress || this.#total >= this.#limits.total) return false;
    this.#byAddress.set(address, same + 1);
    this.#total++;
    return true;
  }

  leave(address: string): void {
    const left = (this.#byAddress.get(address) ?? 0) - 1;
    if (left > 0) this.#byAddress.set(address, left);
    else this.#byAddress.delete(address);
    this.#total--;
  }
}
