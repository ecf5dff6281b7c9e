/** The keys of a board: listing, creation, change and use by the board's own functions. */

import { type Log } from '#src/audit/log.ts';
import { parsePublicKey, publicKeyAttributes } from '#src/crypto/public-key.ts';
import { KeyFlags, KeyType, MatchState } from '#src/wire/enumerations.ts';
import { type ArgsOf, type ResultsOf } from '#src/wire/message.ts';
import { HalError, HalStatus } from '#src/wire/status.ts';
import { type Attribute, readAttributes } from './attribute-reading.ts';
import { type BoardConnection, type Connections } from './connections.ts';
import { checkKind, isPrivate, isToken, latest, newUuid } from './key-kinds.ts';
import { FactsMemory, type KeyFacts, readPublicKey } from './key-facts.ts';
import { type KeyNames } from './key-names.ts';
import { type RoleClient } from './role-client.ts';
import { generationLimit } from './time-limits.ts';

/** Keys of a page: reading one takes a dozen requests, and others want to sign in between. */
const PAGE = 16;
/** The only public exponent of a board (libhal `hal_rsa_key_gen`). */
const EXPONENT = Uint8Array.of(1, 0, 1);

type PairArgs = ArgsOf<'KEY_PAIR_CREATE'>;

export class BoardKeys {
  readonly facts = new FactsMemory();
  readonly #names: KeyNames;
  readonly #connections: Connections;
  readonly #log: Log;
  /** Token keys known by their UUIDs in hexadecimal. */
  readonly #listed = new Set<string>();
  /** Attribute types beyond the usual ones, by key. */
  readonly #otherTypes = new Map<string, Set<number>>();
  /** Keys of creations that failed and could not be deleted: the line was lost. */
  #leftOver: Uint8Array[] = [];

  constructor(names: KeyNames, connections: Connections, log: Log) {
    this.#names = names;
    this.#connections = connections;
    this.#log = log;
  }

  get tokenKeys(): number {
    return this.#listed.size;
  }

  /** A page of token keys in ascending order of their UUIDs in the board. Within the role's turn. */
  async list(role: RoleClient, { after, limit }: ArgsOf<'KEY_LIST'>): Promise<ResultsOf<'KEY_LIST'>> {
    if (limit === 0) throw new HalError('BAD_ARGUMENTS', 'an empty page');
    let previous = after;
    const resultMax = Math.min(limit, PAGE);
    for (;;) {
      const { uuids } = await role.call('PKEY_MATCH', {
        session: 0,
        type: 0,
        curve: 0,
        mask: KeyFlags.TOKEN,
        flags: KeyFlags.TOKEN,
        attributes: [],
        state: previous.some((byte) => byte !== 0) ? MatchState.TOKEN : MatchState.START,
        resultMax,
        previous,
      });
      const keys = [];
      for (const key of uuids) {
        const facts = await this.#listedKey(role, key);
        if (facts) keys.push(facts);
      }
      const last = uuids.at(-1);
      const more = uuids.length === resultMax;
      if (keys.length === 0 && more && last) {
        // Nothing but parts of hash-based keys: the appliance takes an empty page for the end.
        previous = last;
        continue;
      }
      await this.#nameAll(keys);
      return { more: more ? 1 : 0, keys };
    }
  }

  /** Generates a pair as the vendor's library does, step by step; what was made is deleted if a step fails. */
  async createPair(
    role: RoleClient,
    connection: BoardConnection,
    args: PairArgs,
  ): Promise<ResultsOf<'KEY_PAIR_CREATE'>> {
    checkKind(args);
    const existing = await role.inTurn(() => this.#existingPair(role, connection, args));
    if (existing) return existing;
    const made: Uint8Array[] = [];
    try {
      const key = await this.#generate(role, connection, args, made);
      return await role.inTurn(() => this.#completePair(role, connection, key, args, made));
    } catch (error) {
      await this.#deleteMade(role, made);
      throw error;
    }
  }

  /** Within the role's turn. */
  async load(role: RoleClient, connection: BoardConnection, args: ArgsOf<'KEY_LOAD'>): Promise<KeyFacts> {
    for (const key of this.#names.keysOf(args.name)) {
      const facts = await this.#factsIfThere(role, key, args.session);
      if (facts) return facts;
    }
    const made: Uint8Array[] = [];
    try {
      const { session, der, flags, attributes, name } = args;
      const key = await this.#load(role, connection, session, der, flags, made);
      const derived = async (pkey: number): Promise<Attribute[]> => {
        const { spki, type } = await this.facts.of(role, key, pkey);
        return publicKeyAttributes(parsePublicKey(spki), isPrivate(type));
      };
      await role.withHandle(key, async (pkey) =>
        role.call('PKEY_SET_ATTRIBUTES', { pkey, attributes: latest([...attributes, ...(await derived(pkey))]) }),
      );
      if (isToken(flags)) await this.#names.add([[key, name]]);
      return await this.#read(role, key, name, session);
    } catch (error) {
      for (const key of made) await this.#delete(role, key).catch(() => this.#leftOver.push(key));
      throw error;
    }
  }

  /** Within the role's turn. */
  async delete(role: RoleClient, keys: readonly Uint8Array[]): Promise<void> {
    for (const key of keys) await this.#delete(role, key);
    await this.#names.remove(keys);
  }

  /** Within the role's turn. All attributes of the key afterwards. */
  async setAttributes(
    role: RoleClient,
    { key, attributes }: Pick<ArgsOf<'KEY_SET_ATTRIBUTES'>, 'key' | 'attributes'>,
  ): Promise<Attribute[]> {
    const id = key.toHex();
    const others = this.#otherTypes.get(id) ?? new Set<number>();
    for (const { type } of attributes) others.add(type);
    this.#otherTypes.set(id, others);
    return role.withHandle(key, async (pkey) => {
      // A board takes an empty list for a mistake.
      if (attributes.length > 0) await role.call('PKEY_SET_ATTRIBUTES', { pkey, attributes });
      return readAttributes(role, pkey, others);
    });
  }

  /** Deletes what failed creations have left in the board. Within the role's turn. */
  async tidy(role: RoleClient): Promise<void> {
    const keys = this.#leftOver;
    this.#leftOver = [];
    for (const key of keys) await this.#delete(role, key).catch(() => this.#leftOver.push(key));
  }

  async #generate(
    role: RoleClient,
    connection: BoardConnection,
    { type, bits, curve, flags, session }: PairArgs,
    made: Uint8Array[],
  ): Promise<Uint8Array> {
    const token = isToken(flags);
    const call = token ? role.callMaker.bind(role) : role.call.bind(role);
    const generate = async (): Promise<Uint8Array> => {
      const { pkey, uuid } =
        type === KeyType.RSA_PRIVATE
          ? await call('PKEY_GENERATE_RSA', { session, bits, exponent: EXPONENT, flags }, generationLimit(bits))
          : await call('PKEY_GENERATE_EC', { session, curve, flags }, generationLimit(0));
      made.push(uuid);
      if (!token) {
        // Session keys belong to the client number that made them.
        this.#connections.own(connection, uuid);
        await role.keep(uuid, pkey);
      } else {
        await call('PKEY_CLOSE', { pkey });
      }
      return uuid;
    };
    return token ? role.making(generate) : role.inTurn(generate);
  }

  async #completePair(
    role: RoleClient,
    connection: BoardConnection,
    key: Uint8Array,
    args: PairArgs,
    made: Uint8Array[],
  ): Promise<ResultsOf<'KEY_PAIR_CREATE'>> {
    const { session, flags, publicFlags, attributes, publicAttributes, name, publicName } = args;
    const spki = await role.withHandle(key, (pkey) => readPublicKey(role, pkey));
    const publicKey = await this.#load(role, connection, session, spki, publicFlags, made);
    const parsed = parsePublicKey(spki);
    const set = (half: Uint8Array, values: Attribute[]) =>
      role.withHandle(half, (pkey) => role.call('PKEY_SET_ATTRIBUTES', { pkey, attributes: values }));
    await set(key, latest([...attributes, ...publicKeyAttributes(parsed, true)]));
    await set(publicKey, latest([...publicAttributes, ...publicKeyAttributes(parsed, false)]));
    const names: [Uint8Array, Uint8Array][] = [];
    if (isToken(flags)) names.push([key, name]);
    if (isToken(publicFlags)) names.push([publicKey, publicName]);
    await this.#names.add(names);
    return {
      privateKey: await this.#read(role, key, name, session),
      publicKey: await this.#read(role, publicKey, publicName, session),
    };
  }

  async #load(
    role: RoleClient,
    connection: BoardConnection,
    session: number,
    der: Uint8Array,
    flags: number,
    made: Uint8Array[],
  ): Promise<Uint8Array> {
    const { pkey, uuid } = await role.call('PKEY_LOAD', { session, der, flags });
    made.push(uuid);
    if (!isToken(flags)) this.#connections.own(connection, uuid);
    await role.keep(uuid, pkey);
    return uuid;
  }

  /** The pair that an earlier request of this name has made. */
  async #existingPair(
    role: RoleClient,
    connection: BoardConnection,
    args: PairArgs,
  ): Promise<ResultsOf<'KEY_PAIR_CREATE'> | undefined> {
    await this.tidy(role);
    for (const key of this.#names.keysOf(args.name)) {
      const privateKey = await this.#factsIfThere(role, key, args.session);
      if (!privateKey) continue;
      if (!isToken(args.publicFlags)) {
        // A session key does not survive, but follows from the private key.
        const { publicName, publicFlags, publicAttributes: attributes, session } = args;
        const again = { name: publicName, flags: publicFlags, attributes, session, der: privateKey.spki };
        return {
          privateKey,
          publicKey: await this.load(role, connection, { ...again, connection: connection.number }),
        };
      }
      for (const other of this.#names.keysOf(args.publicName)) {
        const publicKey = await this.#factsIfThere(role, other, args.session);
        if (publicKey) return { privateKey, publicKey };
      }
      throw new HalError('KEY_NAME_IN_USE');
    }
    return undefined;
  }

  async #factsIfThere(role: RoleClient, key: Uint8Array, session: number): Promise<KeyFacts | undefined> {
    const name = this.#names.of(key);
    try {
      return name && (await this.#read(role, key, name, session));
    } catch (error) {
      if (error instanceof HalError && error.status === HalStatus.KEY_NOT_FOUND) return undefined;
      throw error;
    }
  }

  async #listedKey(role: RoleClient, key: Uint8Array): Promise<KeyFacts | undefined> {
    try {
      return await this.#read(role, key, this.#names.of(key) ?? newUuid(), 0);
    } catch (error) {
      // Deleted meanwhile, or nothing that the appliance can use.
      if (!(error instanceof HalError) || !SKIPPED.has(error.status)) throw error;
      this.#log.debug(`key ${key.toHex()} is not listed: ${error.message}`);
      return undefined;
    }
  }

  async #nameAll(keys: readonly KeyFacts[]): Promise<void> {
    const unnamed = keys.filter(({ key }) => !this.#names.of(key));
    await this.#names.add(unnamed.map(({ key, name }) => [key, name]));
  }

  async #read(role: RoleClient, key: Uint8Array, name: Uint8Array, session: number): Promise<KeyFacts> {
    return role.withHandle(key, async (pkey) => {
      const fixed = await this.facts.of(role, key, pkey);
      const attributes = await readAttributes(role, pkey, this.#otherTypes.get(key.toHex()));
      if (isToken(fixed.flags)) this.#listed.add(key.toHex());
      return { ...fixed, key, name, session: isToken(fixed.flags) ? 0 : session, attributes };
    });
  }

  async #delete(role: RoleClient, key: Uint8Array): Promise<void> {
    await role.deleteKey(key);
    this.facts.forget(key);
    this.#listed.delete(key.toHex());
    this.#otherTypes.delete(key.toHex());
    this.#connections.disown(key);
  }

  async #deleteMade(role: RoleClient, made: readonly Uint8Array[]): Promise<void> {
    this.#leftOver.push(...made);
    await this.#names.remove(made);
    await role.inTurn(() => this.tidy(role)).catch(() => {});
  }
}

/** Keys that an appliance does not list instead of failing the whole list. */
const SKIPPED = new Set([HalStatus.KEY_NOT_FOUND, HalStatus.UNSUPPORTED_KEY, HalStatus.ASN1_PARSE_FAILED]);
