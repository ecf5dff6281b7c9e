/** What a fleet is started with. */

import { type Log } from '#src/audit/log.ts';
import { type DeviceProcess, type DeviceTimes } from './device.ts';

/** The master key holder, which outlives the fleet; the daemon knows how to start and end it. */
export interface Holder {
  /** Starts the holder unless it runs. */
  ensure(socketPath: string): Promise<void>;
  /** Clears the master keys and ends the holder. */
  end(socketPath: string): Promise<void>;
}

export interface FleetOptions {
  /** The state folder: device i keeps its keys in `device-<i>`, the holder listens on `run/mkm.sock`. */
  readonly state: string;
  readonly devices: number;
  readonly log: Log;
  /** Delay of the reply to a wrong PIN, 5000 if absent. Only tests change it. */
  readonly pinDelayMs?: number | undefined;
  /** Without it a holder must serve the socket already (tests: `test/fleet/start-fleet.ts`). */
  readonly holder?: Holder | undefined;
  /** For tests: puts something else behind the link of a device. */
  readonly openDevice?: ((index: number) => Promise<DeviceProcess>) | undefined;
  readonly times?: Partial<DeviceTimes> | undefined;
}
