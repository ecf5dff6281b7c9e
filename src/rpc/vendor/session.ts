/** What the appliance keeps for one connection that uses vendor functions: login, key handles, running digests. */

import { type Fleet, type FleetConnection } from '#src/fleet/fleet.ts';
import { type KeyEntry } from '#src/fleet/key-table.ts';
import { Curve, KeyFlags, KeyType, User } from '#src/wire/enumerations.ts';
import { HalError } from '#src/wire/status.ts';
import { Digests } from './digests.ts';
import { KeyHandles } from './key-handles.ts';
import { copyOn, type DeviceMode } from './one-device.ts';

/** Settings of the operator, asked at each use. */
export interface RpcSettings {
  /** ENABLE_EXPORTABLE_PRIVATE_KEYS: generated keys get the EXPORTABLE flag. */
  exportableKeys(): boolean;
  /** ENABLE_KEY_EXPORT: PKEY_EXPORT is allowed from the network. */
  keyExport(): boolean;
  /** Answer exactly as the vendor's appliance also where that misleads its own clients. */
  readonly strictVendor: boolean;
}

/** What was decided when the connection was accepted. */
export interface Admission {
  /** The answer to the first request, after which the connection is dropped. */
  readonly refusal: HalError | undefined;
}

/** Where a connection comes from. */
export interface Origin {
  /** The address by which the client reached the appliance. */
  readonly localAddress: string;
  /** It came through the internal socket, not from the network. */
  readonly internal: boolean;
}

export class VendorSession {
  readonly fleet: Fleet;
  readonly settings: RpcSettings;
  readonly handles = new KeyHandles();
  readonly digests = new Digests();
  /** The address by which the client reached the appliance. */
  readonly localAddress: string;
  readonly internal: boolean;
  /** Changed by internal callers only. */
  readonly mode: DeviceMode = { device: undefined, unlisted: false, deviceUuids: false };
  /** Keys that this connection uses and that are not in the key table, by their ids. */
  readonly unlisted = new Map<string, KeyEntry>();
  /** The vendor's appliance looks at its state once, ours (`undefined`) at each request. */
  admission: Admission | undefined;
  /** The client is gone: a key that is made now would be known to nobody. */
  closed = false;
  #connection: FleetConnection;

  constructor(fleet: Fleet, settings: RpcSettings, connection: FleetConnection, origin: Origin) {
    this.fleet = fleet;
    this.settings = settings;
    this.#connection = connection;
    this.localAddress = origin.localAddress;
    this.internal = origin.internal;
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

  /** The appliance cannot be used any more: the login ends, and with it all handles. */
  async lock(): Promise<void> {
    this.handles.clear();
    this.digests.clear();
    await this.#connection.logout();
  }

  /** The key behind a handle. @throws HalError KEY_NOT_FOUND, or as {@link unknownHandle} */
  key(handle: number): KeyEntry {
    const open = this.handles.get(handle);
    if (!open) throw this.unknownHandle();
    const entry = this.fleet.keys.get(open.id) ?? this.unlisted.get(open.id);
    if (!entry || !this.sees(entry)) throw new HalError('KEY_NOT_FOUND');
    return open.device === undefined ? entry : copyOn(entry, open.device);
  }

  /** A device says KEY_NOT_FOUND, the vendor's appliance BAD_ARGUMENTS. */
  unknownHandle(): HalError {
    return new HalError(this.settings.strictVendor ? 'BAD_ARGUMENTS' : 'KEY_NOT_FOUND', 'unknown key handle');
  }

  /** Session keys are seen by their owner and by wheel; types and curves the vendor's clients do not know are not seen at all. */
  sees(entry: KeyEntry): boolean {
    if (entry.type >= KeyType.ED_PRIVATE || entry.curve > Curve.P521) return false;
    return entry.owner === undefined || entry.owner === this.#connection || this.#connection.user === User.WHEEL;
  }

  /** A handle for a key that was just made; if the client is gone, nobody knows the key, and it is destroyed. */
  async handOver(entry: KeyEntry): Promise<{ pkey: number; uuid: Uint8Array }> {
    if (this.closed) await this.fleet.deleteKeys(this.#connection, [entry]);
    const { device, unlisted, deviceUuids } = this.mode;
    if (unlisted) this.unlisted.set(entry.id, entry);
    // A new key has one copy.
    const [copy] = entry.copies.values();
    return {
      pkey: this.handles.open(entry, device),
      uuid: (unlisted || deviceUuids) && copy ? copy : entry.name,
    };
  }
}
