/** Lets a limited number of operations run at a time; the others wait in order. */

import { HalError, type HalStatusName } from '#src/wire/status.ts';

export class Slots {
  #free: number;
  readonly #maxWaiting: number;
  readonly #whenFull: HalStatusName;
  readonly #waiting: (() => void)[] = [];

  /** @param whenFull the error if `maxWaiting` operations wait already */
  constructor(count: number, maxWaiting: number, whenFull: HalStatusName) {
    this.#free = count;
    this.#maxWaiting = maxWaiting;
    this.#whenFull = whenFull;
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) {
      this.#free -= 1;
    } else {
      if (this.#waiting.length >= this.#maxWaiting) throw new HalError(this.#whenFull, 'too many requests wait');
      // Whoever leaves hands its slot over, so it is not counted as free in between.
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#free += 1;
    }
  }
}
