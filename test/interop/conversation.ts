/** A script that does what it is told: an order is a line on its standard input, the answer a line on its descriptor 3. */

import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

import type { Outcome } from '../../scripts/quickstart/run-program.ts';

export class Conversation {
  readonly #child: ChildProcess;
  /** Resolves when the script has ended. */
  readonly outcome: Promise<Outcome>;
  readonly #answers: AsyncIterator<string>;
  #last: Promise<unknown> = Promise.resolve();

  constructor(child: ChildProcess, outcome: Promise<Outcome>) {
    this.#child = child;
    this.outcome = outcome;
    child.stdin?.on('error', () => {}); // that it has ended is seen by the missing answer
    this.#answers = createInterface({ input: child.stdio[3] as Readable })[Symbol.asyncIterator]();
  }

  /** The next line that the script says by itself; `undefined` if it ended. */
  async listen(): Promise<string | undefined> {
    const { value, done } = await this.#answers.next();
    return done === true ? undefined : value;
  }

  /** Gives an order once the earlier ones have been answered. `undefined` if the script ended. */
  ask(order: string): Promise<string | undefined> {
    const answer = this.#last.then(() => {
      this.#child.stdin?.write(`${order}\n`);
      return this.listen();
    });
    this.#last = answer;
    return answer;
  }

  /** Ends the script and all that it has started. */
  async end(): Promise<Outcome> {
    this.#child.kill('SIGKILL');
    return this.outcome;
  }
}
