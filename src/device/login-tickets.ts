/**
 * Tickets that restore a login after a restart of the device, so that nobody has to keep PINs. A ticket is good for one
 * connection and role, until the connection logs out or gets another one, the PIN of the role changes, or the daemon that asked
 * for it ends. Which tickets are good is on the disk: ending the device by force does not bring back one that has ended.
 */

import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { type Log } from '#src/audit/log.ts';
import { type KeyStore } from '#src/store/key-store.ts';
import { encodePinRecord } from '#src/store/pin-record-v1.ts';
import { type User } from '#src/wire/enumerations.ts';
import { HalError } from '#src/wire/status.ts';

const LABEL = 'login ticket v2';
const SERIAL_SIZE = 16;

export class LoginTickets {
  readonly #store: KeyStore;
  readonly #epoch: Uint8Array;
  readonly #log: Log;
  /** Serial of the good ticket by connection. */
  readonly #serials: Map<number, Uint8Array>;

  /** @param epoch random name of the daemon's run, 16 bytes */
  constructor(store: KeyStore, epoch: Uint8Array, log: Log) {
    this.#store = store;
    this.#epoch = epoch;
    this.#log = log;
    this.#serials = new Map(store.tickets(epoch).map(({ connection, serial }) => [connection, serial]));
  }

  /** A new ticket; one that the connection has already ends. */
  issue(connection: number, user: User): Uint8Array {
    const serial = randomBytes(SERIAL_SIZE);
    // On a full disk people log in all the same; the ticket is good for as long as this process lives.
    this.#try('a login ticket', () => this.#store.setTicket(this.#epoch, { connection, serial }));
    this.#serials.set(connection, serial);
    return this.#ticket(connection, user, serial);
  }

  /** @throws HalError FORBIDDEN if the ticket is not good for this login */
  check(connection: number, user: User, ticket: Uint8Array): void {
    const serial = this.#serials.get(connection);
    const expected = serial && this.#ticket(connection, user, serial);
    if (expected === undefined || ticket.length !== expected.length || !timingSafeEqual(ticket, expected)) {
      throw new HalError('FORBIDDEN', 'the login ticket is not valid');
    }
  }

  /** Ends the ticket of a connection. */
  end(connection: number): void {
    if (!this.#serials.delete(connection)) return;
    this.#try('the end of a login ticket', () => this.#store.deleteTicket(connection));
  }

  #try(what: string, work: () => void): void {
    try {
      work();
    } catch (error) {
      if (!(error instanceof HalError)) throw error;
      this.#log.error(`${what} cannot be stored: ${error.message}`);
    }
  }

  #ticket(connection: number, user: User, serial: Uint8Array): Uint8Array {
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
      .update(serial)
      .update(pin)
      .digest();
  }
}
