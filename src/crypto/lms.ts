/**
 * Trees of one-time keys: LMS over LM-OTS (RFC 8554 sections 4 and 5) with SHA-256 and n = m = 32. A tree is made from its
 * seed (appendix A); the hashing itself is in native/lms.c.
 */

import { hash } from 'node:crypto';

import { HalError } from '#src/wire/status.ts';

import { Gate } from './gate.ts';
import { native } from './native.ts';
import { wipe } from './process-hardening.ts';

const HASH = 32;
export const IDENTIFIER_SIZE = 16;
export const SEED_SIZE = 32;

/** Domain separation of tree nodes, RFC 8554 section 5.3. */
const D_LEAF = 0x8282;
const D_INTR = 0x8383;

/** Hashes of one job on the thread pool, some 25 ms of work, so that signatures in between need not wait for a tree. */
const HASHES_PER_JOB = 500_000;
/** Threads that build trees, whatever the number of trees: the others stay free for signatures. */
const THREADS = 2;

const gate = new Gate(THREADS);

/** Winternitz parameter by LM-OTS type, RFC 8554 table 1. */
const LMOTS_TYPES: ReadonlyMap<number, { readonly w: number; readonly chains: number }> = new Map([
  [1, { w: 1, chains: 265 }],
  [2, { w: 2, chains: 133 }],
  [3, { w: 4, chains: 67 }],
  [4, { w: 8, chains: 34 }],
]);

/** Height by LMS type, RFC 8554 table 2. */
const LMS_TYPES: ReadonlyMap<number, number> = new Map([
  [5, 5],
  [6, 10],
  [7, 15],
  [8, 20],
  [9, 25],
]);

/** What the type numbers of a tree stand for. */
export interface LmsParameters {
  readonly lms: number;
  readonly lmots: number;
  readonly height: number;
  readonly w: number;
  readonly chains: number;
  /** Bytes of an LM-OTS signature with its type, and of an LMS signature. */
  readonly lmotsSize: number;
  readonly signatureSize: number;
}

/** `undefined` for unknown types. */
export function lmsParameters(lms: number, lmots: number): LmsParameters | undefined {
  const height = LMS_TYPES.get(lms);
  const winternitz = LMOTS_TYPES.get(lmots);
  if (height === undefined || winternitz === undefined) return undefined;
  const lmotsSize = 4 + HASH * (winternitz.chains + 1);
  return { lms, lmots, height, ...winternitz, lmotsSize, signatureSize: 8 + lmotsSize + HASH * height };
}

/** Bytes of u32str(type) || u32str(otstype) || I || T[1]. */
export const LMS_PUBLIC_KEY_SIZE = 8 + IDENTIFIER_SIZE + HASH;

/** One tree with its secret: whoever keeps it says which leaf may sign what, and never one leaf two messages. */
export class LmsTree {
  readonly parameters: LmsParameters;
  readonly identifier: Uint8Array;
  /** In the form of RFC 8554 section 5.3. */
  readonly publicKey: Uint8Array;
  readonly #seed: Uint8Array;
  /** Node `r` at `32 * r`; the root is node 1. */
  readonly #nodes: Uint8Array;
  #destroyed = false;

  private constructor(parameters: LmsParameters, identifier: Uint8Array, seed: Uint8Array, nodes: Uint8Array) {
    this.parameters = parameters;
    this.identifier = identifier;
    this.#seed = seed;
    this.#nodes = nodes;
    this.publicKey = Buffer.concat([u32(parameters.lms), u32(parameters.lmots), identifier, this.root]);
  }

  /** Computes all leaves on the thread pool. @param seed becomes the tree's, which wipes it */
  static async build(parameters: LmsParameters, identifier: Uint8Array, seed: Uint8Array): Promise<LmsTree> {
    const { height, w, chains } = parameters;
    const leaves = 2 ** height;
    const nodes = new Uint8Array(2 * leaves * HASH);
    const perJob = Math.min(leaves, Math.max(16, Math.floor(HASHES_PER_JOB / (chains * 2 ** w))));
    let next = 0;
    const work = async (): Promise<void> => {
      for (let first = next; first < leaves; first = next) {
        next += perJob;
        const count = Math.min(perJob, leaves - first);
        // oxlint-disable-next-line no-await-in-loop -- one job after the other is what keeps the pool free
        const part = await gate.run(() => native.lmsLeaves(identifier, seed, w, first, height, count));
        if (!part) throw new HalError('ALLOCATION_FAILURE', 'a tree of one-time keys');
        nodes.set(part, (leaves + first) * HASH);
      }
    };
    await Promise.all(Array.from({ length: THREADS }, work));
    native.lmsInnerNodes(identifier, nodes);
    return new LmsTree(parameters, identifier, seed, nodes);
  }

  get root(): Uint8Array {
    return this.#node(1);
  }

  /** The LMS signature of leaf `q`. The same message gives the same signature. It is verified before it is released. */
  async sign(q: number, message: Uint8Array): Promise<Uint8Array> {
    const { lms, lmots, height, w } = this.parameters;
    this.#checkSeed();
    const oneTime = await native.lmotsSign(this.identifier, this.#seed, w, q, message);
    if (!oneTime) throw new HalError('ALLOCATION_FAILURE', 'a hash-based signature');
    const path: Uint8Array[] = [];
    for (let node = 2 ** height + q; node > 1; node >>>= 1) path.push(this.#node(node ^ 1));
    const signature = Buffer.concat([u32(q), u32(lmots), oneTime, u32(lms), ...path]);
    // A damaged value could lie deeper in its chain than the message allows, which would be a gift to forgers.
    if (!verifyLms(this.publicKey, message, signature)) {
      throw new HalError('ASSERTION_FAILED', 'no valid signature came about, nothing was released');
    }
    return signature;
  }

  /**
   * Secret bytes that belong to leaf `q`, for a tree below it.
   * @param purpose a number that is neither that of a chain nor that of the randomizer (0xfffd)
   */
  derive(q: number, purpose: number): Uint8Array {
    this.#checkSeed();
    const input = Buffer.concat([this.identifier, u32(q), u16(purpose), Uint8Array.of(0xff), this.#seed]);
    const derived = hash('sha256', input, 'buffer');
    wipe(input);
    return derived;
  }

  /** Wipes the seed: the tree cannot sign any more. */
  destroy(): void {
    this.#destroyed = true;
    wipe(this.#seed);
  }

  #checkSeed(): void {
    if (this.#destroyed) throw new HalError('KEY_NOT_FOUND', 'the tree has been destroyed');
  }

  #node(r: number): Uint8Array {
    return this.#nodes.subarray(r * HASH, (r + 1) * HASH);
  }
}

/** Types in an encoded public key; `undefined` if it is none of ours. */
export function parametersOfPublicKey(publicKey: Uint8Array): LmsParameters | undefined {
  if (publicKey.length !== LMS_PUBLIC_KEY_SIZE) return undefined;
  return lmsParameters(readU32(publicKey, 0), readU32(publicKey, 4));
}

/** Algorithm 6 of RFC 8554; anything that is not a signature is `false`. */
export function verifyLms(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  const parameters = parametersOfPublicKey(publicKey);
  if (parameters === undefined || signature.length !== parameters.signatureSize) return false;
  const { lms, lmots, height, w, lmotsSize } = parameters;
  const identifier = publicKey.subarray(8, 8 + IDENTIFIER_SIZE);
  const q = readU32(signature, 0);
  const pathStart = 8 + lmotsSize;
  if (q >= 2 ** height || readU32(signature, 4) !== lmots || readU32(signature, pathStart - 4) !== lms) return false;
  const oneTime = signature.subarray(8, pathStart - 4);
  const candidate = native.lmotsCandidate(identifier, w, q, message, oneTime);
  let node = 2 ** height + q;
  let value = hash('sha256', Buffer.concat([identifier, u32(node), u16(D_LEAF), candidate]), 'buffer');
  for (let i = 0; i < height; i++) {
    const sibling = signature.subarray(pathStart + i * HASH, pathStart + (i + 1) * HASH);
    const children = node % 2 === 1 ? [sibling, value] : [value, sibling];
    node >>>= 1;
    value = hash('sha256', Buffer.concat([identifier, u32(node), u16(D_INTR), ...children]), 'buffer');
  }
  return value.equals(publicKey.subarray(8 + IDENTIFIER_SIZE));
}

/** u32str of RFC 8554 section 3.1.1. */
export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** strTou32 of RFC 8554 section 3.1.1. */
export function readU32(bytes: Uint8Array, offset: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(offset);
}

function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}
