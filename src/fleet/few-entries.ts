/** A small read-only map that needs less memory than a Map: for facts of which there is one set for every key. */

export abstract class FewEntries<V> implements ReadonlyMap<number, V> {
  abstract readonly size: number;
  abstract get(key: number): V | undefined;
  abstract entries(): MapIterator<[number, V]>;

  has(key: number): boolean {
    return this.get(key) !== undefined;
  }

  [Symbol.iterator](): MapIterator<[number, V]> {
    return this.entries();
  }

  *keys(): MapIterator<number> {
    for (const [key] of this.entries()) yield key;
  }

  *values(): MapIterator<V> {
    for (const [, value] of this.entries()) yield value;
  }

  forEach(each: (value: V, key: number, map: ReadonlyMap<number, V>) => void): void {
    for (const [key, value] of this.entries()) each(value, key, this);
  }
}

/** The one entry that most maps of copies have. */
export class OneEntry<V> extends FewEntries<V> {
  readonly size = 1;
  readonly key: number;
  readonly value: V;

  constructor(key: number, value: V) {
    super();
    this.key = key;
    this.value = value;
  }

  get(key: number): V | undefined {
    return key === this.key ? this.value : undefined;
  }

  *entries(): MapIterator<[number, V]> {
    yield [this.key, this.value];
  }
}
