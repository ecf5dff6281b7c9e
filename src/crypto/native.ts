/**
 * The binding to what node:crypto lacks: ECDSA over ready digests, cheap repeated signing, parameters of signatures and key
 * encapsulation, memory that is never swapped.
 */

import { createRequire } from 'node:module';

import { Bug } from '#src/wire/status.ts';

declare const keyBrand: unique symbol;

/** A key of OpenSSL, freed and cleansed by the garbage collector or {@link NativeBinding.destroyKey}. */
export interface NativeKey {
  readonly [keyBrand]: true;
}

/** What {@link NativeBinding.evp} does; the numbers are those of native/evp.h. */
export const EvpOperation = {
  /** Signs a ready hash or padded value; verified before release. */
  SIGN: 0,
  VERIFY: 1,
  /** Signs a message; verified before release. */
  SIGN_MESSAGE: 2,
  VERIFY_MESSAGE: 3,
  ENCRYPT: 4,
  DECRYPT: 5,
  /** With the SubjectPublicKeyInfo of the input. */
  AGREE: 6,
  /** The result is the ciphertext and the secret behind it. */
  ENCAPSULATE: 7,
  DECAPSULATE: 8,
  /** The second input is the key. */
  MAC: 9,
  /** PKCS#8 of a new key. */
  GENERATE: 10,
  /** The SubjectPublicKeyInfo of a key. */
  PUBLIC_KEY: 11,
  /** Bytes in a key, by their name in the input. */
  READ: 12,
  /** Whether both halves of a private key belong together. */
  CHECK_PAIR: 13,
} as const;
export type EvpOperation = (typeof EvpOperation)[keyof typeof EvpOperation];

/** Parameters of OpenSSL (OSSL_PARAM), at most 8: names of at most 31 characters, each followed by its value. */
export type EvpParameters = readonly (string | number | Uint8Array)[];

type EvpArguments = [
  operation: EvpOperation,
  /** A key; for MAC and GENERATE the name of an algorithm. */
  subject: NativeKey | string,
  parameters: EvpParameters,
  input: Uint8Array,
  /** Signature to verify, key of a MAC; else empty. */
  second: Uint8Array,
];

/** Failures are `false` or `undefined`; only wrong argument types and destroyed keys throw. */
interface NativeBinding {
  loadPrivateKey(pkcs8: Uint8Array): NativeKey | undefined;
  loadPublicKey(spki: Uint8Array): NativeKey | undefined;
  destroyKey(key: NativeKey): void;
  /** ECDSA into `signature`, which must have exactly the length of r||s. */
  signDigest(key: NativeKey, digest: Uint8Array, signature: Uint8Array): boolean;
  verifyDigest(key: NativeKey, digest: Uint8Array, signature: Uint8Array): boolean;
  /** EdDSA into `signature`, which must have exactly its length. */
  signMessage(key: NativeKey, message: Uint8Array, signature: Uint8Array): boolean;
  verifyMessage(key: NativeKey, message: Uint8Array, signature: Uint8Array): boolean;
  /** RSA PKCS#1 v1.5 over the bytes as they are, verified before release; or ECDSA. On a thread of the pool. */
  signOnPool(key: NativeKey, input: Uint8Array): Promise<Uint8Array | undefined>;
  /** {@link signDigest} and {@link signMessage} for many keys, with the help of other threads; `false` if one failed. */
  signTogether(keys: readonly NativeKey[], inputs: readonly Uint8Array[], signatures: readonly Uint8Array[]): boolean;
  verifyRsa(key: NativeKey, input: Uint8Array, signature: Uint8Array): boolean;
  /** Whether the numbers of an RSA private key fit together. */
  checkRsaKey(pkcs8: Uint8Array): boolean;
  /** e^-1 mod lcm(p-1, q-1), big-endian. */
  rsaPrivateExponent(pkcs8: Uint8Array): Uint8Array | undefined;
  /** `count` (at most 4096) tree nodes of leaves from number `q` on of a tree of this height. On a thread of the pool. */
  lmsLeaves(
    id: Uint8Array,
    seed: Uint8Array,
    w: number,
    q: number,
    height: number,
    count: number,
  ): Promise<Uint8Array | undefined>;
  /** Fills in the inner nodes of a tree: node `r` at `32 * r`, the leaves in the second half. */
  lmsInnerNodes(id: Uint8Array, nodes: Uint8Array): void;
  /** An LM-OTS signature without its type: C || y. On a thread of the pool. */
  lmotsSign(
    id: Uint8Array,
    seed: Uint8Array,
    w: number,
    q: number,
    message: Uint8Array,
  ): Promise<Uint8Array | undefined>;
  /** The LM-OTS public key that a message and a signature without its type lead to. */
  lmotsCandidate(id: Uint8Array, w: number, q: number, message: Uint8Array, signature: Uint8Array): Uint8Array;
  /** Any operation of OpenSSL's EVP interface; a verification that succeeds gives no bytes. All bytes are copied and cleansed. */
  evp(...evpArguments: EvpArguments): Uint8Array | undefined;
  /** {@link evp} on a thread of the pool. */
  evpOnPool(...evpArguments: EvpArguments): Promise<Uint8Array | undefined>;
  /** The descriptor that holds the lock, or a negative errno: EWOULDBLOCK if another process has it. */
  lockFile(path: string): number;
  disableDumps(): boolean;
  lockedMemory(size: number): Buffer | undefined;
}

const FILE = '../../build/native/diamond.node';

export const native: NativeBinding = load();

function load(): NativeBinding {
  try {
    return createRequire(import.meta.url)(FILE) as NativeBinding;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Bug(`the native binding cannot be loaded; run scripts/build (${reason})`);
  }
}
