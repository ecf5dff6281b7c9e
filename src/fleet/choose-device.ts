/** Which device gets a request. */

import { MasterKeyState } from '#src/wire/enumerations.ts';
import { HalError } from '#src/wire/status.ts';
import { CKA } from './ckr.ts';
import { type Device } from './device.ts';
import { type KeyEntry } from './key-table.ts';

export class DeviceChooser {
  readonly #devices: readonly Device[];
  #next = 0;

  constructor(devices: readonly Device[]) {
    this.#devices = devices;
  }

  /**
   * The device for a new key: the given one, else of those in service the one with the least outstanding work, in turn
   * on ties.
   * @param beyondBoards a key that boards do not have: of a kind that only our own devices know
   * @throws HalError MASTERKEY_NOT_SET if no device in service could store a key, IO_TIMEOUT if none is in service,
   * UNSUPPORTED_KEY if there are only boards
   */
  forNewKey(index?: number, beyondBoards = false): Device {
    if (index !== undefined) return this.byIndex(index);
    const able = beyondBoards ? this.#devices.filter((device) => !device.isBoard) : this.#devices;
    if (able.length === 0) throw new HalError('UNSUPPORTED_KEY', 'CrypTech boards do not have such keys');
    const running = able.filter((device) => device.running);
    const candidates = running.length > 0 ? running : able.filter((device) => device.expected);
    if (candidates.length === 0) throw new HalError('IO_TIMEOUT', 'no device is in service');
    const usable = candidates.filter((device) => device.status.masterKey === MasterKeyState.SET);
    if (usable.length === 0) throw new HalError('MASTERKEY_NOT_SET');
    const least = Math.min(...usable.map((device) => device.outstanding));
    const idlest = usable.filter((device) => device.outstanding === least);
    return idlest[this.#next++ % idlest.length] as Device;
  }

  /** @throws HalError BAD_ARGUMENTS if there is no such device */
  byIndex(index: number): Device {
    const device = this.#devices[index];
    if (!device) throw new HalError('BAD_ARGUMENTS', `device ${index}`);
    return device;
  }

  /**
   * A device with a copy of the key: in service if possible, the least busy of these. Of a key that takes a PIN for each use always
   * the first, which is the one that has got the PIN.
   */
  holding(entry: KeyEntry): Device {
    let best: Device | undefined;
    const isFirst = entry.copies.size > 1 && entry.attributes.get(CKA.ALWAYS_AUTHENTICATE)?.[0] === 1;
    for (const index of entry.copies.keys()) {
      const device = this.#devices[index];
      if (!device) continue;
      if (
        !best ||
        (device.running && !best.running) ||
        (device.running === best.running &&
          (isFirst ? device.index < best.index : device.outstanding < best.outstanding))
      ) {
        best = device;
      }
    }
    if (!best) throw new HalError('KEY_NOT_FOUND');
    return best;
  }
}
