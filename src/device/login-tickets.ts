/**
 * Tickets that restore a login after a restart of the device, so that nobody has to keep PINs. A ticket is good for one
 * connection and role, until the PIN of the role changes or the daemon that asked for it ends.
 */

import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { type KeyStore } from '#src/store/key-store.ts';
import { encodePinRecord } from '#src/store/pin-record-v1.ts';
import { type User } from '#src/wire/enumerations.ts';
import { HalError } from '#src/wire/status.ts';

const LABEL = 'login ticket v1';

export class LoginTickets {
  readonly #store: KeyStore;
  readonly #epoch: Uint8Array;

  /** @param epoch random name of the daemon's run, 16 bytes */
  constructor(store: KeyStore, epoch: Uint8Array) {
    this.#store = store;
    this.#epoch = epoch;
  }

  issue(connection: number, user: User): Uint8Array {
    const numbers = Buffer.alloc(8);
    numbers.writeUInt32BE(connection, 0);
    numbers.writeUInt32BE(user, 4);
    const record = this.#store.pin(user);
    // The salt makes every record unique: the ticket ends with it, and revives if a change of the PIN is taken back.
    const pin = createHash('sha256')
      .update(record === undefined ? '' : encodePinRecord(record))
      .digest();
    return createHmac('sha256', this.#store.ticketKey)
      .update(LABEL)
      .update(this.#epoch)
      .update(numbers)
      .update(pin)
      .digest();
  }

  /** @throws HalError FORBIDDEN if the ticket is not good for this login */
  check(connection: number, user: User, ticket: Uint8Array): void {
    const expected = this.issue(connection, user);
    if (ticket.length !== expected.length || !timingSafeEqual(ticket, expected)) {
      throw new HalError('FORBIDDEN', 'the login ticket is not valid');
    }
  }
}
