/**
 * The hierarchical signature system (RFC 8554 section 6). Every tree below the root follows from the seed of the root tree and
 * from the numbers of the leaves above it, so that nothing about it need be kept, and a leaf that signs a tree signs the same
 * bytes whenever it does.
 */

import { HalError } from '#src/wire/status.ts';

import { type HssPrivateKey, type HssPublicKey, rootPublicKey } from './hss-key.ts';
import {
  IDENTIFIER_SIZE,
  LMS_PUBLIC_KEY_SIZE,
  type LmsParameters,
  LmsTree,
  parametersOfPublicKey,
  readU32,
  u32,
  verifyLms,
} from './lms.ts';

/** Purposes of {@link LmsTree.derive}. */
const CHILD_SEED = 0xfffe;
const CHILD_IDENTIFIER = 0xffff;

/** Most signatures counted under one leaf of the root: a number that JavaScript and SQLite keep exactly, and nobody reaches. */
const MAX_BELOW = 2 ** 52;

/** The one in use, and the next, which is built before it is needed. */
const TREES_PER_LEVEL = 2;

const NO_BYTES = new Uint8Array(0);

/** Where a key stands: its next signature is number `below` under leaf `leaf` of the root tree. */
export interface HssPosition {
  readonly leaf: number;
  readonly below: number;
}

/** A tree that signs messages, with what a signature has before its own part. */
export interface SigningTree {
  readonly tree: LmsTree;
  /** signed_pub_key[0] || ... || signed_pub_key[Nspk - 1] of RFC 8554 section 6.2. */
  readonly above: Uint8Array;
}

/** Signatures under each leaf of the root tree. */
export function signaturesPerLeaf({ levels, parameters }: HssPublicKey): number {
  return Math.min(MAX_BELOW, 2 ** (parameters.height * (levels - 1)));
}

/** Leaf numbers on the way from the root tree to the leaf of a signature; all but the last name the tree it belongs to. */
export function leafPath({ levels, parameters }: HssPublicKey, { leaf, below }: HssPosition): number[] {
  const digits: number[] = [];
  for (let i = 1, rest = below; i < levels; i++) {
    digits.unshift(rest % 2 ** parameters.height);
    rest = Math.floor(rest / 2 ** parameters.height);
  }
  return [leaf, ...digits];
}

/** The signature of RFC 8554 section 6.2. */
export async function signHss(
  levels: number,
  { tree, above }: SigningTree,
  q: number,
  message: Uint8Array,
): Promise<Uint8Array> {
  return Buffer.concat([u32(levels - 1), above, await tree.sign(q, message)]);
}

/** Algorithm of RFC 8554 section 6.3. The levels of a signature may have parameters of their own. */
export function verifyHss(key: HssPublicKey, message: Uint8Array, signature: Uint8Array): boolean {
  if (signature.length < 4 || readU32(signature, 0) !== key.levels - 1) return false;
  let publicKey = rootPublicKey(key);
  let rest = signature.subarray(4);
  for (let i = 1; i < key.levels; i++) {
    const size = parametersOfPublicKey(publicKey)?.signatureSize ?? 0;
    if (size === 0 || rest.length < size + LMS_PUBLIC_KEY_SIZE) return false;
    const signed = rest.subarray(size, size + LMS_PUBLIC_KEY_SIZE);
    if (!verifyLms(publicKey, signed, rest.subarray(0, size))) return false;
    publicKey = signed;
    rest = rest.subarray(size + LMS_PUBLIC_KEY_SIZE);
  }
  return verifyLms(publicKey, message, rest);
}

/** The trees of one private key that are in use, rebuilt on demand. */
export class HssTrees {
  readonly #key: HssPublicKey;
  readonly #seed: Uint8Array;
  /** By the path of leaf numbers to the tree, the least recently used first. */
  readonly #trees = new Map<string, Promise<SigningTree>>();
  #destroyed = false;

  /** @param key its seed becomes that of the trees, which wipe it */
  constructor({ seed, ...key }: HssPrivateKey) {
    this.#key = key;
    this.#seed = seed;
  }

  /** Makes a key with a random seed; all leaves are its own. */
  static async generate(
    levels: number,
    parameters: LmsParameters,
    random: (size: number) => Uint8Array,
  ): Promise<{ key: HssPrivateKey; trees: HssTrees }> {
    const identifier = random(IDENTIFIER_SIZE);
    const seed = random(32);
    const tree = await LmsTree.build(parameters, identifier, Uint8Array.from(seed));
    const { root } = tree;
    const key = { levels, parameters, identifier, root, seed, start: 0, end: 2 ** parameters.height };
    const trees = new HssTrees({ ...key, seed: Uint8Array.from(seed) });
    trees.#trees.set('', Promise.resolve({ tree, above: NO_BYTES }));
    return { key, trees };
  }

  /** Bytes of all trees that are kept at once. */
  static size({ levels, parameters }: HssPublicKey): number {
    return TREES_PER_LEVEL * levels * 2 ** (parameters.height + 1) * 32;
  }

  /**
   * The tree whose leaf makes the signature at a position; waits until it is built.
   * @throws HalError ASN1_PARSE_FAILED if the seed does not belong to the public key
   */
  at(position: HssPosition): Promise<SigningTree> {
    return this.#tree(leafPath(this.#key, position).slice(0, -1));
  }

  /** Wipes all secrets. */
  destroy(): void {
    this.#destroyed = true;
    this.#seed.fill(0);
    for (const built of this.#trees.values()) built.then(({ tree }) => tree.destroy()).catch(() => {});
    this.#trees.clear();
  }

  #tree(path: readonly number[]): Promise<SigningTree> {
    const id = path.join('/');
    const known = this.#trees.get(id);
    if (known !== undefined) {
      this.#trees.delete(id);
      this.#trees.set(id, known);
      return known;
    }
    const built = path.length === 0 ? this.#root() : this.#below(path.slice(0, -1), path.at(-1) as number);
    this.#trees.set(id, built);
    built.then(
      ({ tree }) => this.#destroyed && tree.destroy(),
      () => this.#trees.delete(id),
    );
    this.#forgetOldest(path);
    return built;
  }

  /** A tree is in use if it is on the way to the newest one. */
  #forgetOldest(path: readonly number[]): void {
    const used = new Set(path.map((_leaf, i) => path.slice(0, i).join('/')));
    for (const [id, built] of this.#trees) {
      if (this.#trees.size <= TREES_PER_LEVEL * this.#key.levels) return;
      if (used.has(id) || id === path.join('/')) continue;
      this.#trees.delete(id);
      built.then(({ tree }) => tree.destroy()).catch(() => {});
    }
  }

  async #root(): Promise<SigningTree> {
    const { parameters, identifier, root } = this.#key;
    const tree = await LmsTree.build(parameters, identifier, Uint8Array.from(this.#seed));
    if (Buffer.compare(tree.root, root) !== 0) {
      throw new HalError('ASN1_PARSE_FAILED', 'seed and public key of a hash-based key do not belong together');
    }
    return { tree, above: NO_BYTES };
  }

  async #below(path: readonly number[], q: number): Promise<SigningTree> {
    const { tree: parent, above } = await this.#tree(path);
    const identifier = parent.derive(q, CHILD_IDENTIFIER).slice(0, IDENTIFIER_SIZE);
    const tree = await LmsTree.build(this.#key.parameters, identifier, parent.derive(q, CHILD_SEED));
    return { tree, above: Buffer.concat([above, await parent.sign(q, tree.publicKey), tree.publicKey]) };
  }
}
