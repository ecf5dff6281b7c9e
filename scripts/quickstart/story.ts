/** What the quickstart tells while it works: one line per step, with the time the step took. */

export class Story {
  readonly #write: (text: string) => void;
  readonly #begin = performance.now();
  #stepBegin = this.#begin;
  /** Milliseconds by step, in order. */
  readonly timings: Record<string, number> = {};

  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  /** Ends a step that began with the end of the one before. */
  step(name: string, text: string): void {
    const now = performance.now();
    const taken = now - this.#stepBegin;
    this.#stepBegin = now;
    this.timings[name] = Math.round(taken);
    this.#write(`${seconds(taken)}  ${text}\n`);
  }

  /** Lines that belong to the step just told. */
  note(...lines: readonly string[]): void {
    for (const line of lines) this.#write(line === '' ? '\n' : `         ${line}\n`);
  }

  text(text: string): void {
    this.#write(`${text}\n`);
  }

  /** Milliseconds since the beginning. */
  get total(): number {
    return Math.round(performance.now() - this.#begin);
  }
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(2).padStart(6)} s`;
}
