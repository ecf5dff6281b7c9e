/** Signatures and verifications: the hot path. One frame to the device, one frame back, nothing allocated that is not sent. */

import { KeyFlags } from '#src/wire/enumerations.ts';
import { HalError } from '#src/wire/status.ts';
import { type DeviceChooser } from './choose-device.ts';
import { type Connection } from './connection.ts';
import { type Device } from './device.ts';
import { type RequestOptions } from './device-requests.ts';
import { type KeyEntry } from './key-table.ts';
import { secondTry } from './second-try.ts';
import { SHORT } from './time-limits.ts';

const REPEATABLE: RequestOptions = { limit: SHORT, repeat: true };

export class Signing {
  readonly #choose: DeviceChooser;

  constructor(choose: DeviceChooser) {
    this.#choose = choose;
  }

  /** The signature is a view of a received chunk: send or copy it. */
  sign(
    connection: Connection,
    entry: KeyEntry,
    mechanism: number,
    parameter: Uint8Array,
    data: Uint8Array,
  ): Promise<Uint8Array> {
    return new Promise((resolve) => {
      const device = this.#deviceFor(entry);
      const args = { connection: connection.number, key: copyOn(device, entry), mechanism, parameter, data };
      device.request('KEY_SIGN', args, REPEATABLE, (error, results) => {
        if (results) {
          resolve(results.signature);
          return;
        }
        const again = async (other: Device): Promise<Uint8Array> =>
          (await other.call('KEY_SIGN', { ...args, key: copyOn(other, entry) }, REPEATABLE)).signature;
        resolve(secondTry(error, connection, device, () => this.#deviceFor(entry), again));
      });
    });
  }

  async verify(
    connection: Connection,
    entry: KeyEntry,
    mechanism: number,
    parameter: Uint8Array,
    data: Uint8Array,
    signature: Uint8Array,
  ): Promise<void> {
    const device = this.#deviceFor(entry);
    const args = { connection: connection.number, mechanism, parameter, data, signature };
    const ask = async (at: Device): Promise<void> => {
      await at.call('KEY_VERIFY', { ...args, key: copyOn(at, entry) }, REPEATABLE);
    };
    try {
      await ask(device);
    } catch (error) {
      await secondTry(error, connection, device, () => this.#deviceFor(entry), ask);
    }
  }

  #deviceFor(entry: KeyEntry): Device {
    if ((entry.flags & KeyFlags.DIGITALSIGNATURE) === 0) throw new HalError('FORBIDDEN', 'the key may not sign');
    return this.#choose.holding(entry);
  }
}

function copyOn(device: Device, entry: KeyEntry): Uint8Array {
  return entry.copies.get(device.index) as Uint8Array;
}
