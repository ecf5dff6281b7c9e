/** Keys in ascending order of their ids, in blocks: entering one among 100,000 moves some hundreds. */

import { type KeyEntry } from './key-table.ts';

/** A block that grows longer is halved. */
const BLOCK = 512;

export class SortedKeys {
  #blocks: KeyEntry[][] = [];
  #size = 0;
  /** Changes with every change, so that a cursor knows whether its place is still good. */
  #version = 0;

  get size(): number {
    return this.#size;
  }

  /** Enters a key, or replaces the one of the same id. */
  put(entry: KeyEntry): void {
    this.#version++;
    const [index, position] = this.#place(entry.id, false);
    const block = this.#blocks[index];
    if (block?.[position]?.id === entry.id) {
      block[position] = entry;
      return;
    }
    this.#size++;
    if (!block) {
      // Behind the last key: at the end of the last block.
      const last = this.#blocks.at(-1);
      if (last && last.length < BLOCK) last.push(entry);
      else this.#blocks.push([entry]);
      return;
    }
    block.splice(position, 0, entry);
    if (block.length > BLOCK) this.#blocks.splice(index + 1, 0, block.splice(BLOCK >>> 1));
  }

  remove(id: string): void {
    const [index, position] = this.#place(id, false);
    const block = this.#blocks[index];
    if (block?.[position]?.id !== id) return;
    this.#version++;
    this.#size--;
    block.splice(position, 1);
    if (block.length === 0) this.#blocks.splice(index, 1);
  }

  /** A reader of the keys behind `id`, in ascending order; `''` starts at the first. `id` need not exist. */
  after(id: string): KeyCursor {
    let last = id;
    let version = -1;
    let index = 0;
    let position = 0;
    return {
      peek: () => {
        if (version !== this.#version) {
          [index, position] = this.#place(last, true);
          version = this.#version;
        }
        return this.#blocks[index]?.[position];
      },
      next: () => {
        const block = this.#blocks[index];
        last = block?.[position]?.id ?? last;
        position++;
        if (block && position >= block.length) {
          index++;
          position = 0;
        }
      },
    };
  }

  /** Block and position of the first id that is not below `id`; with `behind`, of the first above it. */
  #place(id: string, behind: boolean): [number, number] {
    const isBelow = (entry: KeyEntry): boolean => entry.id < id || (behind && entry.id === id);
    const index = firstNot(this.#blocks, (block) => isBelow(block.at(-1) as KeyEntry));
    return [index, firstNot(this.#blocks[index] ?? [], isBelow)];
  }
}

/** Keys one after the other. They may change between two calls. */
export interface KeyCursor {
  /** The next key, again and again until {@link next}. */
  peek(): KeyEntry | undefined;
  /** Passes the key that {@link peek} has just given. */
  next(): void;
}

/** Several cursors as one, in ascending order. */
export function* merged(cursors: readonly KeyCursor[]): Iterable<KeyEntry> {
  for (;;) {
    let least: KeyEntry | undefined;
    let from: KeyCursor | undefined;
    for (const cursor of cursors) {
      const entry = cursor.peek();
      if (!entry || (least && least.id <= entry.id)) continue;
      least = entry;
      from = cursor;
    }
    if (!least || !from) return;
    from.next();
    yield least;
  }
}

/** A cursor over a few keys. */
export function cursorOver(entries: KeyEntry[]): KeyCursor {
  entries.sort((a, b) => (a.id < b.id ? -1 : 1));
  let position = 0;
  return {
    peek: () => entries[position],
    next: () => {
      position++;
    },
  };
}

/** A cursor over those keys of another one that are wanted. */
export function filtered(cursor: KeyCursor, isWanted: (entry: KeyEntry) => boolean): KeyCursor {
  return {
    peek: () => {
      let entry = cursor.peek();
      while (entry && !isWanted(entry)) {
        cursor.next();
        entry = cursor.peek();
      }
      return entry;
    },
    next: () => cursor.next(),
  };
}

/** Index of the first item for which `isBelow` is false; it is true for all before. */
function firstNot<T>(items: readonly T[], isBelow: (item: T) => boolean): number {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isBelow(items[middle] as T)) low = middle + 1;
    else high = middle;
  }
  return low;
}
