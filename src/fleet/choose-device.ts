/** Which device gets a request. */

import { MasterKeyState } from '#src/wire/enumerations.ts';
import { HalError } from '#src/wire/status.ts';
import { type Device } from './device.ts';
import { type KeyEntry } from './key-table.ts';

export class DeviceChooser {
  readonly #devices: readonly Device[];
  #next = 0;

  constructor(devices: readonly Device[]) {
    this.#devices = devices;
  }

  /**
   * The device for a new key: of those in service the one with the least outstanding work, in turn on ties.
   * @throws HalError MASTERKEY_NOT_SET if no device in service could store a key, IO_TIMEOUT if none is in service
   */
  forNewKey(): Device {
    const running = this.#devices.filter((device) => device.running);
    const candidates = running.length > 0 ? running : this.#devices.filter((device) => device.expected);
    if (candidates.length === 0) throw new HalError('IO_TIMEOUT', 'no device is in service');
    const usable = candidates.filter((device) => device.status.masterKey === MasterKeyState.SET);
    if (usable.length === 0) throw new HalError('MASTERKEY_NOT_SET');
    const least = Math.min(...usable.map((device) => device.outstanding));
    const idlest = usable.filter((device) => device.outstanding === least);
    return idlest[this.#next++ % idlest.length] as Device;
  }

  /** A device with a copy of the key: in service if possible, the least busy of these. */
  holding(entry: KeyEntry): Device {
    let best: Device | undefined;
    for (const index of entry.copies.keys()) {
      const device = this.#devices[index];
      if (!device) continue;
      if (
        !best ||
        (device.running && !best.running) ||
        (device.running === best.running && device.outstanding < best.outstanding)
      ) {
        best = device;
      }
    }
    if (!best) throw new HalError('KEY_NOT_FOUND');
    return best;
  }
}
