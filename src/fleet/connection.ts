/** One client of the appliance as the devices see it: a connection number, a login, session keys. */

import { Limits, User } from '#src/wire/enumerations.ts';
import { HalError } from '#src/wire/status.ts';
import { type Device } from './device.ts';
import { type LoginTurns } from './login-turns.ts';
import { replacePin, setPin, settlePin } from './pin-changes.ts';
import { errorsOf, outOfService, throwFirstRefusal } from './refusals.ts';
import { PIN, SHORT } from './time-limits.ts';

export interface FleetConnection {
  readonly number: number;
  /** The role of the current login, NONE else. */
  readonly user: User;
  /**
   * Logs in on all devices in parallel; partial success is taken back. The caller wipes the PIN afterwards.
   * @throws HalError PIN_INCORRECT after the device's delay, BAD_ARGUMENTS for a length outside 4 to 4096
   */
  login(user: User, pin: Uint8Array): Promise<void>;
  /** Logs out and destroys the session keys; with `keepsPublic` only those that are private, as C_Logout does. */
  logout(keepsPublic?: boolean): Promise<void>;
  /** Sets a PIN on all devices or on none. The caller wipes the PIN afterwards. */
  setPin(user: User, pin: Uint8Array): Promise<void>;
  /**
   * The same for somebody who knows the PIN of the role, logged in or not.
   * @throws HalError PIN_INCORRECT after the device's delay, NOT_IMPLEMENTED if there are CrypTech boards
   */
  replacePin(user: User, oldPin: Uint8Array, newPin: Uint8Array): Promise<void>;
  /** Ends the connection: logs out everywhere and destroys its session keys. */
  close(): Promise<void>;
}

/** What a connection needs of the fleet. */
export interface ConnectionHost {
  readonly allDevices: readonly Device[];
  /** All open connections. */
  readonly connections: Iterable<Connection>;
  /** The session keys of a connection are gone; with `keepsPublic` the private ones and those on boards. */
  dropSessionKeys(connection: Connection, keepsPublic: boolean): void;
  readonly logins: LoginTurns;
  /** A login succeeded. */
  loggedIn(connection: Connection): void;
  closed(connection: Connection): void;
}

export class Connection implements FleetConnection {
  readonly number: number;
  /** Of the client. */
  readonly address: string;
  /** Device index to the ticket that restores the login after a restart of the device. */
  readonly tickets = new Map<number, Uint8Array>();
  /** The devices may know the number: they must be told when the connection ends. */
  #known = false;
  readonly #creations = new Set<Promise<unknown>>();
  readonly #host: ConnectionHost;
  #user: User = User.NONE;
  #closed = false;
  /** Logins, logouts and PIN changes of a connection run one after the other. */
  #last: Promise<unknown> = Promise.resolve();

  /** @param address of the client, for {@link LoginTurns} */
  constructor(number: number, host: ConnectionHost, address: string) {
    this.number = number;
    this.#host = host;
    this.address = address;
  }

  get user(): User {
    return this.#user;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** May use keys: logged in as user or wheel. */
  get usesKeys(): boolean {
    return this.#user === User.NORMAL || this.#user === User.WHEEL;
  }

  login(user: User, pin: Uint8Array): Promise<void> {
    return this.#inTurn(() => this.inLoginTurn(() => this.#login(user, pin)));
  }

  logout(keepsPublic = false): Promise<void> {
    return this.#inTurn(() => this.#logout(keepsPublic));
  }

  setPin(user: User, pin: Uint8Array): Promise<void> {
    return this.#inTurn(() => this.#setPin(user, pin));
  }

  replacePin(user: User, oldPin: Uint8Array, newPin: Uint8Array): Promise<void> {
    return this.#inTurn(() => this.inLoginTurn(() => this.#replacePin(user, oldPin, newPin)));
  }

  /** Runs what tries a PIN when it is the turn of the client's host. */
  inLoginTurn<T>(work: () => Promise<T>): Promise<T> {
    return this.#host.logins.run(this.address, work);
  }

  close(): Promise<void> {
    if (this.#closed) return this.#last.then(() => {});
    this.#closed = true;
    return this.#inTurn(async () => {
      // Keys that are being made would be left behind.
      await Promise.allSettled(this.#creations);
      await this.#logout(false);
      this.#host.closed(this);
    });
  }

  /** Notes that a key is being made for this connection. */
  async creating<T>(work: Promise<T>): Promise<T> {
    this.#known = true;
    this.#creations.add(work);
    try {
      return await work;
    } finally {
      this.#creations.delete(work);
    }
  }

  /** Restores the login on a device that restarted. */
  async resume(device: Device): Promise<void> {
    const ticket = this.tickets.get(device.index);
    if (!ticket) return;
    try {
      await device.call(
        'LOGIN_RESUME',
        { connection: this.number, user: this.#user, ticket },
        { limit: SHORT, early: true },
      );
    } catch (error) {
      // The ticket ended; while the device is merely lost again the ticket is kept for the next time.
      if (!outOfService(error)) this.tickets.delete(device.index);
    }
  }

  async #login(user: User, pin: Uint8Array): Promise<void> {
    checkPin(user, pin);
    // Who hung up while waiting must not take the time of the others.
    if (this.#closed) throw new HalError('FORBIDDEN', 'the connection has ended');
    const devices = this.#expected();
    this.#known = true;
    const outcomes = await Promise.allSettled(
      devices.map((device) =>
        device.call('LOGIN', { user, pin }, { connection: this.number, limit: PIN, repeat: true, secret: true }),
      ),
    );
    const accepted = devices.filter((_device, i) => outcomes[i]?.status === 'fulfilled');
    const refusals = errorsOf(outcomes);
    const refused = refusals.some((error) => !outOfService(error));
    if (refused || devices.some(({ status }) => status.userFailures + status.soFailures > 0)) {
      await this.#notePins(devices);
    }
    if (refused || accepted.length === 0) {
      await Promise.all(accepted.map((device) => this.#takeBackLogin(device)));
      throwFirstRefusal(refusals);
    }
    // A change of the PIN that was cut off has left two valid ones on some devices; now it is known which one all have.
    if (accepted.length === this.#host.allDevices.length) {
      await settlePin(this.#host.allDevices, this.number, user);
    }
    this.tickets.clear();
    await Promise.all(accepted.map((device) => this.#fetchTicket(device)));
    if (this.#closed) return;
    this.#user = user;
    this.#host.loggedIn(this);
  }

  /** A login that only some devices accepted does not count: they get the role of before. */
  async #takeBackLogin(device: Device): Promise<void> {
    if (this.#user !== User.NONE && this.tickets.has(device.index)) await this.resume(device);
    else await device.call('LOGOUT', {}, { connection: this.number, limit: SHORT, repeat: true }).catch(() => {});
  }

  async #fetchTicket(device: Device): Promise<void> {
    try {
      const { ticket } = await device.call('LOGIN_TICKET', { connection: this.number }, { limit: SHORT });
      this.tickets.set(device.index, ticket.slice());
    } catch {
      // The device was lost meanwhile; requests there will report that nobody is logged in.
    }
  }

  async #logout(keepsPublic: boolean): Promise<void> {
    this.#user = User.NONE;
    this.tickets.clear();
    this.#host.dropSessionKeys(this, keepsPublic);
    if (!this.#known) return;
    // What stays has to end with the connection.
    this.#known = keepsPublic;
    // A device that is out of service forgot the connection with everything else.
    const devices = this.#host.allDevices.filter((device) => device.expected);
    await Promise.allSettled(
      devices.map((device) =>
        keepsPublic && !device.isBoard
          ? device.call('LOGIN_END', { connection: this.number }, { limit: SHORT, repeat: true })
          : device.call('LOGOUT', {}, { connection: this.number, limit: SHORT, repeat: true }),
      ),
    );
  }

  async #setPin(user: User, pin: Uint8Array): Promise<void> {
    checkPin(user, pin);
    await setPin(this.#host.allDevices, this.number, user, pin);
    await this.#notePins(this.#host.allDevices);
    await this.#renewTickets(user);
  }

  async #replacePin(user: User, oldPin: Uint8Array, newPin: Uint8Array): Promise<void> {
    checkPin(user, newPin);
    this.#known = true;
    try {
      await replacePin(this.#host.allDevices, this.number, user, oldPin, newPin);
    } finally {
      await this.#notePins(this.#host.allDevices);
    }
    await this.#renewTickets(user);
  }

  /** A new PIN, a wrong one, or the first right one after it changes what programs are told of the token. */
  async #notePins(devices: readonly Device[]): Promise<void> {
    const running = devices.filter((device) => device.running);
    await Promise.allSettled(running.map((device) => device.refreshStatus()));
  }

  /** A new PIN ends the tickets of its role, but not the logins. */
  async #renewTickets(user: User): Promise<void> {
    for (const connection of this.#host.connections) {
      if (connection.#user !== user) continue;
      const devices = this.#host.allDevices.filter((device) => device.running && connection.tickets.has(device.index));
      await Promise.all(devices.map((device) => connection.#fetchTicket(device)));
    }
  }

  #expected(): Device[] {
    const devices = this.#host.allDevices.filter((device) => device.expected);
    if (devices.length === 0) throw new HalError('FORBIDDEN', 'no device is in service');
    return devices;
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => {});
    return result;
  }
}

function checkPin(user: User, pin: Uint8Array): void {
  if (user < User.NORMAL || user > User.WHEEL) throw new HalError('BAD_ARGUMENTS', 'unknown role');
  if (pin.length < Limits.pinMin || pin.length > Limits.pinMax) throw new HalError('BAD_ARGUMENTS', 'PIN length');
}

/** The connection behind what a caller of the fleet holds. */
export function own(connection: FleetConnection): Connection {
  return connection as Connection;
}
