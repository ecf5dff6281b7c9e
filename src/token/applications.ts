/**
 * All applications, and the session objects of those whose connection was lost.
 *
 * ```
 *            HELLO                    connection lost                 grace is over
 *  unknown ────────► connected ─────────────────────────► in grace ─────────────────► unknown
 *                      ▲  │ HELLO of the same name           │ HELLO of the same name
 *                      └──┴─────────────────────────────────┘
 * ```
 */

import { type Log } from '#src/audit/log.ts';
import { type FleetConnection } from '#src/fleet/connection.ts';
import { type KeyTable } from '#src/fleet/key-table.ts';
import { Application } from './application.ts';
import { idOf } from './uuid.ts';

/** Applications whose objects are kept at the same time; beyond that the longest lost one ends early. */
const MAX_IN_GRACE = 1024;

/** Lost connections of one application whose objects are kept. */
const MAX_INHERITED = 16;

const ANONYMOUS = '0'.repeat(32);

type Known =
  | { readonly state: 'connected'; readonly application: Application }
  | {
      readonly state: 'in grace';
      readonly application: Application;
      readonly timer: NodeJS.Timeout;
    };

export class Applications {
  /** By the name that the application gave itself. Those in grace are in the order in which they were lost. */
  readonly #known = new Map<string, Known>();
  readonly #ids = new WeakMap<Application, string>();
  readonly #closed = new WeakSet<FleetConnection>();
  readonly #keys: KeyTable;
  readonly #graceMs: number;
  readonly #log: Log;
  #inGrace = 0;

  /** @param graceMs how long the session objects of a lost connection are kept */
  constructor(keys: KeyTable, graceMs: number, log: Log) {
    this.#keys = keys;
    this.#graceMs = graceMs;
    this.#log = log;
  }

  /**
   * The application behind a new connection. If its name is known it takes over the session objects, also from a connection
   * that nobody has noticed to be lost; it has to log in again. A name of zeros cannot be taken up again.
   */
  connect(connection: FleetConnection, uuid: Uint8Array, name: string): Application {
    const id = idOf(uuid);
    const known = id === ANONYMOUS ? undefined : this.#known.get(id);
    const inherited = known ? this.#leave(id, known) : [];
    const application = new Application(connection, name, inherited, known !== undefined);
    if (id !== ANONYMOUS) {
      this.#ids.set(application, id);
      this.#known.set(id, { state: 'connected', application });
    }
    return application;
  }

  /** The connection of an application is lost: its session objects are kept for a while. */
  disconnect(application: Application): void {
    if (application.isEnded) return;
    application.end();
    const id = this.#ids.get(application);
    if (id === undefined) {
      this.#close(application.connections);
      return;
    }
    if (this.#inGrace >= MAX_IN_GRACE) this.#endOldest();
    const timer = setTimeout(() => this.#forget(id), this.#graceMs);
    timer.unref();
    // Entered anew, so that the map's order is the order of loss.
    this.#known.delete(id);
    this.#known.set(id, { state: 'in grace', application, timer });
    this.#inGrace++;
    // An application without session objects leaves only its name behind, not a login.
    if (!application.isMaking) {
      const { connection } = application;
      if (this.#keys.ownedBy(connection).length === 0) this.#close([connection]);
    }
  }

  /** C_Logout destroys private session objects, also those of earlier connections. */
  async loggedOut({ inherited }: Application): Promise<void> {
    await Promise.all(inherited.map((connection) => connection.logout(true)));
  }

  /** Ends all applications. */
  close(): void {
    for (const { state, application } of this.#known.values()) {
      if (state === 'connected') this.disconnect(application);
    }
    for (const id of this.#known.keys()) this.#forget(id);
  }

  /** Takes an application's successor the connections that own objects; the others are closed. */
  #leave(id: string, known: Known): FleetConnection[] {
    const { application } = known;
    if (known.state === 'in grace') {
      clearTimeout(known.timer);
      this.#inGrace--;
    } else {
      this.#log.info(`application "${application.name}" came back before its old connection ended`);
      application.end();
    }
    this.#known.delete(id);
    const kept: FleetConnection[] = [];
    const closed: FleetConnection[] = [];
    for (const connection of application.connections) {
      // A pair that is being made is asked for again by the successor.
      const isMaking = connection === application.connection && application.isMaking;
      const keep = kept.length < MAX_INHERITED && (isMaking || this.#keys.ownedBy(connection).length > 0);
      (keep ? kept : closed).push(connection);
    }
    this.#close(closed);
    return kept;
  }

  #endOldest(): void {
    for (const [id, { state, application }] of this.#known) {
      if (state !== 'in grace') continue;
      this.#log.warn(`session objects of application "${application.name}" are destroyed early`);
      this.#forget(id);
      return;
    }
  }

  #forget(id: string): void {
    const known = this.#known.get(id);
    if (known?.state !== 'in grace') return;
    clearTimeout(known.timer);
    this.#known.delete(id);
    this.#inGrace--;
    this.#close(known.application.connections);
  }

  #close(connections: readonly FleetConnection[]): void {
    for (const connection of connections) {
      if (this.#closed.has(connection)) continue;
      this.#closed.add(connection);
      connection.close().catch((error: unknown) => {
        this.#log.warn(`connection ${connection.number}: ${error instanceof Error ? error.message : 'close failed'}`);
      });
    }
  }
}
