/** All keys of a device: token keys in the store, session keys in memory, and those in use ready for use. */

import { randomUUID } from 'node:crypto';
import { wipe } from '#src/crypto/process-hardening.ts';
import { CryptoRefusal } from '#src/crypto/refusal.ts';
import { CKA } from '#src/cryptoki/constants.ts';
import { SigningKey } from '#src/crypto/signing-key.ts';
import { type KeyStore } from '#src/store/key-store.ts';
import { bindRow, checkValueOf, isSealed, unwrapRow, wrapForRow } from '#src/store/key-wrapping.ts';
import { type OneTimeRange } from '#src/store/one-time-keys.ts';
import { type Attribute, type KeyIdentity, type StoredKey } from '#src/store/stored-key.ts';
import { KeyFlags, KeyType } from '#src/wire/enumerations.ts';
import { HalError } from '#src/wire/status.ts';
import { type Access } from './access.ts';
import { type DeviceKey, idOf, isHashsig } from './device-key.ts';
import { Insertions } from './insertions.ts';
import { LoadedKey, LoadedKeys } from './loaded-keys.ts';
import { type MasterKey } from './master-key.ts';
import { type UseCount, type UseCounts } from './use-counts.ts';
import { type VolatileKey, VolatileKeys } from './volatile-keys.ts';

/** Keys kept ready for use: some 10 KiB each. */
const LOADED_KEYS = 4096;

/** A key to be stored. */
export interface NewKey extends Omit<KeyIdentity, 'uuid'> {
  /** A {@link newUuid}, if the caller has to know it beforehand. */
  readonly uuid?: Uint8Array;
  /** The secret part: PKCS#8, the value of a secret key or of a private data object; `undefined` if there is none. */
  readonly pkcs8: Uint8Array | undefined;
  /** Of a hash-based private key. */
  readonly oneTimeKeys?: Omit<OneTimeRange, 'uuid'> | undefined;
  readonly attributes: readonly Attribute[];
  readonly session: number;
}

export class KeySpace {
  readonly #store: KeyStore;
  readonly #access: Access;
  readonly #masterKey: MasterKey;
  readonly #uses: UseCounts;
  readonly #onDelete: (id: string) => void;
  readonly #insertions: Insertions;
  readonly #volatile = new VolatileKeys();
  readonly #loaded = new LoadedKeys(LOADED_KEYS);

  /** @param onDelete called with the id of every key that is destroyed */
  constructor(store: KeyStore, access: Access, masterKey: MasterKey, uses: UseCounts, onDelete: (id: string) => void) {
    this.#store = store;
    this.#insertions = new Insertions(store);
    this.#access = access;
    this.#masterKey = masterKey;
    this.#uses = uses;
    this.#onDelete = onDelete;
  }

  get tokenKeys(): number {
    return this.#store.size;
  }

  get volatileKeys(): number {
    return this.#volatile.size;
  }

  /** A key that the connection may know of. HalError KEY_NOT_FOUND. */
  find(connection: number, uuid: Uint8Array): DeviceKey {
    const key = this.#volatile.get(idOf(uuid)) ?? tokenKey(this.#store.get(uuid));
    if (key === undefined || !this.#access.sees(connection, key)) throw new HalError('KEY_NOT_FOUND');
    return key;
  }

  /**
   * The key with this name, `undefined` if the name is free.
   * @throws HalError KEY_NAME_IN_USE if it belongs to a key that the connection must not see
   */
  findByName(connection: number, name: Uint8Array): DeviceKey | undefined {
    const key = this.#volatile.getByName(name) ?? tokenKey(this.#store.getByName(name));
    if (key !== undefined && !this.#access.sees(connection, key)) throw new HalError('KEY_NAME_IN_USE');
    return key;
  }

  /** Token keys in ascending order behind a UUID. */
  list(after: Uint8Array, limit: number): DeviceKey[] {
    return this.#store.list(after, limit).map((key) => tokenKey(key) as DeviceKey);
  }

  /** Session keys of a connection (for wheel: of all) in ascending order. */
  sessionKeys(connection: number): DeviceKey[] {
    return this.#volatile.sorted((key) => this.#access.sees(connection, key));
  }

  /**
   * Stores keys made by a connection, all or none; token keys are on the disk afterwards. The secret parts are not needed any more
   * when this returns its promise.
   * @throws HalError MASTERKEY_NOT_SET, NO_KEY_INDEX_SLOTS, KEY_NAME_IN_USE, KEYSTORE_ACCESS
   */
  async add(connection: number, newKeys: readonly NewKey[]): Promise<DeviceKey[]> {
    const masterKey = this.#currentMasterKey();
    const checkValue = checkValueOf(masterKey);
    const ranges: OneTimeRange[] = [];
    const keys = newKeys.map(({ pkcs8, oneTimeKeys, attributes, session, ...facts }): DeviceKey => {
      if (this.#isTaken(facts.name)) throw new HalError('KEY_NAME_IN_USE');
      const isToken = (facts.flags & KeyFlags.TOKEN) !== 0;
      const identity = { ...facts, name: facts.name.slice(), uuid: facts.uuid ?? newUuid() };
      if (oneTimeKeys !== undefined) ranges.push({ ...oneTimeKeys, uuid: identity.uuid });
      const made = { ...identity, checkValue, attributes };
      if (isToken) return { ...made, ...bindRow(masterKey, identity, attributes, pkcs8), owner: undefined, session: 0 };
      const wrapped = pkcs8 && wrapForRow(this.#volatile.wrappingKey, identity, pkcs8);
      return { ...made, wrapped, owner: connection, session };
    });
    const sessionKeys = keys.filter((key): key is VolatileKey => key.owner !== undefined);
    const tokenKeys = keys.filter(({ owner }) => owner === undefined);
    if (sessionKeys.length > 0) this.#volatile.checkRoom(connection, sessionKeys.length);
    // At once: a logout while the others are written finds them.
    for (const key of sessionKeys) this.#volatile.add(key);
    if (tokenKeys.length > 0) {
      try {
        await this.#insertions.insert(tokenKeys, ranges);
      } catch (error) {
        this.delete(sessionKeys);
        throw error;
      }
    }
    return keys;
  }

  #isTaken(name: Uint8Array): boolean {
    return (this.#volatile.getByName(name) ?? this.#store.getByName(name)) !== undefined || this.#insertions.has(name);
  }

  /** Deletes keys, all or none. */
  delete(keys: readonly DeviceKey[]): void {
    const tokenKeys = keys.filter(({ owner }) => owner === undefined);
    if (tokenKeys.length > 0) this.#store.delete(tokenKeys.map(({ uuid }) => uuid));
    for (const key of keys) {
      const id = idOf(key.uuid);
      this.#loaded.delete(id);
      this.#volatile.delete(id);
      this.#uses.forget(id);
      this.#onDelete(id);
    }
  }

  /** Destroys all keys of everybody; returns how many token keys there were. */
  eraseAll(): number {
    const erased = this.#store.deleteAll();
    this.#loaded.clear();
    this.#uses.forgetAll();
    this.delete(this.#volatile.all());
    return erased;
  }

  /** @throws HalError MASTERKEY_NOT_SET, KEYWRAP_BAD_MAGIC (made under another master key, or changed behind our back) */
  setAttributes(key: DeviceKey, attributes: readonly Attribute[]): void {
    const id = idOf(key.uuid);
    let changed: DeviceKey = { ...key, attributes };
    if (key.owner === undefined) {
      const secret = this.#secret(key);
      const binding = bindRow(this.#currentMasterKey(), key, attributes, secret);
      if (secret) wipe(secret);
      this.#store.setAttributes(key.uuid, attributes, binding);
      changed = { ...changed, ...binding };
    } else {
      this.#volatile.setAttributes(id, attributes);
    }
    const loaded = this.#loaded.get(id);
    if (loaded) loaded.key = changed;
  }

  /** How often a key was used. */
  usesOf(key: DeviceKey): number {
    return this.#uses.total(this.#countOf(key));
  }

  /** Destroys the session keys of a connection; with `keepsPublic` those that only a login may see. */
  deleteSessionKeys(connection: number, keepsPublic: boolean): void {
    const keys = [...this.#volatile.ownedBy(connection)];
    this.delete(keys.filter(({ flags }) => !keepsPublic || (flags & KeyFlags.PUBLIC) === 0));
  }

  /** Forgets everything that depends on the master key: it has changed or is gone. Session keys end with it. */
  forgetSecrets(): void {
    this.#loaded.clear();
    this.delete(this.#volatile.all());
  }

  /** A key that was used lately. The caller asks {@link Access} whether the connection sees it. */
  loaded(id: string): LoadedKey | undefined {
    return this.#loaded.get(id);
  }

  /**
   * Makes a key ready for use.
   * @throws HalError KEY_NOT_FOUND, MASTERKEY_NOT_SET, KEYWRAP_BAD_MAGIC (made under another master key)
   */
  async load(connection: number, uuid: Uint8Array): Promise<LoadedKey> {
    const id = idOf(uuid);
    this.find(connection, uuid);
    await this.#masterKey.require();
    // The key may have been deleted, or loaded by another request, while the holder was asked.
    const key = this.find(connection, uuid);
    const known = this.#loaded.get(id);
    if (known !== undefined) return known;
    if (isHashsig(key)) throw new HalError('UNSUPPORTED_KEY', 'not for this kind of signature');
    const loaded = new LoadedKey(id, key, this.#material(key), this.#countOf(key));
    this.#loaded.set(id, loaded);
    return loaded;
  }

  /** {@link load} for keys that are used together. */
  async loadAll(connection: number, uuids: readonly Uint8Array[]): Promise<LoadedKey[]> {
    for (;;) {
      for (const uuid of uuids) await this.load(connection, uuid);
      // Other requests may have pushed the first out of the cache while the last was loaded.
      const keys = uuids.map((uuid) => this.#loaded.get(idOf(uuid))).filter((key) => key !== undefined);
      if (keys.length === uuids.length) return keys;
    }
  }

  #material(key: DeviceKey): LoadedKey['material'] {
    const secret = this.#secret(key);
    if (key.type === KeyType.SECRET && secret) return { secret };
    if (key.type === KeyType.CERTIFICATE || key.type === KeyType.DATA) {
      if (secret) wipe(secret);
      throw new CryptoRefusal('key-type', 'not a key');
    }
    const signingKey = secret ? SigningKey.fromPkcs8(secret) : SigningKey.fromSpki(key.spki);
    if (secret) wipe(secret);
    return { signingKey };
  }

  #countOf(key: DeviceKey): UseCount {
    return this.#uses.of(idOf(key.uuid), key.uuid, key.owner === undefined);
  }

  /** The secret part, see {@link NewKey}, to be wiped by the caller; `undefined` if there is none. Errors as {@link load}. */
  async unwrap(key: DeviceKey): Promise<Uint8Array | undefined> {
    await this.#masterKey.require();
    return this.#secret(key);
  }

  /** {@link checkReadable} with the master key asked of the holder if necessary. */
  async requireReadable(key: DeviceKey): Promise<void> {
    await this.#masterKey.require();
    this.checkReadable(key);
  }

  /**
   * @throws HalError MASTERKEY_NOT_SET, KEYWRAP_BAD_MAGIC if the key was made under another master key, or, having no secret, was
   * changed in the file
   */
  checkReadable(key: DeviceKey): void {
    const masterKey = this.#currentMasterKey();
    if (Buffer.compare(key.checkValue, checkValueOf(masterKey)) !== 0) {
      throw new HalError('KEYWRAP_BAD_MAGIC', 'the key was made under another master key');
    }
    if (key.wrapped === undefined && key.seal !== undefined && !isSealed(masterKey, key)) {
      throw new HalError('KEYWRAP_BAD_MAGIC', 'the key was changed in the file');
    }
  }

  #secret(key: DeviceKey): Uint8Array | undefined {
    this.checkReadable(key);
    if (key.wrapped === undefined) return undefined;
    const masterKey = this.#currentMasterKey();
    return unwrapRow(key.owner === undefined ? masterKey : this.#volatile.wrappingKey, key);
  }

  /** Looked up right where it is used: after any wait it may have been wiped. */
  #currentMasterKey(): Uint8Array {
    const masterKey = this.#masterKey.current;
    if (masterKey === undefined) throw new HalError('MASTERKEY_NOT_SET');
    return masterKey;
  }
}

function tokenKey(key: StoredKey | undefined): DeviceKey | undefined {
  return key && { ...key, attributes: believedOf(key), owner: undefined, session: 0 };
}

/** What others wrap keys under takes more than a row that nothing binds. */
function believedOf({ wrapped, seal, attributes }: StoredKey): readonly Attribute[] {
  if (wrapped !== undefined || seal !== undefined) return attributes;
  return attributes.filter(({ type }) => type !== CKA.TRUSTED && type !== CKA.DKS_CLOSED_PAIR);
}

/** A random UUID (version 4, RFC 9562), 16 bytes. Zero, the PIN block of a CrypTech device, never comes out. */
export function newUuid(): Uint8Array {
  return Buffer.from(randomUUID().replaceAll('-', ''), 'hex');
}
