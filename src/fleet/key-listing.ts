/** Fills the key table from the devices. */

import { KeyFlags } from '#src/wire/enumerations.ts';
import { HalError } from '#src/wire/status.ts';
import { type Connection } from './connection.ts';
import { type Device } from './device.ts';
import { entriesFromPage, keyId } from './key-entry.ts';
import { type KeyEntry, type KeyTable } from './key-table.ts';
import { LONG } from './time-limits.ts';

/**
 * Keys in one page, fewer than could be: a page becomes tens of thousands of small objects, which are cheap only if they are gone
 * before the garbage collector has met them twice, and while it is entered nobody is served.
 */
const PAGE = 128;

export class KeyListing {
  readonly #keys: KeyTable;
  readonly #devices: readonly Device[];
  /** Indexes of the devices whose keys are in the table. */
  readonly #listed = new Set<number>();

  constructor(keys: KeyTable, devices: readonly Device[]) {
    this.#keys = keys;
    this.#devices = devices;
  }

  /**
   * Reads the token keys of all devices in service.
   * @param connection logged in as user or wheel
   * @returns the names of all token keys as ids
   */
  async build(connection: Connection): Promise<ReadonlySet<string>> {
    const devices = this.#devices.filter((device) => device.running);
    if (devices.length === 0) throw new HalError('IO_TIMEOUT', 'no device is in service');
    const before: string[] = [];
    for (const entry of this.#keys.after('')) if (isTokenKey(entry)) before.push(entry.id);
    const found = new Set<string>();
    const enter = (page: readonly KeyEntry[]): void => {
      for (const entry of page) {
        // What the table knew before does not count: only what is listed now.
        const known = found.has(entry.id) ? this.#keys.get(entry.id) : undefined;
        const entries = known ? together(known, entry, lowestDevice(known) > lowestDevice(entry)) : [entry];
        this.#keys.add(entries);
        for (const { id } of entries) found.add(id);
      }
    };
    await Promise.all(devices.map((device) => list(device, connection, enter)));
    // A key that was in the table before the listing began and is not listed is gone; newer ones may have been missed.
    const indexes = new Set(devices.map((device) => device.index));
    for (const id of before) {
      const entry = found.has(id) ? undefined : this.#keys.get(id);
      if (entry && [...entry.copies.keys()].every((index) => indexes.has(index))) this.#keys.remove(id);
    }
    for (const index of indexes) this.#listed.add(index);
    return found;
  }

  /** Adds the keys of devices that were out of service when the table was built. */
  async complete(connection: Connection): Promise<void> {
    for (const device of this.#devices) {
      if (!device.running || this.#listed.has(device.index) || !connection.tickets.has(device.index)) continue;
      this.#listed.add(device.index);
      try {
        await list(device, connection, (page) => {
          for (const entry of page) {
            const known = this.#keys.get(entry.id);
            this.#keys.add(known ? together(known, entry, false) : [entry]);
          }
        });
      } catch {
        this.#listed.delete(device.index);
      }
    }
  }
}

/**
 * Each page is entered as soon as it is here, before any later reply of the device is read: a key that is destroyed or changed while
 * the listing goes on is entered first and removed or changed then.
 */
async function list(device: Device, connection: Connection, enter: (page: readonly KeyEntry[]) => void): Promise<void> {
  let after: Uint8Array | undefined = new Uint8Array(16);
  while (after) after = await listPage(device, connection, after, enter);
}

/**
 * A function of its own, so that nothing holds the page of many small objects any more while the next one is waited for.
 * @returns the last key, if there are more behind it
 */
async function listPage(
  device: Device,
  connection: Connection,
  after: Uint8Array,
  enter: (page: readonly KeyEntry[]) => void,
): Promise<Uint8Array | undefined> {
  const { more, keys } = await device.call(
    'KEY_LIST',
    { connection: connection.number, after, limit: PAGE },
    { limit: LONG, repeat: true },
  );
  enter(entriesFromPage(device.index, keys));
  return more === 0 ? undefined : keys.at(-1)?.key.slice();
}

/**
 * A mirrored key has the same name on several devices. A generation that was repeated while the device that had done it was out of
 * service has made another key of the same name. That one is no copy, results would be by either: it goes by the UUID that it has
 * on its device.
 * @param isEarlier whether the name belongs to `entry` then
 */
function together(known: KeyEntry, entry: KeyEntry, isEarlier: boolean): KeyEntry[] {
  if (isSame(known, entry)) {
    const copies = [...known.copies, ...entry.copies].sort(([a], [b]) => a - b);
    return [{ ...known, copies: new Map(copies) }];
  }
  const [first, other] = isEarlier ? [entry, known] : [known, entry];
  const name = other.copies.get(lowestDevice(other)) as Uint8Array;
  return [first, { ...other, name, id: keyId(name) }];
}

/** Keys without a public value are told apart by CKA_CHECK_VALUE, certificates and data by CKA_VALUE (PKCS#11 3.1, 4.5, 4.6, 4.10). */
function isSame(a: KeyEntry, b: KeyEntry): boolean {
  const isEqual = (type: number): boolean =>
    Buffer.compare(a.attributes.get(type) ?? NONE, b.attributes.get(type) ?? NONE) === 0;
  return (
    a.type === b.type &&
    Buffer.compare(a.spki, b.spki) === 0 &&
    (a.spki.length > 0 || (isEqual(0x090) && isEqual(0x011)))
  );
}

const NONE = new Uint8Array(0);

function lowestDevice({ copies }: KeyEntry): number {
  return Math.min(...copies.keys());
}

function isTokenKey(entry: KeyEntry): boolean {
  return (entry.flags & KeyFlags.TOKEN) !== 0;
}
