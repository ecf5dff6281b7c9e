/** What the appliance keeps for one connection that uses vendor functions: login, key handles, running digests. */

import { type Fleet, type FleetConnection } from '#src/fleet/fleet.ts';
import { type KeyEntry } from '#src/fleet/key-table.ts';
import { KeyFlags, KeyType, User } from '#src/wire/enumerations.ts';
import { HalError } from '#src/wire/status.ts';
import { Digests } from './digests.ts';
import { KeyHandles } from './key-handles.ts';

/** Settings of the operator, asked at each use. */
export interface RpcSettings {
  /** ENABLE_EXPORTABLE_PRIVATE_KEYS: generated keys get the EXPORTABLE flag. */
  exportableKeys(): boolean;
  /** ENABLE_KEY_EXPORT: PKEY_EXPORT is allowed. */
  keyExport(): boolean;
}

export class VendorSession {
  readonly fleet: Fleet;
  readonly settings: RpcSettings;
  readonly handles = new KeyHandles();
  readonly digests = new Digests();
  /** The address by which the client reached the appliance. */
  readonly localAddress: string;
  /** The client is gone: a key that is made now would be known to nobody. */
  closed = false;
  #connection: FleetConnection;

  constructor(fleet: Fleet, settings: RpcSettings, connection: FleetConnection, localAddress: string) {
    this.fleet = fleet;
    this.settings = settings;
    this.#connection = connection;
    this.localAddress = localAddress;
  }

  get connection(): FleetConnection {
    return this.#connection;
  }

  /** Logged in as user or wheel. */
  get usesKeys(): boolean {
    const { user } = this.#connection;
    return user === User.NORMAL || user === User.WHEEL;
  }

  /** @throws HalError FORBIDDEN unless logged in as user or wheel */
  requireLogin(): void {
    if (!this.usesKeys) throw new HalError('FORBIDDEN', 'login missing');
  }

  /** @throws HalError FORBIDDEN unless logged in, or the key is a session key with the PUBLIC flag */
  requireUse(entry: KeyEntry): void {
    if ((entry.flags & (KeyFlags.PUBLIC | KeyFlags.TOKEN)) !== KeyFlags.PUBLIC) this.requireLogin();
  }

  /** The key behind a handle. @throws HalError KEY_NOT_FOUND */
  key(handle: number): KeyEntry {
    const id = this.handles.get(handle);
    const entry = id === undefined ? undefined : this.fleet.keys.get(id);
    if (!entry || !this.sees(entry)) throw new HalError('KEY_NOT_FOUND');
    return entry;
  }

  /** Session keys are seen by their owner and by wheel; types the vendor's clients do not know are not seen at all. */
  sees(entry: KeyEntry): boolean {
    if (entry.type >= KeyType.ED_PRIVATE) return false;
    return entry.owner === undefined || entry.owner === this.#connection || this.#connection.user === User.WHEEL;
  }

  /** A handle for a key that was just made; if the client is gone, nobody knows the key, and it is destroyed. */
  async handOver(entry: KeyEntry): Promise<{ pkey: number; uuid: Uint8Array }> {
    if (this.closed) await this.fleet.deleteKeys(this.#connection, [entry]);
    return { pkey: this.handles.open(entry), uuid: entry.name };
  }
}
