/**
 * Brings keys that work together to one device: a key that wraps another, or a salt, must be where the other key is. A copy travels
 * sealed from device to device and is entered in the key table, so that changes and destruction reach it.
 */

import { CkrError, HalError, HalStatus } from '#src/wire/status.ts';
import { CKR } from './ckr.ts';
import { type DeviceChooser } from './choose-device.ts';
import { type Connection } from './connection.ts';
import { type Device } from './device.ts';
import { entryFromFacts, type KeyFacts } from './key-entry.ts';
import { type KeyEntry, type KeyTable } from './key-table.ts';
import { type KeyTurns } from './key-turns.ts';
import { outOfService } from './refusals.ts';
import { SHORT } from './time-limits.ts';

export class KeyCopies {
  readonly #keys: KeyTable;
  readonly #devices: readonly Device[];
  readonly #choose: DeviceChooser;
  readonly #turns: KeyTurns;

  constructor(keys: KeyTable, devices: readonly Device[], choose: DeviceChooser, turns: KeyTurns) {
    this.#keys = keys;
    this.#devices = devices;
    this.#choose = choose;
    this.#turns = turns;
  }

  /**
   * The device for a new object of a kind that only our own devices have.
   * @throws CkrError CKR_FUNCTION_NOT_SUPPORTED if there are only boards, and as {@link DeviceChooser.forNewKey}
   */
  deviceForNew(): Device {
    if (this.#devices.every(({ isBoard }) => isBoard)) throw unsupported();
    return this.#choose.forNewKey(undefined, true);
  }

  /**
   * The device that does an operation of our own with a key.
   * @throws CkrError CKR_FUNCTION_NOT_SUPPORTED for a key of a CrypTech board, which has the vendor's functions only
   */
  deviceOf(entry: KeyEntry): Device {
    return this.#choose.holding(this.#withoutBoards(entry));
  }

  /**
   * A device that has both keys; if there is none, one of them is copied: the second one, or the first one if the second must stay
   * where it is.
   * @throws CkrError as {@link deviceOf}, or what the devices say if neither may travel
   */
  async together(connection: Connection, first: KeyEntry, second: KeyEntry): Promise<Device> {
    const shared = this.#shared(first, second);
    if (shared) return shared;
    const [to, from] = [this.deviceOf(first), this.deviceOf(second)];
    try {
      await this.#copy(connection, second, from, to);
      return to;
    } catch (error) {
      if (!isRefusal(error) || !this.#keys.get(second.id)) throw error;
      await this.#copy(connection, first, to, from).catch((second: unknown) => {
        throw isRefusal(second) ? error : second;
      });
      return from;
    }
  }

  /** The key's UUID on a device, also if it came there after the caller looked it up. */
  uuidOn(device: Device, entry: KeyEntry): Uint8Array {
    const uuid = entry.copies.get(device.index) ?? this.#keys.get(entry.id)?.copies.get(device.index);
    if (!uuid) throw new HalError('KEY_NOT_FOUND', 'the key was destroyed');
    return uuid;
  }

  /** All copies that are not on boards. */
  copiesOf(entry: KeyEntry): Map<Device, Uint8Array> {
    const copies = new Map<Device, Uint8Array>();
    for (const [index, uuid] of entry.copies) {
      const device = this.#devices[index];
      if (device && !device.isBoard) copies.set(device, uuid);
    }
    return copies;
  }

  #shared(first: KeyEntry, second: KeyEntry): Device | undefined {
    const shared = new Map([...this.#withoutBoards(first).copies].filter(([index]) => second.copies.has(index)));
    if (shared.size === 0) return undefined;
    const device = this.#choose.holding({ ...first, copies: shared });
    // A device that is away for long does not keep keys apart that could meet on another one.
    return device.expected ? device : undefined;
  }

  /** Entered in the table before the turn ends, so that no change and no destruction misses the copy. */
  #copy(connection: Connection, { id, session }: KeyEntry, from: Device, to: Device): Promise<void> {
    return this.#turns.run([id], async () => {
      const source = this.#keys.get(id)?.copies.get(from.index);
      if (!source) throw new HalError('KEY_NOT_FOUND', 'the key was destroyed');
      if (this.#keys.get(id)?.copies.has(to.index)) return;
      const transfer = () => this.#transfer(connection, { key: source, session }, from, to);
      // An invitation ends with its device.
      const received = await transfer().catch((error: unknown) => {
        if (!(error instanceof HalError) || error.status !== HalStatus.KEYWRAP_BAD_MAGIC) throw error;
        return transfer();
      });
      const { copies } = entryFromFacts(to.index, received, connection);
      const listed = this.#keys.get(id);
      if (listed) {
        this.#keys.add([{ ...listed, copies: new Map([...listed.copies, ...copies]) }]);
        return;
      }
      // A session key has ended meanwhile, with a logout.
      const uuids = [...copies.values()];
      await to.call('KEY_DELETE', { connection: connection.number, keys: uuids }, { limit: SHORT }).catch(() => {});
      throw new HalError('KEY_NOT_FOUND', 'the key was destroyed');
    });
  }

  async #transfer(
    connection: Connection,
    { key, session }: { key: Uint8Array; session: number },
    from: Device,
    to: Device,
  ): Promise<KeyFacts> {
    const { number } = connection;
    const options = { limit: SHORT, repeat: true };
    const { invitation } = await to.call('KEY_INVITE', { connection: number }, options);
    const { sealed } = await from.call(
      'KEY_SEND',
      { connection: number, key, invitation: invitation.slice() },
      options,
    );
    const receive = { connection: number, session, sealed: sealed.slice() };
    return (await connection.creating(to.call('KEY_RECEIVE', receive, options))).received;
  }

  #withoutBoards(entry: KeyEntry): KeyEntry {
    const copies = new Map([...entry.copies].filter(([index]) => this.#devices[index]?.isBoard !== true));
    if (copies.size === 0 && entry.copies.size > 0) {
      throw unsupported();
    }
    return copies.size === entry.copies.size ? entry : { ...entry, copies };
  }
}

function unsupported(): CkrError {
  return new CkrError(CKR.FUNCTION_NOT_SUPPORTED, 'a CrypTech board does not have this function');
}

/** The device answered no, as opposed to: it failed. */
function isRefusal(error: unknown): boolean {
  return error instanceof CkrError || (error instanceof HalError && !outOfService(error));
}
