/**
 * Makes secret keys, certificates and data objects, and keys out of others: copies, unwrapped, derived and encapsulated ones.
 * The same name twice gives the same object.
 */

import { KeyFlags } from '#src/wire/enumerations.ts';
import { type ArgsOf } from '#src/wire/message.ts';
import { HalError } from '#src/wire/status.ts';
import { type FleetConnection, own } from './connection.ts';
import { type Device } from './device.ts';
import { type RequestOptions } from './device-requests.ts';
import { entryFromFacts, type KeyFacts, keyId } from './key-entry.ts';
import { type KeyCopies } from './key-copies.ts';
import { type KeyEntry, type KeyTable } from './key-table.ts';
import { LONG } from './time-limits.ts';

/** Encapsulations whose repetition is answered with the same ciphertext. */
const REMEMBERED = 1024;

const REPEATABLE: RequestOptions = { limit: LONG, repeat: true };
const SECRET: RequestOptions = { ...REPEATABLE, secret: true };

/** A request without the words that the fleet fills in. */
type Request<N extends keyof Requests> = Omit<ArgsOf<N>, Requests[N]>;

interface Requests {
  KEY_CREATE: 'connection';
  OBJECT_LOAD: 'connection';
  KEY_COPY: 'connection' | 'key';
  KEY_UNWRAP: 'connection' | 'unwrappingKey';
  KEY_DERIVE: 'connection' | 'baseKey';
  KEY_ENCAPSULATE: 'connection' | 'publicKey';
  KEY_DECAPSULATE: 'connection' | 'privateKey';
}

export interface Encapsulated {
  readonly ciphertext: Uint8Array;
  readonly key: KeyEntry;
}

export class NewObjects {
  readonly #keys: KeyTable;
  readonly #copies: KeyCopies;
  readonly #onChange: () => void;
  /** By name: a request that is repeated while it runs joins the first one. */
  readonly #making = new Map<string, Promise<KeyEntry>>();
  /** By name, oldest first. */
  readonly #ciphertexts = new Map<string, Uint8Array>();

  constructor(keys: KeyTable, copies: KeyCopies, onChange: () => void) {
    this.#keys = keys;
    this.#copies = copies;
    this.#onChange = onChange;
  }

  generate(connection: FleetConnection, request: Request<'KEY_CREATE'>): Promise<KeyEntry> {
    return this.#make(connection, request, request.type, async () => {
      const device = this.#copies.deviceForNew();
      const args = { connection: connection.number, ...request };
      return made(device, (await device.call('KEY_CREATE', args, REPEATABLE)).created);
    });
  }

  load(connection: FleetConnection, request: Request<'OBJECT_LOAD'>): Promise<KeyEntry> {
    return this.#make(connection, request, request.type, async () => {
      const device = this.#copies.deviceForNew();
      const args = { connection: connection.number, ...request };
      return made(device, (await device.call('OBJECT_LOAD', args, SECRET)).loaded);
    });
  }

  copy(connection: FleetConnection, entry: KeyEntry, request: Request<'KEY_COPY'>): Promise<KeyEntry> {
    return this.#make(connection, request, entry.type, async () => {
      const device = this.#copies.deviceOf(entry);
      const key = this.#copies.uuidOn(device, entry);
      const args = { connection: connection.number, key, ...request };
      return made(device, (await device.call('KEY_COPY', args, REPEATABLE)).created);
    });
  }

  unwrap(connection: FleetConnection, key: KeyEntry, request: Request<'KEY_UNWRAP'>): Promise<KeyEntry> {
    return this.#make(connection, request, request.type, async () => {
      const device = this.#copies.deviceOf(key);
      const unwrappingKey = this.#copies.uuidOn(device, key);
      const args = { connection: connection.number, unwrappingKey, ...request };
      return made(device, (await device.call('KEY_UNWRAP', args, REPEATABLE)).created);
    });
  }

  /** @param other a key that takes part, such as the salt of HKDF; `parameter` makes the parameter once its UUID on the device is known */
  derive(
    connection: FleetConnection,
    base: KeyEntry,
    other: KeyEntry | undefined,
    {
      parameter,
      ...request
    }: Omit<Request<'KEY_DERIVE'>, 'parameter'> & {
      parameter: (other: Uint8Array | undefined) => Uint8Array;
    },
  ): Promise<KeyEntry> {
    return this.#make(connection, request, request.type, async () => {
      const device = other ? await this.#copies.together(own(connection), base, other) : this.#copies.deviceOf(base);
      const args = {
        connection: connection.number,
        baseKey: this.#copies.uuidOn(device, base),
        ...request,
        parameter: parameter(other && this.#copies.uuidOn(device, other)),
      };
      // The parameter may hold a password.
      return made(device, (await device.call('KEY_DERIVE', args, SECRET)).created);
    });
  }

  /**
   * A repeated request gets the same ciphertext as long as it is remembered; after that the key is made anew, because what nobody
   * has the ciphertext of is of no use.
   */
  async encapsulate(
    connection: FleetConnection,
    publicKey: KeyEntry,
    request: Request<'KEY_ENCAPSULATE'>,
  ): Promise<Encapsulated> {
    const id = keyId(request.name);
    const isLost = !this.#ciphertexts.has(id);
    const work = async (): Promise<{ device: Device; facts: KeyFacts }> => {
      await this.#discard(connection, id, request);
      const device = this.#copies.deviceOf(publicKey);
      const args = { connection: connection.number, publicKey: this.#copies.uuidOn(device, publicKey), ...request };
      // A session key is lost with its device; a stored one might be there, with a ciphertext that nobody got.
      const repeat = (request.flags & KeyFlags.TOKEN) === 0;
      const { ciphertext, created } = await device.call('KEY_ENCAPSULATE', args, { limit: LONG, repeat });
      this.#remember(id, ciphertext.slice());
      return made(device, created);
    };
    const key = await this.#make(connection, request, request.type, work, isLost);
    const ciphertext = this.#ciphertexts.get(id);
    if (!ciphertext) throw new HalError('KEY_NAME_IN_USE', 'an encapsulation cannot be repeated');
    return { ciphertext, key };
  }

  decapsulate(connection: FleetConnection, key: KeyEntry, request: Request<'KEY_DECAPSULATE'>): Promise<KeyEntry> {
    return this.#make(connection, request, request.type, async () => {
      const device = this.#copies.deviceOf(key);
      const args = { connection: connection.number, privateKey: this.#copies.uuidOn(device, key), ...request };
      return made(device, (await device.call('KEY_DECAPSULATE', args, REPEATABLE)).created);
    });
  }

  /** @throws HalError KEY_NAME_IN_USE if an object of another kind has the name */
  async #make(
    connection: FleetConnection,
    { name }: { readonly name: Uint8Array },
    type: number,
    work: () => Promise<{ device: Device; facts: KeyFacts }>,
    anew = false,
  ): Promise<KeyEntry> {
    const id = keyId(name);
    const running = this.#making.get(id);
    const entry = await (running ?? this.#started(connection, id, work, anew));
    const foreign = entry.owner !== undefined && entry.owner !== connection;
    if (foreign || entry.type !== type) throw new HalError('KEY_NAME_IN_USE');
    return entry;
  }

  #started(
    connection: FleetConnection,
    id: string,
    work: () => Promise<{ device: Device; facts: KeyFacts }>,
    anew: boolean,
  ): Promise<KeyEntry> {
    const existing = this.#keys.get(id);
    if (existing && !anew) return Promise.resolve(existing);
    const making = own(connection)
      .creating(work())
      .then(({ device, facts }) => {
        const entry = entryFromFacts(device.index, facts, connection);
        // A session key of a connection that ends is gone at once.
        if (!(entry.owner && own(connection).closed)) this.#keys.add([entry]);
        this.#onChange();
        return entry;
      })
      .finally(() => this.#making.delete(id));
    this.#making.set(id, making);
    return making;
  }

  /**
   * Destroys what an earlier request has made whose answer was lost, with the daemon for example.
   * @throws HalError KEY_NAME_IN_USE if it does not look as if this request had made it
   */
  async #discard(connection: FleetConnection, id: string, request: Request<'KEY_ENCAPSULATE'>): Promise<void> {
    const lost = this.#keys.get(id);
    if (!lost) return;
    const isAsAsked = request.attributes.every(({ type, value }) => {
      const stored = lost.attributes.get(type);
      return stored !== undefined && Buffer.compare(stored, value) === 0;
    });
    const isForeign = lost.owner !== undefined && lost.owner !== connection;
    if (isForeign || lost.type !== request.type || !isAsAsked) throw new HalError('KEY_NAME_IN_USE');
    for (const [device, key] of this.#copies.copiesOf(lost)) {
      await device.call('KEY_DELETE', { connection: connection.number, keys: [key] }, REPEATABLE);
    }
    this.#keys.remove(id);
  }

  #remember(id: string, ciphertext: Uint8Array): void {
    if (this.#ciphertexts.size >= REMEMBERED) {
      for (const oldest of this.#ciphertexts.keys()) {
        this.#ciphertexts.delete(oldest);
        break;
      }
    }
    this.#ciphertexts.set(id, ciphertext);
  }
}

function made(device: Device, facts: KeyFacts): { device: Device; facts: KeyFacts } {
  return { device, facts };
}
