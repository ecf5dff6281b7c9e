/**
 * A CrypTech board on a serial line, or anything else that speaks the vendor's functions on a byte stream, made to look like
 * a device of the appliance: its end of the stream speaks the appliance's own device functions and turns each of them into
 * a sequence of the vendor's.
 *
 *          open: probe says RPC port       logins looked after
 *   GONE ──────────────────────────► OPENED ─────────────────► SERVING
 *     ▲                                 │                         │
 *     └────── line lost, or no answer in time, or closed ─────────┘
 */

import { type Duplex } from 'node:stream';
import { type Log } from '#src/audit/log.ts';
import { User } from '#src/wire/enumerations.ts';
import { HalError } from '#src/wire/status.ts';
import { answerBoardRequests } from './answer.ts';
import { BoardKeys } from './board-keys.ts';
import { BoardLink } from './board-link.ts';
import { BoardLogins } from './board-logins.ts';
import { Connections } from './connections.ts';
import { type KeyNames } from './key-names.ts';
import { MasterKeySigns } from './master-key-signs.ts';
import { type PortKind, probePort } from './port-probe.ts';
import { RoleClient, type RoleHost } from './role-client.ts';
import { streamPair } from './stream-pair.ts';
import { SHORT } from './time-limits.ts';

export interface BoardOptions {
  /** For messages: the path of the port. */
  readonly name: string;
  readonly names: KeyNames;
  readonly log: Log;
  openPort(): Promise<Duplex>;
}

/** A board as the appliance sees a device process. */
export interface BoardProcess {
  /** Speaks the appliance's device functions. */
  readonly stream: Duplex;
  kill(): void;
  readonly exited: Promise<void>;
}

const REFUSALS: Readonly<Record<Exclude<PortKind, 'rpc'>, string>> = {
  console: 'is the console port of a board: its other port is the one for the appliance',
  nothing: 'does not answer: is the board switched on, and is this its port?',
  unknown: 'answers, but not as a CrypTech board does',
};

/** How long the end waits for the logouts, in milliseconds. */
const FAREWELL = 1000;

export class Board implements RoleHost {
  readonly name: string;
  readonly log: Log;
  readonly connections = new Connections();
  readonly keys: BoardKeys;
  readonly logins: BoardLogins;
  readonly masterKey = new MasterKeySigns();
  readonly roles: ReadonlyMap<number, RoleClient>;
  /** For what needs no login. */
  readonly anyone: number;
  readonly #options: BoardOptions;
  readonly #watcher: number;
  #lastNumber = crypto.getRandomValues(new Uint32Array(1))[0] as number;
  #link: BoardLink | undefined;
  #unanswered: ReadonlySet<number> = new Set();
  #openedBefore = false;

  constructor(options: BoardOptions) {
    this.#options = options;
    this.name = options.name;
    this.log = options.log;
    this.roles = new Map([User.NORMAL, User.SO, User.WHEEL].map((user) => [user, new RoleClient(user, this)]));
    this.anyone = this.newNumber();
    this.#watcher = this.newNumber();
    this.keys = new BoardKeys(options.names, this.connections, options.log);
    this.logins = new BoardLogins(this);
  }

  get currentLink(): BoardLink | undefined {
    return this.#link;
  }

  get link(): BoardLink {
    if (!this.#link) throw new HalError('IO_TIMEOUT', `${this.name} is not connected`);
    return this.#link;
  }

  /** Random at the start, so that a late reply to an earlier run is not taken for one to this. Below bit 31, never 0. */
  newNumber(): number {
    this.#lastNumber = (this.#lastNumber + 1) & 0x7fff_ffff || 1;
    return this.#lastNumber;
  }

  /** @throws HalError IO_SETUP_FAILED, IO_TIMEOUT if there is no board that answers */
  async open(): Promise<BoardProcess> {
    const port = await this.#options.openPort();
    port.on('error', () => {});
    const kind = await probePort(port);
    if (kind !== 'rpc') {
      port.destroy();
      throw new HalError('IO_SETUP_FAILED', `${this.name} ${REFUSALS[kind]}`);
    }
    const link = new BoardLink(port);
    this.#link = link;
    const [near, far] = streamPair();
    const exited = link.closed.then(({ reason, unanswered }) => {
      if (this.#link === link) this.#link = undefined;
      this.#unanswered = new Set([...this.#unanswered, ...unanswered]);
      this.log.debug(`${this.name}: ${reason}`);
      far.destroy();
      near.destroy();
    });
    try {
      await this.#greet(link);
    } catch (error) {
      link.close('the board cannot be used');
      throw error;
    }
    far.on('error', () => {});
    far.on('end', () => void this.#leave(link));
    answerBoardRequests(this, far);
    return { stream: near, exited, kill: () => link.close('given up') };
  }

  /** A sign of life. */
  async checkAlive(): Promise<void> {
    await this.link.call('GET_VERSION', this.#watcher, {}, SHORT);
  }

  /** The first time, logins of an earlier run are ended; after a lost line those that the board still knows are kept. */
  async #greet(link: BoardLink): Promise<void> {
    this.masterKey.forget();
    const orphans = this.connections.suspend();
    if (!this.#openedBefore) await link.call('LOGOUT_ALL', 0, {}, SHORT);
    this.#openedBefore = true;
    for (const role of this.roles.values()) await role.resume(this.#unanswered);
    this.#unanswered = new Set();
    for (const { key, user } of orphans) {
      const role = this.roles.get(user);
      if (role?.loggedIn) await role.deleteKey(key).catch(() => {});
    }
    this.log.info(`${this.name} is connected`);
  }

  /** The appliance ends: nobody shall stay logged in on the board. */
  async #leave(link: BoardLink): Promise<void> {
    const deadline = setTimeout(() => link.close('the appliance ends'), FAREWELL);
    for (const role of this.roles.values()) await role.inTurn(() => role.logout()).catch(() => {});
    clearTimeout(deadline);
    link.close('the appliance ends');
  }
}
