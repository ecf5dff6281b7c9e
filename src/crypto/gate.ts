/** Limits how many slow jobs run at once, so that signing, which shares processors and thread pool with them, goes on. */

import { HalError, type HalStatusName } from '#src/wire/status.ts';

interface WaitingLimit {
  readonly most: number;
  /** The error if so many jobs wait already. */
  readonly whenFull: HalStatusName;
}

export class Gate {
  #free: number;
  readonly #limit: WaitingLimit | undefined;
  readonly #waiting: (() => void)[] = [];

  /** @param limit for jobs that strangers can ask for */
  constructor(parallel: number, limit?: WaitingLimit) {
    this.#free = parallel;
    this.#limit = limit;
  }

  /** Runs a job when its turn has come; jobs start in the order of the calls. */
  async run<T>(job: () => Promise<T>): Promise<T> {
    if (this.#free > 0) {
      this.#free -= 1;
    } else {
      if (this.#limit && this.#waiting.length >= this.#limit.most) {
        throw new HalError(this.#limit.whenFull, 'too many requests wait');
      }
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiting.push(resolve);
      await promise;
    }
    try {
      return await job();
    } finally {
      // The place goes straight to the next in line.
      const next = this.#waiting.shift();
      if (next) next();
      else this.#free += 1;
    }
  }
}
