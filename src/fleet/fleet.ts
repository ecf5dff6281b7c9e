/** Supervises the devices: key table, routing, health, state of the appliance. */

import { join } from 'node:path';
import { ApplianceState, KeyFlags, MasterKeyState } from '#src/wire/enumerations.ts';
import { type ArgsOf, type ResultsOf } from '#src/wire/message.ts';
import { DeviceChooser } from './choose-device.ts';
import { Connection, type ConnectionHost, type FleetConnection, own } from './connection.ts';
import { type Device, type DeviceProcess } from './device.ts';
import { DeviceGroup } from './device-group.ts';
import { spawnDevice } from './device-process.ts';
import { type DeviceStatus, type PinState, pinStateOf, statusOf } from './device-status.ts';
import { type FleetOptions } from './fleet-options.ts';
import { HolderWatch } from './holder-watch.ts';
import { idText, uuidText } from './key-entry.ts';
import { type ImportRequest, KeyExchange } from './key-exchange.ts';
import { KeyCopies } from './key-copies.ts';
import { KeyListing } from './key-listing.ts';
import { LoginTurns } from './login-turns.ts';
import {
  type AttributeChange,
  type CreatePairRequest,
  KeyOperations,
  type KeyPair,
  type LoadKeyRequest,
  type Placement,
} from './key-operations.ts';
import { type KeyEntry, KeyTable } from './key-table.ts';
import { initialise } from './initialise.ts';
import { KeyTurns } from './key-turns.ts';
import { KeyUses } from './key-uses.ts';
import { checkMasterKey, masterKeyStates, setMasterKey } from './master-keys.ts';
import { NewObjects } from './new-objects.ts';
import { matchOnDevice, tokenEntry } from './one-device.ts';
import { type SelfTest, selfTests } from './self-tests.ts';
import { Signing } from './signing.ts';

export type { FleetConnection } from './connection.ts';
export type { DeviceStatus } from './device-status.ts';
export type { FleetOptions, Holder } from './fleet-options.ts';

/** Connection numbers stay below bit 31, which marks request numbers on a device link. */
const MAX_CONNECTION = 0x7fff_ffff;

export class Fleet implements ConnectionHost {
  readonly keys = new KeyTable();
  readonly logins = new LoginTurns();
  readonly allDevices: readonly Device[];
  /** Functions that CrypTech boards do not have: objects that are not key pairs, and operations other than signatures. */
  readonly objects: NewObjects;
  readonly uses: KeyUses;
  readonly #options: FleetOptions;
  readonly #connections = new Map<number, Connection>();
  readonly #listeners = new Set<() => void>();
  readonly #choose: DeviceChooser;
  readonly #operations: KeyOperations;
  readonly #signing: Signing;
  readonly #exchange: KeyExchange;
  readonly #listing: KeyListing;
  readonly #group: DeviceGroup;
  readonly #holder: HolderWatch;
  readonly #epoch = crypto.getRandomValues(new Uint8Array(16));
  #lastConnection = 0;
  #unlocked = false;
  #changed = false;

  private constructor(options: FleetOptions) {
    this.#options = options;
    this.#holder = new HolderWatch(options.holder, this.#mkmSocket, options.log);
    this.#group = new DeviceGroup(options, {
      open: options.openDevice ?? ((index) => this.#spawn(index)),
      resume: (device) => this.#resume(device),
      onChange: () => {
        this.#notify();
        this.#holder.check(this.allDevices);
      },
      onLost: (device) => this.#forgetSessionKeys(device),
    });
    this.allDevices = this.#group.devices;
    const choose = new DeviceChooser(this.allDevices);
    this.#choose = choose;
    const turns = new KeyTurns();
    const copies = new KeyCopies(this.keys, this.allDevices, choose, turns);
    this.objects = new NewObjects(this.keys, copies, () => this.#notify());
    this.uses = new KeyUses(copies);
    this.#operations = new KeyOperations(this.keys, this.allDevices, choose, turns);
    this.#signing = new Signing(choose);
    this.#exchange = new KeyExchange(this.keys, this.allDevices, choose);
    this.#listing = new KeyListing(this.keys, this.allDevices);
  }

  /** Starts the devices and the holder; resolves when all devices answer, or after ten seconds with those that do. */
  static async start(options: FleetOptions): Promise<Fleet> {
    const fleet = new Fleet(options);
    const up = fleet.#group.start();
    try {
      await fleet.#holder.start();
    } catch (error) {
      await fleet.stop();
      throw error;
    }
    await up;
    await masterKeyStates(fleet.allDevices);
    return fleet;
  }

  /** What the appliance can do now. */
  get state(): ApplianceState {
    let running = false;
    let usable = false;
    for (const device of this.allDevices) {
      // A device that restarts is still in service: its requests wait for it.
      if (!device.expected) continue;
      running = true;
      usable ||= device.status.masterKey === MasterKeyState.SET;
    }
    if (!running) return ApplianceState.NO_DEVICE;
    if (!usable) return ApplianceState.NO_MASTER_KEY;
    return this.#unlocked ? ApplianceState.OPERATIONAL : ApplianceState.LOCKED;
  }

  /** Wrong PINs since the last right one, and the roles that have a PIN on all devices (bits 1 << role). */
  get pinState(): PinState {
    return pinStateOf(this.allDevices);
  }

  /** There are no devices but CrypTech boards, which have the vendor's functions only. */
  get hasOnlyBoards(): boolean {
    return this.allDevices.length > 0 && this.allDevices.every(({ isBoard }) => isBoard);
  }

  get devices(): readonly DeviceStatus[] {
    return this.allDevices.map((device) => statusOf(device, this.#unlocked));
  }

  /** All open connections. */
  get connections(): Iterable<Connection> {
    return this.#connections.values();
  }

  get unlocked(): boolean {
    return this.#unlocked;
  }

  /** Requests that devices have not answered. */
  get outstanding(): number {
    return this.allDevices.reduce((sum, device) => sum + device.outstanding, 0);
  }

  /** @param address of the client: hosts take turns at logging in */
  openConnection(address = ''): FleetConnection {
    do this.#lastConnection = (this.#lastConnection % MAX_CONNECTION) + 1;
    while (this.#connections.has(this.#lastConnection));
    const connection = new Connection(this.#lastConnection, this, address);
    this.#connections.set(connection.number, connection);
    return connection;
  }

  createPair(connection: FleetConnection, request: CreatePairRequest): Promise<KeyPair> {
    return this.#noticed(this.#operations.createPair(own(connection), request));
  }

  /** A private key without a stored public half, as the vendor's generation functions make it. */
  createPrivateKey(
    connection: FleetConnection,
    request: Parameters<KeyOperations['createPrivateKey']>[1],
  ): Promise<KeyEntry> {
    return this.#noticed(this.#operations.createPrivateKey(own(connection), request));
  }

  loadKey(connection: FleetConnection, request: LoadKeyRequest & Placement): Promise<KeyEntry> {
    return this.#noticed(this.#operations.loadKey(own(connection), request));
  }

  /** Destroys keys with all their copies. */
  deleteKeys(connection: FleetConnection, entries: readonly KeyEntry[]): Promise<void> {
    return this.#noticed(this.#operations.deleteKeys(own(connection), entries));
  }

  /** Changes attributes on all copies of a key, all or none. */
  setAttributes(connection: FleetConnection, entry: KeyEntry, changes: readonly AttributeChange[]): Promise<KeyEntry> {
    return this.#noticed(this.#operations.setAttributes(own(connection), entry, changes));
  }

  /** Signs with CKM_RSA_PKCS, CKM_ECDSA or CKM_EDDSA. The result is a view of a received chunk: send or copy it. */
  sign(
    connection: FleetConnection,
    entry: KeyEntry,
    mechanism: number,
    parameter: Uint8Array,
    data: Uint8Array,
  ): Promise<Uint8Array> {
    return this.#signing.sign(own(connection), entry, mechanism, parameter, data);
  }

  /** @throws HalError INVALID_SIGNATURE */
  verify(
    connection: FleetConnection,
    entry: KeyEntry,
    mechanism: number,
    parameter: Uint8Array,
    data: Uint8Array,
    signature: Uint8Array,
  ): Promise<void> {
    return this.#signing.verify(own(connection), entry, mechanism, parameter, data, signature);
  }

  /** Exports a key under an RSA key. */
  exportKey(
    connection: FleetConnection,
    entry: KeyEntry,
    kekek: KeyEntry,
    limits: { pkcs8Max: number; kekMax: number },
  ): Promise<ResultsOf<'PKEY_EXPORT'>> {
    return this.#exchange.export(own(connection), entry, kekek, limits);
  }

  importKey(connection: FleetConnection, kekek: KeyEntry, request: ImportRequest & Placement): Promise<KeyEntry> {
    return this.#noticed(this.#exchange.import(own(connection), kekek, request));
  }

  generateHashsig(
    connection: FleetConnection,
    request: ArgsOf<'PKEY_GENERATE_HASHSIG'> & Placement,
  ): Promise<KeyEntry> {
    return this.#noticed(this.#exchange.generateHashsig(own(connection), request));
  }

  /** A stored key by its UUID on one device, whether it is in the key table or not. @throws HalError KEY_NOT_FOUND */
  keyOnDevice(connection: FleetConnection, index: number, uuid: Uint8Array): Promise<KeyEntry> {
    return tokenEntry(this.#choose.byIndex(index), own(connection), uuid);
  }

  /** PKEY_MATCH over one device, with its own UUIDs. */
  matchOnDevice(
    connection: FleetConnection,
    index: number,
    args: ArgsOf<'PKEY_MATCH'>,
  ): Promise<ResultsOf<'PKEY_MATCH'>> {
    return matchOnDevice(this.#choose.byIndex(index), own(connection), args);
  }

  /**
   * Builds the key table; the HSM is unlocked from then on.
   * @param connection logged in as wheel (or user)
   * @returns the names of all token keys as UUID text, ascending
   */
  async unlock(connection: FleetConnection): Promise<{ found: string[] }> {
    const found = await this.#listing.build(own(connection));
    this.#unlocked = true;
    this.#notify();
    return { found: [...found].sort().map(idText) };
  }

  /**
   * What C_InitToken does: checks the PIN of the security officer, and destroys all keys if that is wanted. Other logins stay.
   * @throws HalError PIN_INCORRECT after the device's delay, IO_TIMEOUT if a device is out of service
   */
  initialise(connection: FleetConnection, pin: Uint8Array, erase: boolean): Promise<void> {
    const officer = this.openConnection(own(connection).address);
    return this.#noticed(initialise(own(officer), pin, this.allDevices, erase ? this.keys : undefined));
  }

  /** Asks every device now; FAILED for one that is out of service. */
  masterKeyStates(): Promise<MasterKeyState[]> {
    return masterKeyStates(this.allDevices);
  }

  /** Runs the known-answer tests of every device. */
  selfTests(): Promise<SelfTest[]> {
    return selfTests(this.allDevices);
  }

  /** What a master key (`undefined`: a random one) would do to the stored keys of all devices. */
  checkMasterKey(
    connection: FleetConnection,
    key: Uint8Array | undefined,
  ): Promise<{ verdict: number; tokenKeys: number }> {
    return checkMasterKey(this.allDevices, own(connection), key);
  }

  /** Sets the master key (`undefined`: a random one) on all devices or on none; the caller wipes the result. */
  setMasterKey(connection: FleetConnection, key: Uint8Array | undefined): Promise<Uint8Array> {
    return this.#noticed(setMasterKey(this.allDevices, own(connection), key));
  }

  /** The token keys of each device by their UUIDs there, ascending. */
  listDeviceKeys(): { device: number; keys: string[] }[] {
    const lists = this.allDevices.map(({ index }) => ({ device: index, keys: [] as string[] }));
    for (const { flags, copies } of this.keys.after('')) {
      if ((flags & KeyFlags.TOKEN) === 0) continue;
      for (const [index, key] of copies) lists[index]?.keys.push(uuidText(key));
    }
    for (const { keys } of lists) keys.sort();
    return lists;
  }

  /** Calls `listener` after changes of state, devices or keys; the result ends that. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async stop({ endHolder = false }: { endHolder?: boolean | 'if empty' } = {}): Promise<void> {
    this.#holder.stop();
    await this.#group.stop();
    if (endHolder === 'if empty') await this.#holder.endEmpty();
    else if (endHolder) await this.#holder.end();
  }

  dropSessionKeys(connection: Connection, keepsPublic: boolean): void {
    const stays = ({ flags, copies }: KeyEntry): boolean =>
      keepsPublic && (flags & KeyFlags.PUBLIC) !== 0 && ![...copies.keys()].some((i) => this.allDevices[i]?.isBoard);
    const entries = this.keys.ownedBy(connection).filter((entry) => !stays(entry));
    for (const { id } of entries) this.keys.remove(id);
    if (entries.length > 0) this.#notify();
  }

  loggedIn(connection: Connection): void {
    if (this.#unlocked && connection.usesKeys) void this.#listing.complete(connection);
  }

  closed(connection: Connection): void {
    this.#connections.delete(connection.number);
  }

  get #mkmSocket(): string {
    return join(this.#options.state, 'run', 'mkm.sock');
  }

  #spawn(index: number): Promise<DeviceProcess> {
    return spawnDevice({ ...this.#options, index, mkmSocket: this.#mkmSocket, epoch: this.#epoch });
  }

  async #resume(device: Device): Promise<void> {
    await Promise.all([...this.#connections.values()].map((connection) => connection.resume(device)));
  }

  /** A device keeps session keys in memory only. */
  #forgetSessionKeys(device: Device): void {
    for (const entry of this.keys.sessionKeys()) {
      if (!entry.copies.has(device.index)) continue;
      const copies = new Map([...entry.copies].filter(([index]) => index !== device.index));
      if (copies.size === 0) this.keys.remove(entry.id);
      else this.keys.add([{ ...entry, copies }]);
    }
  }

  async #noticed<T>(work: Promise<T>): Promise<T> {
    const result = await work;
    this.#notify();
    return result;
  }

  #notify(): void {
    if (this.#changed) return;
    this.#changed = true;
    queueMicrotask(() => {
      this.#changed = false;
      for (const listener of this.#listeners) listener();
    });
  }
}
