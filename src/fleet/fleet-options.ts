/** What a fleet is started with. */

import { type Log } from '#src/audit/log.ts';
import { type DeviceProcess, type DeviceTimes } from './device.ts';

/** The master key holder, which outlives the fleet; the daemon knows how to start and end it. */
export interface Holder {
  /** Starts the holder unless it runs. */
  ensure(socketPath: string): Promise<void>;
  /** Clears the master keys and ends the holder. */
  end(socketPath: string): Promise<void>;
  /** Ends a holder that has no master key of any device. */
  endEmpty(socketPath: string): Promise<void>;
}

/** A device that is not a process of ours: it has its own console, where its master key is set, and knows no Edwards curves. */
export interface Board {
  /** Connects; the stream speaks the same device functions as that of a device process. */
  open(): Promise<DeviceProcess>;
}

/** What devices refuse, see `--key-separation` and so on of the device. */
export interface KeyRules {
  readonly keySeparation: 'strict' | 'standard';
  readonly legacyMechanisms: boolean;
  readonly plaintextImport: boolean;
  readonly initTokenErasesKeys: boolean;
}

export interface FleetOptions {
  /** The state folder: device i keeps its keys in `device-<i>`, the holder listens on `run/mkm.sock`. */
  readonly state: string;
  /** Number of emulated devices. */
  readonly devices: number;
  /** Devices behind the emulated ones. */
  readonly boards?: readonly Board[] | undefined;
  readonly log: Log;
  /** Delay of the reply to a wrong PIN, 5000 if absent. Only tests change it. */
  readonly pinDelayMs?: number | undefined;
  /** Devices answer exactly as those of CrypTech, see `--strict-vendor` of the device. */
  readonly strictVendor?: boolean | undefined;
  readonly keyRules?: KeyRules | undefined;
  /** Without it a holder must serve the socket already (tests: `test/fleet/start-fleet.ts`). */
  readonly holder?: Holder | undefined;
  /** For tests: puts something else behind the link of a device. */
  readonly openDevice?: ((index: number) => Promise<DeviceProcess>) | undefined;
  readonly times?: Partial<DeviceTimes> | undefined;
}
