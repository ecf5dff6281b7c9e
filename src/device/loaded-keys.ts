/** Keys ready for use. Unwrapping and parsing costs far more than a signature, so the keys in use stay parsed. */

import { type SigningKey } from '#src/crypto/signing-key.ts';
import { type KeyType } from '#src/wire/enumerations.ts';

export interface LoadedKey {
  readonly type: KeyType;
  readonly flags: number;
  /** As in {@link import('./device-key.ts').DeviceKey}. */
  readonly owner: number | undefined;
  readonly signingKey: SigningKey;
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
    if (old !== undefined) this.set(id, old);
    return old;
  }

  set(id: string, key: LoadedKey): void {
    if (this.#young.size >= this.#generationSize) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(id, key);
  }

  /** Forgets a key and cleanses it at once: it was destroyed, or may not be used any more. */
  delete(id: string): void {
    (this.#young.get(id) ?? this.#old.get(id))?.signingKey.destroy();
    this.#young.delete(id);
    this.#old.delete(id);
  }

  clear(): void {
    for (const { signingKey } of this.#young.values()) signingKey.destroy();
    for (const { signingKey } of this.#old.values()) signingKey.destroy();
    this.#young.clear();
    this.#old.clear();
  }
}
