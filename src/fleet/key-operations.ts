/** Creates, changes and destroys keys on the devices and keeps the key table in step. */

import { type Curve, KeyFlags, KeyType, Limits } from '#src/wire/enumerations.ts';
import { HalError } from '#src/wire/status.ts';
import { type DeviceChooser } from './choose-device.ts';
import { type Connection } from './connection.ts';
import { type Device } from './device.ts';
import { attributeMap, entryFromFacts, keyId } from './key-entry.ts';
import { isBoardKey, isBoardPair } from './board-keys.ts';
import { type KeyEntry, type KeyTable } from './key-table.ts';
import { isPrivateDer, isPrivateType } from './key-kinds.ts';
import { type KeyTurns } from './key-turns.ts';
import { errorsOf, throwFirstRefusal } from './refusals.ts';
import { generationLimit, LONG, SHORT } from './time-limits.ts';

interface Attribute {
  readonly type: number;
  readonly value: Uint8Array;
}

export interface AttributeChange {
  readonly type: number;
  /** `null` deletes. */
  readonly value: Uint8Array | null;
}

export interface CreatePairRequest {
  readonly session: number;
  /** Name of the private key; the same name twice gives the same pair. */
  readonly name: Uint8Array;
  readonly publicName: Uint8Array;
  /** The type of the private key. */
  readonly type: KeyType;
  readonly curve: Curve;
  readonly bits: number;
  readonly exponent: Uint8Array;
  readonly flags: number;
  readonly publicFlags: number;
  readonly attributes: Attribute[];
  readonly publicAttributes: Attribute[];
}

export interface LoadKeyRequest {
  readonly session: number;
  /** The same name twice gives the same key. */
  readonly name: Uint8Array;
  /** PKCS#8 or SubjectPublicKeyInfo. */
  readonly der: Uint8Array;
  readonly flags: number;
  readonly attributes: Attribute[];
}

/** Where a new key goes; only internal callers ask for anything special. */
export interface Placement {
  /** Index of the device; absent: the appliance chooses. */
  readonly device?: number | undefined;
  /** The key is not entered in the key table: the caller will do so himself, or it is a copy of another. */
  readonly unlisted?: boolean;
}

export interface KeyPair {
  readonly privateKey: KeyEntry;
  readonly publicKey: KeyEntry;
}

export class KeyOperations {
  readonly #keys: KeyTable;
  readonly #devices: readonly Device[];
  readonly #choose: DeviceChooser;
  readonly #turns: KeyTurns;
  /** By name of the private key: a request that is repeated while it runs joins the first one. */
  readonly #creating = new Map<string, Promise<KeyPair>>();
  readonly #loading = new Map<string, Promise<KeyEntry>>();

  constructor(keys: KeyTable, devices: readonly Device[], choose: DeviceChooser, turns: KeyTurns) {
    this.#keys = keys;
    this.#devices = devices;
    this.#choose = choose;
    this.#turns = turns;
  }

  createPair(connection: Connection, request: CreatePairRequest): Promise<KeyPair> {
    const id = keyId(request.name);
    return joined(this.#creating, id, async () => {
      const privateKey = this.#existing(connection, id);
      const publicKey = this.#existing(connection, keyId(request.publicName));
      if ((privateKey ?? publicKey) && privateKey?.type !== request.type) throw new HalError('KEY_NAME_IN_USE');
      if (privateKey && publicKey) return { privateKey, publicKey };
      // A public half that was a session key is made again where the private one is.
      const index = privateKey && this.#choose.holding(privateKey).index;
      const pair = await this.#generate(connection, request, index);
      this.#enter(connection, [pair.privateKey, pair.publicKey]);
      return pair;
    });
  }

  /** A private key without a stored public half, as the vendor's generation functions make it. */
  async createPrivateKey(
    connection: Connection,
    {
      device,
      unlisted,
      ...request
    }: Pick<CreatePairRequest, 'session' | 'name' | 'type' | 'curve' | 'bits' | 'exponent' | 'flags'> & Placement,
  ): Promise<KeyEntry> {
    const pairRequest = {
      ...request,
      publicName: crypto.getRandomValues(new Uint8Array(16)),
      // The device stores pairs: this half is a session key that is destroyed at once.
      publicFlags: request.flags & ~KeyFlags.TOKEN,
      attributes: [],
      publicAttributes: [],
    };
    const pair = await this.#generate(connection, pairRequest, device);
    const entry = pair.privateKey;
    await Promise.allSettled([
      this.deleteKeys(connection, [pair.publicKey]),
      // Attributes that the device adds would shadow the client's own.
      this.setAttributes(
        connection,
        entry,
        [...entry.attributes.keys()].map((type) => ({ type, value: null })),
      ),
    ]);
    const privateKey = { ...entry, attributes: new Map() };
    if (!unlisted) this.#enter(connection, [privateKey]);
    return privateKey;
  }

  loadKey(
    connection: Connection,
    { device: index, unlisted, ...request }: LoadKeyRequest & Placement,
  ): Promise<KeyEntry> {
    const id = keyId(request.name);
    return joined(this.#loading, id, async () => {
      const existing = this.#existing(connection, id);
      if (existing) {
        const isSame = isPrivateDer(request.der)
          ? isPrivateType(existing.type)
          : Buffer.compare(existing.spki, request.der) === 0 && !isPrivateType(existing.type);
        if (!isSame) throw new HalError('KEY_NAME_IN_USE');
        return existing;
      }
      const device = this.#choose.forNewKey(index, !isBoardKey(request));
      const { loaded } = await connection.creating(
        device.call(
          'KEY_LOAD',
          { connection: connection.number, ...request },
          // The DER may be a private key.
          { limit: SHORT, repeat: true, secret: true },
        ),
      );
      const entry = entryFromFacts(device.index, loaded, connection);
      if (!unlisted) this.#enter(connection, [entry]);
      return entry;
    });
  }

  /** Destroys keys with all their copies. */
  deleteKeys(connection: Connection, entries: readonly KeyEntry[]): Promise<void> {
    const whole = entries.map((entry) => this.#keys.get(entry.id) === entry);
    return this.#turns.run(
      entries.map(({ id }) => id),
      () =>
        this.#deleteKeys(
          connection,
          entries.map((entry, i) => this.#current(entry, whole[i] === true)),
        ),
    );
  }

  async #deleteKeys(connection: Connection, entries: readonly KeyEntry[]): Promise<void> {
    const byDevice = new Map<number, Uint8Array[]>();
    for (const { copies } of entries) {
      for (const [index, key] of copies) byDevice.set(index, [...(byDevice.get(index) ?? []), key]);
    }
    const done = new Set<number>();
    const outcomes = await Promise.allSettled(
      [...byDevice].map(async ([index, keys]) => {
        for (let from = 0; from < keys.length; from += Limits.page) {
          const page = keys.slice(from, from + Limits.page);
          await this.#device(index).call(
            'KEY_DELETE',
            { connection: connection.number, keys: page },
            { limit: SHORT, repeat: true },
          );
        }
        done.add(index);
      }),
    );
    for (const entry of entries) {
      // The caller may have meant some of the copies only.
      const listed = this.#keys.get(entry.id);
      if (!listed) continue;
      const isGone = (index: number): boolean => entry.copies.has(index) && done.has(index);
      const left = new Map([...listed.copies].filter(([index]) => !isGone(index)));
      if (left.size === 0) this.#keys.remove(entry.id);
      else this.#keys.add([{ ...listed, copies: left }]);
    }
    throwFirstRefusal(errorsOf(outcomes));
  }

  /** Changes attributes on every copy, or on none. */
  setAttributes(connection: Connection, entry: KeyEntry, changes: readonly AttributeChange[]): Promise<KeyEntry> {
    const isWhole = this.#keys.get(entry.id) === entry;
    return this.#turns.run([entry.id], () => this.#setAttributes(connection, this.#current(entry, isWhole), changes));
  }

  async #setAttributes(
    connection: Connection,
    entry: KeyEntry,
    changes: readonly AttributeChange[],
  ): Promise<KeyEntry> {
    const attributes = [...changes];
    const change = (index: number, key: Uint8Array, values: AttributeChange[]) =>
      this.#device(index).call(
        'KEY_SET_ATTRIBUTES',
        { connection: connection.number, key, attributes: values },
        { limit: SHORT, repeat: true },
      );
    const copies = [...entry.copies];
    const outcomes = await Promise.allSettled(copies.map(([index, key]) => change(index, key, attributes)));
    if (outcomes.some((outcome) => outcome.status === 'rejected')) {
      const before = changes.map(({ type }) => ({ type, value: entry.attributes.get(type) ?? null }));
      const changed = copies.filter((_copy, i) => outcomes[i]?.status === 'fulfilled');
      await Promise.allSettled(changed.map(([index, key]) => change(index, key, before)));
    }
    throwFirstRefusal(errorsOf(outcomes));
    const [first] = outcomes;
    const result = first?.status === 'fulfilled' ? attributeMap(first.value.attributes) : entry.attributes;
    const changed = { ...(this.#keys.get(entry.id) ?? entry), attributes: result };
    if (this.#keys.get(entry.id)) this.#keys.add([changed]);
    return changed;
  }

  async #generate(connection: Connection, request: CreatePairRequest, index?: number): Promise<KeyPair> {
    const limit = request.type === KeyType.RSA_PRIVATE ? generationLimit(request.bits) : LONG;
    const device = this.#choose.forNewKey(index, !isBoardPair(request));
    const { privateKey, publicKey } = await connection.creating(
      device.call('KEY_PAIR_CREATE', { connection: connection.number, ...request }, { limit, repeat: true }),
    );
    return {
      privateKey: entryFromFacts(device.index, privateKey, connection),
      publicKey: entryFromFacts(device.index, publicKey, connection),
    };
  }

  /** New keys enter the table, except session keys of a connection that ends and takes them along. */
  #enter(connection: Connection, entries: KeyEntry[]): void {
    this.#keys.add(entries.filter((entry) => entry.owner === undefined || !connection.closed));
  }

  /** The key of this name, if the connection made it or could have. */
  #existing(connection: Connection, id: string): KeyEntry | undefined {
    const entry = this.#keys.get(id);
    if (entry?.owner && entry.owner !== connection) throw new HalError('KEY_NAME_IN_USE');
    return entry;
  }

  /** What was meant as the whole key has perhaps got another copy meanwhile. */
  #current(entry: KeyEntry, isWhole: boolean): KeyEntry {
    return (isWhole ? this.#keys.get(entry.id) : undefined) ?? entry;
  }

  #device(index: number): Device {
    const device = this.#devices[index];
    if (!device) throw new HalError('IO_TIMEOUT', `device ${index} does not exist`);
    return device;
  }
}

function joined<T>(running: Map<string, Promise<T>>, id: string, work: () => Promise<T>): Promise<T> {
  const first = running.get(id);
  if (first) return first;
  const promise = work().finally(() => running.delete(id));
  running.set(id, promise);
  return promise;
}
