/** The hash-based keys of a device: making, signing, giving a part of one away (RFC 8554). */

import { randomBytes } from 'node:crypto';
import { HssTrees, verifyHss } from '#src/crypto/hss.ts';
import {
  type HssPrivateKey,
  hssSignatureSize,
  MAX_LEVELS,
  readHssPrivateKey,
  readHssPublicKey,
  writeHssPrivateKey,
  writeHssPublicKey,
} from '#src/crypto/hss-key.ts';
import { type LmsParameters, lmsParameters } from '#src/crypto/lms.ts';
import { wipe } from '#src/crypto/process-hardening.ts';
import { type KeyStore } from '#src/store/key-store.ts';
import { Curve, KeyFlags, KeyType } from '#src/wire/enumerations.ts';
import { HalError } from '#src/wire/status.ts';
import { type DeviceKey, idOf } from './device-key.ts';
import { HashsigSigner } from './hashsig-signer.ts';
import { type ParsedKey } from './key-der.ts';
import { type KeySpace } from './key-space.ts';

/** Memory for trees of keys in use; keys that were not used lately are forgotten and built again. */
const MAX_TREE_BYTES = 256 * 1024 * 1024;

/** Trees of height 20 take minutes each, of height 25 hours; a CrypTech device has room for height 10 at most. */
const MAX_HEIGHT = 15;

/** With W1 a one-time key does not fit a block of a CrypTech device's key store. */
const MIN_W = 2;

/** libhal's longest message (`HAL_RPC_MAX_PKT_SIZE`). */
const MAX_SIGNATURE = 16_384;

/** Numbers of PKEY_GENERATE_HASHSIG. */
export interface HashsigKind {
  readonly levels: number;
  readonly lms: number;
  readonly lmots: number;
}

/** A key that is ready to be stored, and its trees. */
export interface MadeKey {
  readonly parsed: ParsedKey;
  readonly trees: HssTrees;
}

export class HashsigKeys {
  readonly #store: KeyStore;
  readonly #keys: KeySpace;
  /** By UUID, the least recently used first. */
  readonly #signers = new Map<string, HashsigSigner>();

  constructor(store: KeyStore, keys: KeySpace) {
    this.#store = store;
    this.#keys = keys;
  }

  /** Generates a key with the trees of its first signature. HalError UNSUPPORTED_KEY. */
  async generate({ levels, lms, lmots }: HashsigKind): Promise<MadeKey> {
    const parameters = lmsParameters(lms, lmots);
    if (parameters === undefined) throw new HalError('BAD_ARGUMENTS');
    if (parameters.w < MIN_W || hssSignatureSize(levels, parameters) > MAX_SIGNATURE) {
      throw new HalError('UNSUPPORTED_KEY', 'W1, or a signature that no message holds');
    }
    checkHeight(parameters);
    const { key, trees } = await HssTrees.generate(levels, parameters, randomBytes);
    await trees.at({ leaf: key.start, below: 0 });
    return { parsed: parsedKey(key), trees };
  }

  /** A key from another device. HalError ASN1_PARSE_FAILED, UNSUPPORTED_KEY. */
  async receive(pkcs8: Uint8Array): Promise<MadeKey> {
    const key = readHssPrivateKey(pkcs8);
    checkHeight(key.parameters);
    const trees = new HssTrees({ ...key, seed: Uint8Array.from(key.seed) });
    await trees.at({ leaf: key.start, below: 0 });
    return { parsed: parsedKey(key), trees };
  }

  /** Keeps the trees of a key that was just stored. */
  adopt(uuid: Uint8Array, { parsed, trees }: MadeKey): void {
    this.#remember(idOf(uuid), new HashsigSigner(this.#store, uuid, readHssPublicKey(parsed.spki), trees));
  }

  /** @throws HalError as {@link HashsigSigner.sign} and {@link KeySpace.unwrap} */
  async sign(key: DeviceKey, message: Uint8Array): Promise<Uint8Array> {
    const id = idOf(key.uuid);
    const known = this.#signers.get(id);
    if (known !== undefined) {
      this.#signers.delete(id);
      this.#signers.set(id, known);
      return known.sign(message);
    }
    // The message may be a view of something that is gone by then.
    const copy = message.slice();
    const pkcs8 = (await this.#keys.unwrap(key)) as Uint8Array;
    // Another request may have been faster.
    const signer = this.#signers.get(id) ?? this.#load(key.uuid, pkcs8);
    wipe(pkcs8);
    return signer.sign(copy);
  }

  /** Whether a signature is one of this key, private or public. Errors as {@link KeySpace.unwrap}. */
  async verify(key: DeviceKey, message: Uint8Array, signature: Uint8Array): Promise<boolean> {
    const copies: [Uint8Array, Uint8Array] = [message.slice(), signature.slice()];
    await this.#keys.requireReadable(key);
    return verifyHss(readHssPublicKey(key.spki), ...copies);
  }

  /**
   * The upper half of the leaves of the root tree that are left, as a key of its own, to be wiped by the caller. They are gone
   * from this key, on the disk, before they are returned.
   * @throws HalError HASHSIG_KEY_EXHAUSTED if fewer than two are left
   */
  async giveAwayHalf(key: DeviceKey): Promise<Uint8Array> {
    const pkcs8 = (await this.#keys.unwrap(key)) as Uint8Array;
    const secret = readHssPrivateKey(pkcs8);
    wipe(pkcs8);
    try {
      const position = this.#store.oneTimePosition(key.uuid);
      if (position === undefined) throw new HalError('KEY_NOT_FOUND');
      const { leaf, end } = position;
      // The leaf in use stays.
      const middle = leaf + Math.ceil((end - leaf) / 2);
      if (middle >= end) throw new HalError('HASHSIG_KEY_EXHAUSTED', 'nothing left to split');
      if (!this.#store.moveOneTimePosition(key.uuid, position, { ...position, end: middle })) {
        throw new HalError('ASSERTION_FAILED', 'the key moved on');
      }
      return writeHssPrivateKey({ ...secret, start: middle, end });
    } finally {
      wipe(secret.seed);
    }
  }

  /** Forgets a key and wipes its secrets: it was destroyed. */
  forget(id: string): void {
    this.#signers.get(id)?.destroy();
    this.#signers.delete(id);
  }

  /** Forgets all secrets: the master key has changed or is gone. */
  forgetAll(): void {
    for (const id of [...this.#signers.keys()]) this.forget(id);
  }

  #load(uuid: Uint8Array, pkcs8: Uint8Array): HashsigSigner {
    const secret = readHssPrivateKey(pkcs8);
    const signer = new HashsigSigner(this.#store, uuid, secret, new HssTrees(secret));
    this.#remember(idOf(uuid), signer);
    return signer;
  }

  #remember(id: string, signer: HashsigSigner): void {
    this.#signers.set(id, signer);
    let size = [...this.#signers.values()].reduce((sum, { size: bytes }) => sum + bytes, 0);
    for (const [other, { idle, size: bytes }] of this.#signers) {
      if (size <= MAX_TREE_BYTES) return;
      if (other === id || !idle) continue;
      this.forget(other);
      size -= bytes;
    }
  }
}

/** First check of PKEY_GENERATE_HASHSIG: numbers that stand for nothing. HalError BAD_ARGUMENTS. */
export function checkHashsigKind({ levels, lms, lmots }: HashsigKind): void {
  if (levels < 1 || levels > MAX_LEVELS || lmsParameters(lms, lmots) === undefined) {
    throw new HalError('BAD_ARGUMENTS', `hash-based key of ${levels} levels, types ${lms} and ${lmots}`);
  }
}

/** A copy of such a key in memory only would be lost, with what it has signed. HalError FORBIDDEN. */
export function checkHashsigFlags(flags: number): void {
  const needed = KeyFlags.TOKEN | KeyFlags.DIGITALSIGNATURE;
  if ((flags & needed) !== needed) throw new HalError('FORBIDDEN', 'hash-based keys are token keys for signatures');
}

function checkHeight({ height }: LmsParameters): void {
  if (height > MAX_HEIGHT) throw new HalError('UNSUPPORTED_KEY', `trees of height ${height}`);
}

/** In the form to be stored; wipes the seed. */
function parsedKey(key: HssPrivateKey): ParsedKey {
  const pkcs8 = writeHssPrivateKey(key);
  wipe(key.seed);
  const { levels, parameters, identifier, start, end } = key;
  return {
    type: KeyType.HASHSIG_PRIVATE,
    curve: Curve.NONE,
    bits: 8 * hssSignatureSize(levels, parameters),
    pkcs8,
    spki: writeHssPublicKey(key),
    oneTimeKeys: { identifier, start, end },
  };
}
