/** One PKCS#11 application: who is logged in, which session objects are its own. */

import { type KeyEntry, type KeyTable } from '#src/fleet/key-table.ts';
import { type FleetConnection } from '#src/fleet/connection.ts';
import { User } from '#src/wire/enumerations.ts';
import { CkrError } from '#src/wire/status.ts';
import { CKR } from '#src/cryptoki/constants.ts';
import { type Role } from '#src/cryptoki/roles.ts';

/** Session objects per application; the vendor's devices hold 4352 for all clients together. */
const MAX_SESSION_OBJECTS = 4096;

/**
 * An application as one TCP connection sees it. A lost connection's successor is another Application that takes over the
 * session objects; these stay with the fleet connections that made them, which stay open for it.
 */
export class Application {
  /** Carries the login; every new object belongs to it. */
  readonly connection: FleetConnection;
  /** The application found its earlier session objects again. */
  readonly resumed: boolean;
  /** For log messages. */
  readonly name: string;
  readonly #inherited: readonly FleetConnection[];
  #ended = false;
  #making = 0;
  #sessionObjectsInMaking = 0;

  constructor(connection: FleetConnection, name: string, inherited: readonly FleetConnection[], resumed: boolean) {
    this.connection = connection;
    this.name = name;
    this.#inherited = inherited;
    this.resumed = resumed;
  }

  /** The user may see and use private objects. The wheel may use keys as the user does; the SO may not. */
  get isLoggedIn(): boolean {
    const { user } = this.connection;
    return user === User.NORMAL || user === User.WHEEL;
  }

  /** What the rules of attributes ask for: CKA_TRUSTED is the security officer's. */
  get role(): Role {
    return this.connection.user === User.SO ? 'so' : 'user';
  }

  /** All connections that own objects of this application. */
  get connections(): readonly FleetConnection[] {
    return [this.connection, ...this.#inherited];
  }

  /** Whether an object is a token object or a session object of this application. */
  reaches(entry: KeyEntry): boolean {
    const { owner } = entry;
    if (owner === undefined || owner === this.connection) return !this.#ended;
    return !this.#ended && this.#inherited.includes(owner);
  }

  /**
   * Makes new objects. While that lasts {@link isMaking} is true, so that a lost connection's keys can be finished.
   * @param sessionObjects how many of them are session objects
   * @throws CkrError CKR_DEVICE_MEMORY if there is no room for them
   */
  async make<T>(sessionObjects: number, keys: KeyTable, work: () => Promise<T>): Promise<T> {
    const owned = this.connections.reduce((sum, connection) => sum + keys.ownedBy(connection).length, 0);
    if (sessionObjects > 0 && owned + this.#sessionObjectsInMaking + sessionObjects > MAX_SESSION_OBJECTS) {
      throw new CkrError(CKR.DEVICE_MEMORY, `more than ${MAX_SESSION_OBJECTS} session objects`);
    }
    this.#making++;
    this.#sessionObjectsInMaking += sessionObjects;
    try {
      return await work();
    } finally {
      this.#making--;
      this.#sessionObjectsInMaking -= sessionObjects;
    }
  }

  /** Connections of its predecessors that still own session objects. */
  get inherited(): readonly FleetConnection[] {
    return this.#inherited;
  }

  /** Nothing is visible any more: the connection is lost, or a successor has taken over. */
  end(): void {
    this.#ended = true;
  }

  /** Whether requests still arrive for it. */
  get isEnded(): boolean {
    return this.#ended;
  }

  /** Objects are being made. */
  get isMaking(): boolean {
    return this.#making > 0;
  }
}
