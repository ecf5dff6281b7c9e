/**
 * Finds keys by the values of attributes that programs search by. The values themselves are not kept, only a hash of each: what is
 * found may be another key now and then, what is not found does not exist.
 */

import { KeyType } from '#src/wire/enumerations.ts';
import { type KeyEntry } from './key-table.ts';

/** Attributes that keys have by default, with an empty value: CKA_LABEL and CKA_ID (PKCS#11 3.1, 4.4 and 4.7). */
const ALWAYS = new Set([0x003, 0x102]);

/**
 * CKA_APPLICATION, CKA_VALUE, CKA_OBJECT_ID, CKA_ISSUER, CKA_SERIAL_NUMBER, CKA_URL, CKA_HASH_OF_SUBJECT_PUBLIC_KEY,
 * CKA_CHECK_VALUE, CKA_SUBJECT: indexed unless they are empty.
 */
const IF_GIVEN = new Set([0x010, 0x011, 0x012, 0x081, 0x082, 0x089, 0x08a, 0x090, 0x101]);

/** CKA_MODULUS, CKA_EC_POINT: a private key may lack them, but its SubjectPublicKeyInfo ends with the same bytes. */
const PUBLIC_VALUES = new Set([0x120, 0x181]);

/** CKA_VALUE: of certificates and data what is stored, of public keys of post-quantum algorithms the end of SubjectPublicKeyInfo. */
const VALUE = 0x011;

/** CKA_PUBLIC_KEY_INFO, and the number under which the ends of public values are indexed. */
const PUBLIC_KEY_INFO = 0x129;

/** As much of the end of a public value tells keys apart. */
const TAIL = 32;

/** The usual end of an RSA key's SubjectPublicKeyInfo: the exponent 65537. Before it is the modulus (RFC 8017, A.1.1). */
const F4 = [0x02, 0x03, 0x01, 0x00, 0x01] as const;

const EMPTY = new Uint8Array(0);

/** Nobody can choose values that collide. */
const SEED = crypto.getRandomValues(new Int32Array(1))[0] as number;

type Found = ReadonlySet<KeyEntry>;

const NOTHING: Found = new Set();

export class KeyIndex {
  /** By hash of group, attribute and value. Most values belong to one key of a group. */
  readonly #keys = new Map<number, KeyEntry | Set<KeyEntry>>();

  /** @param group tells apart keys that need not be found together */
  add(entry: KeyEntry, group: number): void {
    for (const hash of hashesOf(entry, group)) {
      const there = this.#keys.get(hash);
      if (there === undefined) this.#keys.set(hash, entry);
      else if (there instanceof Set) there.add(entry);
      else if (there !== entry) this.#keys.set(hash, new Set([there, entry]));
    }
  }

  remove(entry: KeyEntry, group: number): void {
    for (const hash of hashesOf(entry, group)) {
      const there = this.#keys.get(hash);
      if (there === entry) this.#keys.delete(hash);
      if (!(there instanceof Set)) continue;
      there.delete(entry);
      if (there.size === 0) this.#keys.delete(hash);
    }
  }

  /** All keys of a group that have the value, and perhaps others; `undefined` if that is not indexed. */
  find(group: number, type: number, value: Uint8Array): Found | undefined {
    if (ALWAYS.has(type)) return this.#at(hashOf(group, type, value));
    if (PUBLIC_VALUES.has(type)) return this.#publicKeys(group, value.subarray(-TAIL));
    if (type === PUBLIC_KEY_INFO) return this.#publicKeys(group, tailOf(value));
    if (!IF_GIVEN.has(type) || value.length === 0) return undefined;
    const found = this.#at(hashOf(group, type, value));
    return type === VALUE ? union(found, this.#publicKeys(group, value.subarray(-TAIL))) : found;
  }

  #publicKeys(group: number, tail: Uint8Array): Found {
    return union(this.#at(hashOf(group, PUBLIC_KEY_INFO, tail)), this.#at(hashOf(group, PUBLIC_KEY_INFO, EMPTY)));
  }

  #at(hash: number): Found {
    const there = this.#keys.get(hash);
    if (there === undefined) return NOTHING;
    return there instanceof Set ? there : new Set([there]);
  }
}

function union(a: Found, b: Found): Found {
  if (a.size === 0 || b.size === 0) return a.size === 0 ? b : a;
  return a.union(b);
}

function hashesOf({ type: keyType, attributes, spki: own }: KeyEntry, group: number): number[] {
  const hashes: number[] = [];
  for (const type of ALWAYS) hashes.push(hashOf(group, type, attributes.get(type) ?? EMPTY));
  for (const type of IF_GIVEN) {
    const value = attributes.get(type);
    if (value && value.length > 0) hashes.push(hashOf(group, type, value));
  }
  // A certificate has it as an attribute, if at all.
  const spki = own.length > 0 ? own : (attributes.get(PUBLIC_KEY_INFO) ?? EMPTY);
  if (spki.length > 0) {
    const isRsa = keyType === KeyType.RSA_PRIVATE || keyType === KeyType.RSA_PUBLIC;
    // Where the modulus of a key with another exponent ends is not worth knowing: there are hardly any.
    hashes.push(hashOf(group, PUBLIC_KEY_INFO, isRsa && !endsWithF4(spki) ? EMPTY : tailOf(spki)));
  }
  return hashes;
}

function tailOf(spki: Uint8Array): Uint8Array {
  return endsWithF4(spki) ? spki.subarray(-TAIL - F4.length, -F4.length) : spki.subarray(-TAIL);
}

function endsWithF4(spki: Uint8Array): boolean {
  return F4.every((byte, i) => spki[spki.length - F4.length + i] === byte);
}

/** Of longer values, beginning and end: certificates differ there. */
const HASHED = 2048;

/** FNV-1a, begun with the seed, and the last steps of MurmurHash3 over group and type. */
function hashOf(group: number, type: number, value: Uint8Array): number {
  let hash = SEED ^ value.length;
  for (let i = 0; i < value.length; i++) {
    hash = Math.imul(hash ^ (value[i] as number), 0x0100_0193);
    if (i === HASHED) i = Math.max(i, value.length - HASHED);
  }
  hash = Math.imul(hash ^ type, 0x85eb_ca6b);
  hash = Math.imul(hash ^ (hash >>> 13) ^ group, 0xc2b2_ae35);
  return (hash ^ (hash >>> 16)) | 0;
}
