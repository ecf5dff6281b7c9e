/** Fills the key table from the devices. */

import { KeyFlags, Limits } from '#src/wire/enumerations.ts';
import { HalError } from '#src/wire/status.ts';
import { type Connection } from './connection.ts';
import { type Device } from './device.ts';
import { entryFromFacts, keyId } from './key-entry.ts';
import { type KeyEntry, type KeyTable } from './key-table.ts';
import { LONG } from './time-limits.ts';

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
   */
  async build(connection: Connection): Promise<KeyEntry[]> {
    const devices = this.#devices.filter((device) => device.running);
    if (devices.length === 0) throw new HalError('IO_TIMEOUT', 'no device is in service');
    const before = new Set([...this.#keys.after('')].filter(isTokenKey).map(({ id }) => id));
    const found = merge((await Promise.all(devices.map((device) => list(device, connection)))).flat());
    this.#keys.add([...found.values()]);
    // A key that was in the table before the listing began and is not listed is gone; newer ones may have been missed.
    const indexes = new Set(devices.map((device) => device.index));
    for (const id of before) {
      const entry = this.#keys.get(id);
      if (entry && !found.has(id) && [...entry.copies.keys()].every((index) => indexes.has(index)))
        this.#keys.remove(id);
    }
    for (const index of indexes) this.#listed.add(index);
    return [...found.values()];
  }

  /** Adds the keys of devices that were out of service when the table was built. */
  async complete(connection: Connection): Promise<void> {
    for (const device of this.#devices) {
      if (!device.running || this.#listed.has(device.index) || !connection.tickets.has(device.index)) continue;
      this.#listed.add(device.index);
      try {
        for (const entry of await list(device, connection)) {
          this.#keys.add([merged(this.#keys.get(entry.id), entry)]);
        }
      } catch {
        this.#listed.delete(device.index);
      }
    }
  }
}

async function list(device: Device, connection: Connection): Promise<KeyEntry[]> {
  const entries: KeyEntry[] = [];
  let after = new Uint8Array(16);
  for (;;) {
    const { more, keys } = await device.call(
      'KEY_LIST',
      { connection: connection.number, after, limit: Limits.page },
      { limit: LONG, repeat: true },
    );
    for (const facts of keys) entries.push(entryFromFacts(device.index, facts));
    const last = keys.at(-1);
    if (more === 0 || !last) return entries;
    after = last.key.slice();
  }
}

/** A mirrored key has the same name on several devices. */
function merge(entries: readonly KeyEntry[]): Map<string, KeyEntry> {
  const keys = new Map<string, KeyEntry>();
  for (const entry of entries) {
    const result = merged(keys.get(entry.id), entry);
    keys.set(result.id, result);
  }
  return keys;
}

/**
 * A generation that was repeated while the device that had done it was out of service has made another key of the same name.
 * That one is no copy, signatures would be by either: it goes by the UUID that it has on its device.
 */
function merged(known: KeyEntry | undefined, entry: KeyEntry): KeyEntry {
  if (known === undefined) return entry;
  if (Buffer.compare(known.spki, entry.spki) === 0) {
    return { ...known, copies: new Map([...known.copies, ...entry.copies]) };
  }
  const name = entry.copies.values().next().value as Uint8Array;
  return { ...entry, name, id: keyId(name) };
}

function isTokenKey(entry: KeyEntry): boolean {
  return (entry.flags & KeyFlags.TOKEN) !== 0;
}
