/** Signatures and verifications: the hot path. One frame to the device, one frame back, nothing allocated that is not sent. */

import { KeyFlags } from '#src/wire/enumerations.ts';
import { type ArgsOf } from '#src/wire/message.ts';
import { CkrError, HalError, HalStatus } from '#src/wire/status.ts';
import { type DeviceChooser } from './choose-device.ts';
import { type Connection } from './connection.ts';
import { type Device } from './device.ts';
import { type RequestOptions } from './device-requests.ts';
import { type KeyEntry } from './key-table.ts';
import { outOfService } from './refusals.ts';
import { SHORT } from './time-limits.ts';

/** CKR_USER_NOT_LOGGED_IN (PKCS#11 3.1, 5.1.6). */
const USER_NOT_LOGGED_IN = 0x101;

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
        if (results) resolve(results.signature);
        else resolve(this.#otherwise(error, device, connection, entry, 'KEY_SIGN', args));
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
    const args = { connection: connection.number, key: copyOn(device, entry), mechanism, parameter, data, signature };
    try {
      await device.call('KEY_VERIFY', args, REPEATABLE);
    } catch (error) {
      await this.#otherwise(error, device, connection, entry, 'KEY_VERIFY', args);
    }
  }

  #deviceFor(entry: KeyEntry): Device {
    if ((entry.flags & KeyFlags.DIGITALSIGNATURE) === 0) throw new HalError('FORBIDDEN', 'the key may not sign');
    return this.#choose.holding(entry);
  }

  /** After a failure: another copy if the device is out of service, the login restored if the device does not know it. */
  async #otherwise(
    error: unknown,
    device: Device,
    connection: Connection,
    entry: KeyEntry,
    name: 'KEY_SIGN' | 'KEY_VERIFY',
    args: ArgsOf<'KEY_SIGN'> | ArgsOf<'KEY_VERIFY'>,
  ): Promise<Uint8Array> {
    if (outOfService(error)) {
      const other = this.#choose.holding(entry);
      if (other === device || !other.running) throw error;
      return again(other, name, { ...args, key: copyOn(other, entry) });
    }
    if (!isForbidden(error)) throw error;
    // The device refuses for one reason only, the usage was checked before: it knows of no login.
    if (!connection.usesKeys || !connection.tickets.has(device.index)) throw new CkrError(USER_NOT_LOGGED_IN);
    await connection.resume(device);
    try {
      return await again(device, name, args);
    } catch (second) {
      throw isForbidden(second) ? new CkrError(USER_NOT_LOGGED_IN) : second;
    }
  }
}

async function again(
  device: Device,
  name: 'KEY_SIGN' | 'KEY_VERIFY',
  args: ArgsOf<'KEY_SIGN'> | ArgsOf<'KEY_VERIFY'>,
): Promise<Uint8Array> {
  const results = await device.call(name, args, REPEATABLE);
  return 'signature' in results ? results.signature : new Uint8Array(0);
}

function isForbidden(error: unknown): boolean {
  return error instanceof HalError && error.status === HalStatus.FORBIDDEN;
}

function copyOn(device: Device, entry: KeyEntry): Uint8Array {
  return entry.copies.get(device.index) as Uint8Array;
}
