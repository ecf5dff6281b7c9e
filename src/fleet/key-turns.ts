/**
 * Changes, destruction and copying of one key run one after the other: a copy that is made while an attribute changes would
 * keep the old value, and one that is made while the key is destroyed would outlive it.
 */

export class KeyTurns {
  /** By key id: what came last, settled or not; it never rejects. */
  readonly #last = new Map<string, Promise<void>>();

  /** Runs `work` when nothing else is at work on these keys. Who comes later waits, so there is no deadlock. */
  run<T>(ids: readonly string[], work: () => Promise<T>): Promise<T> {
    const before = ids.flatMap((id) => this.#last.get(id) ?? []);
    const result = before.length === 0 ? work() : Promise.all(before).then(work);
    const done: Promise<void> = result.then(nothing, nothing).then(() => {
      for (const id of ids) if (this.#last.get(id) === done) this.#last.delete(id);
    });
    for (const id of ids) this.#last.set(id, done);
    return result;
  }
}

function nothing(): void {}
