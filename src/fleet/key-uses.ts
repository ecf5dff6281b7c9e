/** Operations with keys beside signatures: encryption, wrapping, reading what may be read, and the PIN for one use. */

import { type ArgsOf, type ResultsOf } from '#src/wire/message.ts';
import { type FleetConnection, own } from './connection.ts';
import { type Device } from './device.ts';
import { CKA } from './ckr.ts';
import { attributeMap } from './key-entry.ts';
import { type KeyCopies } from './key-copies.ts';
import { type KeyEntry } from './key-table.ts';
import { secondTry } from './second-try.ts';
import { LONG, PIN, SHORT } from './time-limits.ts';

/** The second time does nothing new, except that it counts as another use of the key. */
const REPEATABLE = { limit: SHORT, repeat: true };

type CipherInput = Pick<ArgsOf<'KEY_ENCRYPT'>, 'mechanism' | 'parameter' | 'data'>;
type Attributes = ResultsOf<'KEY_VALUE'>['attributes'];

/** Results are views of a received chunk: send or copy them. */
export class KeyUses {
  readonly #copies: KeyCopies;

  constructor(copies: KeyCopies) {
    this.#copies = copies;
  }

  encrypt(connection: FleetConnection, entry: KeyEntry, input: CipherInput): Promise<Uint8Array> {
    return this.#cipher('KEY_ENCRYPT', connection, entry, input);
  }

  decrypt(connection: FleetConnection, entry: KeyEntry, input: CipherInput): Promise<Uint8Array> {
    return this.#cipher('KEY_DECRYPT', connection, entry, input);
  }

  /** The secret attributes of a key that may be read. */
  async value(connection: FleetConnection, entry: KeyEntry): Promise<Attributes> {
    const { number } = connection;
    const { attributes } = await this.#use(connection, entry, (device, key) =>
      device.call('KEY_VALUE', { connection: number, key }, REPEATABLE),
    );
    return attributes;
  }

  /**
   * The attributes of a key with the count of its uses, which is not in the key table. Copies count for themselves, and those that
   * count have no limit.
   */
  async countedAttributes(connection: FleetConnection, entry: KeyEntry): Promise<Map<number, Uint8Array>> {
    const answers = await Promise.all(
      [...this.#copies.copiesOf(entry)].map(([device, key]) =>
        device.call('KEY_SET_ATTRIBUTES', { connection: connection.number, key, attributes: [] }, REPEATABLE),
      ),
    );
    const maps = answers.map(({ attributes }) => attributeMap(attributes));
    const counts = maps.flatMap((map) => map.get(CKA.USE_COUNT) ?? []);
    const sum = counts.reduce((total, value) => total + ulong(value), 0n);
    const attributes = new Map(maps[0] ?? entry.attributes);
    if (counts.length > 0) attributes.set(CKA.USE_COUNT, ulongBytes(sum));
    return attributes;
  }

  /** Wraps a key under another one; they are brought to one device if need be. */
  async wrap(
    connection: FleetConnection,
    wrappingKey: KeyEntry,
    key: KeyEntry,
    mechanism: number,
    parameter: Uint8Array,
  ): Promise<Uint8Array> {
    const ask = (device: Device): Promise<ResultsOf<'KEY_WRAP'>> => {
      const args = {
        connection: connection.number,
        wrappingKey: this.#copies.uuidOn(device, wrappingKey),
        mechanism,
        parameter,
        key: this.#copies.uuidOn(device, key),
      };
      return device.call('KEY_WRAP', args, { limit: LONG, repeat: true });
    };
    const device = await this.#copies.together(own(connection), wrappingKey, key);
    // No other device is sure to have both.
    const again = (): Device => device;
    const { wrapped } = await ask(device).catch((error: unknown) =>
      secondTry(error, own(connection), device, again, ask),
    );
    return wrapped;
  }

  /** Gives the connection one use of a key with CKA_ALWAYS_AUTHENTICATE, which all go to one device. */
  async authenticate(connection: FleetConnection, entry: KeyEntry, pin: Uint8Array): Promise<void> {
    const device = this.#copies.deviceOf(entry);
    const key = this.#copies.uuidOn(device, entry);
    const options = { limit: PIN, repeat: true, secret: true };
    await own(connection).inLoginTurn(() =>
      device.call('KEY_AUTHENTICATE', { connection: connection.number, key, pin }, options),
    );
  }

  async #cipher(
    operation: 'KEY_ENCRYPT' | 'KEY_DECRYPT',
    connection: FleetConnection,
    entry: KeyEntry,
    { mechanism, parameter, data }: CipherInput,
  ): Promise<Uint8Array> {
    const { number } = connection;
    const { result } = await this.#use(connection, entry, (device, key) =>
      device.call(operation, { connection: number, key, mechanism, parameter, data }, REPEATABLE),
    );
    return result;
  }

  async #use<T>(
    connection: FleetConnection,
    entry: KeyEntry,
    work: (device: Device, key: Uint8Array) => Promise<T>,
  ): Promise<T> {
    const ask = (device: Device): Promise<T> => work(device, this.#copies.uuidOn(device, entry));
    const choose = (): Device => this.#copies.deviceOf(entry);
    const device = choose();
    try {
      return await ask(device);
    } catch (error) {
      return secondTry(error, own(connection), device, choose, ask);
    }
  }
}

/** A CK_ULONG as it is stored: 8 bytes, little-endian. */
function ulong(value: Uint8Array): bigint {
  return value.length === 8 ? new DataView(value.buffer, value.byteOffset, 8).getBigUint64(0, true) : 0n;
}

function ulongBytes(value: bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, value, true);
  return bytes;
}
