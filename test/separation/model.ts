/**
 * What an attacker can know. The model sees the true values of all keys, so that it needs no guess: it knows which values must stay
 * secret, which the attacker has, and what follows from having a key or from being allowed to use it.
 */

import { CKA, CKO } from '#src/cryptoki/constants.ts';
import { has, isProtected, type KeyView } from '#src/cryptoki/key-view.ts';

export interface ModelKey {
  readonly uuid: Uint8Array;
  readonly view: KeyView;
  /** Of a secret key its value, of a private key what must not be seen, of a public key nothing; hexadecimal. */
  readonly secret: string;
  /** Keys with one identity have one value: the value of secret keys, the public key of pairs. */
  readonly identity: string;
}

/** A secret that travels under another one. */
interface Wrapped {
  readonly by: string;
  readonly key: string;
  /** By AES; else by RSA. */
  readonly isSymmetric: boolean;
}

/** A secret that can be computed with another one. */
interface Derived {
  readonly from: string;
  readonly key: string;
}

/** Shorter values are found by chance in anything. */
const MIN_SECRET = 32;

export class Model {
  /** Values that must not become known. */
  readonly #secrets = new Set<string>();
  /** Values that the attacker has. */
  readonly #known = new Set<string>();
  readonly #keys = new Map<string, ModelKey>();
  readonly #wrapped: Wrapped[] = [];
  readonly #derived: Derived[] = [];

  get keys(): readonly ModelKey[] {
    return [...this.#keys.values()];
  }

  get secretCount(): number {
    return this.#secrets.size;
  }

  isSecret(value: string): boolean {
    return this.#secrets.has(value);
  }

  /** A key that was made inside and whose template says that it must stay there. */
  mustStay(key: ModelKey): void {
    if (isProtected(key.view) && key.secret.length >= MIN_SECRET && !this.#known.has(key.secret)) {
      this.#secrets.add(key.secret);
    }
  }

  learn(value: string): void {
    this.#known.add(value);
  }

  isKnown(value: string): boolean {
    return this.#known.has(value);
  }

  put(key: ModelKey): void {
    this.#keys.set(Buffer.from(key.uuid).toString('hex'), key);
  }

  travels(by: ModelKey, key: ModelKey): void {
    const isSymmetric = by.view.objectClass === CKO.SECRET_KEY;
    this.#wrapped.push({ by: by.identity, key: key.secret, isSymmetric });
  }

  follows(from: ModelKey, key: ModelKey): void {
    this.#derived.push({ from: from.identity, key: key.secret });
  }

  /** What is wrong with bytes that the attacker sees. */
  see(bytes: Uint8Array): string | undefined {
    const text = Buffer.from(bytes).toString('hex');
    for (const secret of this.#secrets) if (text.includes(secret)) return 'a secret is in a reply';
    return undefined;
  }

  /** What is wrong now. */
  check(): string | undefined {
    for (let before = -1; before !== this.#known.size;) {
      before = this.#known.size;
      for (const { by, key } of this.#wrapped) if (this.#known.has(by)) this.#known.add(key);
      for (const { from, key } of this.#derived) if (this.#known.has(from)) this.#known.add(key);
    }
    for (const secret of this.#secrets) if (this.#known.has(secret)) return 'a secret can be computed';
    for (const key of this.#keys.values()) {
      if (this.#secrets.has(key.secret) && !isProtected(key.view)) return 'a secret can be read';
    }
    for (const { by, key, isSymmetric } of this.#wrapped) {
      // What a public half says of decryption means nothing.
      const opens = (other: ModelKey): boolean =>
        other.identity === by &&
        other.view.objectClass !== CKO.PUBLIC_KEY &&
        (has(other.view, CKA.DECRYPT) || (!isSymmetric && has(other.view, CKA.SIGN)));
      if (this.#secrets.has(key) && this.keys.some(opens)) return 'a secret can be decrypted';
    }
    for (const { from, key } of this.#derived) {
      const computes = (other: ModelKey): boolean =>
        other.identity === from && (has(other.view, CKA.SIGN) || has(other.view, CKA.ENCRYPT));
      if (this.#secrets.has(key) && this.keys.some(computes)) return 'a secret can be computed as a MAC';
    }
    return undefined;
  }
}
