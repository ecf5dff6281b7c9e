/** Keys ready for use. Unwrapping and parsing costs far more than a signature, so the keys in use stay parsed. */

import { wipe } from '#src/crypto/process-hardening.ts';
import { CryptoRefusal } from '#src/crypto/refusal.ts';
import { type SigningKey } from '#src/crypto/signing-key.ts';
import { type KeyType } from '#src/wire/enumerations.ts';
import { type DeviceKey, limitOf } from './device-key.ts';
import { type UseCount } from './use-counts.ts';

/** What may be done with a key; the operations that its attributes allow one by one. */
export type Use =
  | 'sign'
  | 'verify'
  | 'encrypt'
  | 'decrypt'
  | 'wrap'
  | 'unwrap'
  | 'derive'
  | 'encapsulate'
  | 'decapsulate';

interface KeyMaterial {
  /** Of private and public keys. */
  readonly signingKey?: SigningKey;
  /** Of secret keys: the value, wiped when the key is forgotten. */
  readonly secret?: Uint8Array;
}

export class LoadedKey {
  readonly id: string;
  readonly material: KeyMaterial;
  readonly uses: UseCount;
  /** What was found to be allowed, by use and mechanism: nothing of it is worked out again for the next signature. */
  readonly #allowed = new Map<Use, Set<number>>();
  /** Kept beside {@link key}, for the sake of signing. */
  type: KeyType;
  flags: number;
  owner: number | undefined;
  /** The mechanism that {@link isAllowed} for signing was last true of: most keys sign with one all their life. */
  signsWith: number | undefined;
  /** Whether it has a limit of uses, see {@link limitOf}. */
  isLimited: boolean;
  #key: DeviceKey;

  constructor(id: string, key: DeviceKey, material: KeyMaterial, uses: UseCount) {
    this.id = id;
    this.material = material;
    this.uses = uses;
    this.#key = key;
    ({ type: this.type, flags: this.flags, owner: this.owner } = key);
    this.isLimited = limitOf(key) !== undefined;
  }

  get key(): DeviceKey {
    return this.#key;
  }

  /** Its attributes have changed: everything is to be found out anew. */
  set key(changed: DeviceKey) {
    this.#key = changed;
    this.isLimited = limitOf(changed) !== undefined;
    this.#allowed.clear();
    this.signsWith = undefined;
  }

  isAllowed(use: Use, mechanism: number): boolean {
    return this.#allowed.get(use)?.has(mechanism) === true;
  }

  allow(use: Use, mechanism: number): void {
    const mechanisms = this.#allowed.get(use);
    if (mechanisms) mechanisms.add(mechanism);
    else this.#allowed.set(use, new Set([mechanism]));
  }

  /** @throws CryptoRefusal if it is a secret key, or no key at all */
  get signingKey(): SigningKey {
    if (!this.material.signingKey) throw new CryptoRefusal('key-type', 'not a private or public key');
    return this.material.signingKey;
  }

  /** @throws CryptoRefusal if it is not a secret key */
  get secret(): Uint8Array {
    if (!this.material.secret) throw new CryptoRefusal('key-type', 'not a secret key');
    return this.material.secret;
  }

  destroy(): void {
    this.material.signingKey?.destroy();
    if (this.material.secret) wipe(this.material.secret);
  }
}

/**
 * A bounded cache in two generations: when the young one is full it becomes the old one, and what was not used since is
 * forgotten. A hit in the young generation, the usual case, writes nothing.
 */
export class LoadedKeys {
  readonly #generationSize: number;
  #young = new Map<string, LoadedKey>();
  #old = new Map<string, LoadedKey>();

  /** @param capacity most keys kept */
  constructor(capacity: number) {
    this.#generationSize = Math.max(1, Math.ceil(capacity / 2));
  }

  get(id: string): LoadedKey | undefined {
    const young = this.#young.get(id);
    if (young !== undefined) return young;
    const old = this.#old.get(id);
    if (old === undefined) return undefined;
    this.#old.delete(id);
    this.set(id, old);
    return old;
  }

  set(id: string, key: LoadedKey): void {
    if (this.#young.size >= this.#generationSize) {
      // Private keys may still be at work on other threads, and cleanse themselves when collected.
      for (const { material } of this.#old.values()) if (material.secret) wipe(material.secret);
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(id, key);
  }

  /** Forgets a key and cleanses it at once: it was destroyed, or may not be used any more. */
  delete(id: string): void {
    (this.#young.get(id) ?? this.#old.get(id))?.destroy();
    this.#young.delete(id);
    this.#old.delete(id);
  }

  clear(): void {
    for (const key of this.#young.values()) key.destroy();
    for (const key of this.#old.values()) key.destroy();
    this.#young.clear();
    this.#old.clear();
  }
}
