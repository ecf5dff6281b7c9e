/** A fleet of two devices that exist only in memory, with PINs, a master key and keys. */

import type { ConsoleFleet } from '#src/console/command.ts';
import type { DeviceStatus, FleetConnection } from '#src/fleet/fleet.ts';
import { ApplianceState, MasterKeyState, MasterKeyVerdict, User } from '#src/wire/enumerations.ts';
import { HalError } from '#src/wire/status.ts';

export const FACTORY_PIN = 'YouReallyNeedToChangeThisPINRightNowWeAreNotKidding';
export const RANDOM_KEY = Uint8Array.from({ length: 32 }, (_, index) => index * 7);

export class FakeFleet implements ConsoleFleet {
  unlocked = false;
  reachable = true;
  tampered = false;
  readonly pins = new Map<User, string>([[User.WHEEL, FACTORY_PIN]]);
  masterKey: Uint8Array | undefined;
  /** Wrapped by `keysMasterKey`. */
  deviceKeys: { device: number; keys: string[] }[] = [
    { device: 0, keys: [] },
    { device: 1, keys: [] },
  ];
  keysMasterKey: Uint8Array | undefined;
  /** Thrown by the next setMasterKey or setPin. */
  failure: HalError | undefined;
  /** Awaited by setMasterKey and setPin. */
  gate: Promise<void> = Promise.resolve();
  openConnections = 0;
  selfTestResults: Awaited<ReturnType<ConsoleFleet['selfTests']>> = [];

  get state(): ApplianceState {
    if (!this.reachable) return ApplianceState.NO_DEVICE;
    if (this.tampered) return ApplianceState.TAMPER;
    if (!this.unlocked) return ApplianceState.LOCKED;
    return this.masterKey === undefined ? ApplianceState.NO_MASTER_KEY : ApplianceState.OPERATIONAL;
  }

  get devices(): DeviceStatus[] {
    return this.deviceKeys.map(({ device, keys }) => ({
      index: device,
      running: this.reachable,
      masterKey: this.#masterKeyState(),
      stateText: this.reachable ? 'Active - Ready' : 'Device failure. Try restarting the HSM.',
      tokenKeys: keys.length,
      logins: 0,
      volatileKeys: 0,
    }));
  }

  #masterKeyState(): MasterKeyState {
    return this.masterKey === undefined ? MasterKeyState.NOT_SET : MasterKeyState.SET;
  }

  async selfTests(): ReturnType<ConsoleFleet['selfTests']> {
    return this.selfTestResults;
  }

  openConnection(): FleetConnection {
    this.openConnections += 1;
    return new FakeConnection(this);
  }

  async unlock(connection: FleetConnection): Promise<{ found: string[] }> {
    if (connection.user !== User.WHEEL) throw new HalError('FORBIDDEN');
    this.unlocked = true;
    return { found: this.deviceKeys.flatMap(({ keys }) => keys) };
  }

  async masterKeyStates(): Promise<MasterKeyState[]> {
    return this.deviceKeys.map(() => this.#masterKeyState());
  }

  async checkMasterKey(_connection: FleetConnection, key: Uint8Array | undefined) {
    const tokenKeys = this.deviceKeys.reduce((sum, { keys }) => sum + keys.length, 0);
    if (tokenKeys === 0) return { verdict: MasterKeyVerdict.NO_KEYS, tokenKeys };
    const isSame = key !== undefined && Buffer.compare(key, this.keysMasterKey ?? new Uint8Array()) === 0;
    return { verdict: isSame ? MasterKeyVerdict.SAME : MasterKeyVerdict.DIFFERENT, tokenKeys };
  }

  async setMasterKey(connection: FleetConnection, key: Uint8Array | undefined): Promise<Uint8Array> {
    await this.gate;
    if (connection.user !== User.WHEEL) throw new HalError('FORBIDDEN');
    this.#fail();
    this.masterKey = (key ?? RANDOM_KEY).slice();
    return this.masterKey.slice();
  }

  listDeviceKeys(): { device: number; keys: string[] }[] {
    return this.deviceKeys;
  }

  async setPin(connection: FleetConnection, user: User, pin: Uint8Array): Promise<void> {
    await this.gate;
    if (connection.user !== User.WHEEL) throw new HalError('FORBIDDEN');
    this.#fail();
    this.pins.set(user, new TextDecoder().decode(pin));
  }

  #fail(): void {
    const { failure } = this;
    this.failure = undefined;
    if (failure !== undefined) throw failure;
  }
}

class FakeConnection implements FleetConnection {
  readonly number = 1;
  user: User = User.NONE;
  readonly #fleet: FakeFleet;

  constructor(fleet: FakeFleet) {
    this.#fleet = fleet;
  }

  async login(user: User, pin: Uint8Array): Promise<void> {
    if (this.#fleet.pins.get(user) !== new TextDecoder().decode(pin)) throw new HalError('PIN_INCORRECT');
    this.user = user;
  }

  async logout(): Promise<void> {
    this.user = User.NONE;
  }

  replacePin(): Promise<void> {
    return Promise.reject(new HalError('NOT_IMPLEMENTED'));
  }

  setPin(user: User, pin: Uint8Array): Promise<void> {
    return this.#fleet.setPin(this, user, pin);
  }

  async close(): Promise<void> {
    this.user = User.NONE;
    this.#fleet.openConnections -= 1;
  }
}
