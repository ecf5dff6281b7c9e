/**
 * Signs with one hash-based key. No leaf ever signs two messages: the store moves on, on the disk, before a signature is made,
 * so that a crash may waste leaves but never repeat one.
 */

import { hash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { type HssPosition, HssTrees, leafPath, signaturesPerLeaf, type SigningTree, signHss } from '#src/crypto/hss.ts';
import { type HssPublicKey } from '#src/crypto/hss-key.ts';
import { type KeyStore } from '#src/store/key-store.ts';
import { type OneTimePosition } from '#src/store/one-time-keys.ts';
import { HalError } from '#src/wire/status.ts';

/** How long signatures wait for a tree that is being built, before the client hears that the device is not ready. */
const PATIENCE_MS = 5000;

interface Waiting {
  readonly message: Uint8Array;
  readonly resolve: (signature: Promise<Uint8Array>) => void;
  readonly reject: (error: unknown) => void;
}

export class HashsigSigner {
  readonly #store: KeyStore;
  readonly #uuid: Uint8Array;
  readonly #key: HssPublicKey;
  readonly #trees: HssTrees;
  #waiting: Waiting[] = [];
  #running = false;
  #destroyed = false;

  constructor(store: KeyStore, uuid: Uint8Array, key: HssPublicKey, trees: HssTrees) {
    this.#store = store;
    this.#uuid = uuid;
    this.#key = key;
    this.#trees = trees;
  }

  /** Bytes of memory that this signer may take. */
  get size(): number {
    return HssTrees.size(this.#key);
  }

  get idle(): boolean {
    return !this.#running;
  }

  /**
   * The HSS signature of a message, which is copied.
   * @throws HalError HASHSIG_KEY_EXHAUSTED, NOT_READY (trees are being built), KEY_NOT_FOUND, MASTERKEY_NOT_SET, KEYSTORE_ACCESS
   */
  sign(message: Uint8Array): Promise<Uint8Array> {
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
    this.#waiting.push({ message: message.slice(), resolve, reject });
    if (!this.#running) void this.#run();
    return promise;
  }

  /** Wipes all secrets; nothing is signed any more. */
  destroy(): void {
    this.#destroyed = true;
    this.#trees.destroy();
  }

  async #run(): Promise<void> {
    this.#running = true;
    while (this.#waiting.length > 0) {
      try {
        // All that arrive in this turn share one flush to the disk.
        await setImmediate();
        await this.#signWaiting();
      } catch (error) {
        for (const { reject } of this.#waiting.splice(0)) reject(error);
      }
    }
    this.#running = false;
  }

  /** Signs what waits, as far as one tree reaches. */
  async #signWaiting(): Promise<void> {
    const expected = this.#position();
    const signing = await patiently(this.#trees.at(expected));
    const position = this.#position();
    // From here to the signatures nothing else runs: what was read is what is changed.
    if (treeOf(this.#key, position) !== treeOf(this.#key, expected)) return;
    const { next, first, count } = this.#advance(position, this.#waiting.length);
    const above = digestOf(signing);
    // Only the first leaf of a tree may begin with another one.
    const before = first === 0 ? undefined : position.above;
    if (before !== undefined && above !== undefined && Buffer.compare(above, before) !== 0) {
      throw new HalError('ASSERTION_FAILED', 'a tree differs from the one that was signed before');
    }
    if (!this.#store.moveOneTimePosition(this.#uuid, position, { ...next, end: position.end, above })) return;
    for (const [i, { message, resolve }] of this.#waiting.splice(0, count).entries()) {
      resolve(signHss(this.#key.levels, signing, first + i, message));
    }
    this.#buildAhead(next, position, first + count);
  }

  #position(): OneTimePosition {
    const position = this.#store.oneTimePosition(this.#uuid);
    if (position === undefined) throw new HalError('KEY_NOT_FOUND');
    if (this.#destroyed) throw new HalError('MASTERKEY_NOT_SET');
    if (position.leaf >= position.end) throw new HalError('HASHSIG_KEY_EXHAUSTED');
    return position;
  }

  /** The leaves for up to `wanted` signatures: `count` from `first` on, all of the tree that is in use. */
  #advance(position: OneTimePosition, wanted: number): { next: HssPosition; first: number; count: number } {
    const { leaf, below, end } = position;
    const first = leafPath(this.#key, position).at(-1) as number;
    if (this.#key.levels === 1) {
      const count = Math.min(wanted, end - leaf);
      return { next: { leaf: leaf + count, below: 0 }, first, count };
    }
    const capacity = signaturesPerLeaf(this.#key);
    const count = Math.min(wanted, 2 ** this.#key.parameters.height - first, capacity - below);
    const used = below + count;
    return { next: used < capacity ? { leaf, below: used } : { leaf: leaf + 1, below: 0 }, first, count };
  }

  /** Begins with the next tree when half of this one is used. */
  #buildAhead(next: HssPosition, { end }: OneTimePosition, used: number): void {
    const leaves = 2 ** this.#key.parameters.height;
    if (this.#key.levels === 1 || used < leaves / 2) return;
    const capacity = signaturesPerLeaf(this.#key);
    const begin = (Math.floor(next.below / leaves) + (used < leaves ? 1 : 0)) * leaves;
    const ahead = begin < capacity ? { leaf: next.leaf, below: begin } : { leaf: next.leaf + 1, below: 0 };
    if (ahead.leaf < end) this.#trees.at(ahead).catch(() => {});
  }
}

/** Names the tree whose leaf signs at a position. */
function treeOf(key: HssPublicKey, position: HssPosition): string {
  return leafPath(key, position).slice(0, -1).join('/');
}

function digestOf({ above }: SigningTree): Uint8Array | undefined {
  return above.length === 0 ? undefined : hash('sha256', above, 'buffer');
}

/** @throws HalError NOT_READY if it takes too long; the work goes on */
async function patiently<T>(work: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new HalError('NOT_READY', 'one-time keys are being built')), PATIENCE_MS);
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}
