/** A fleet of real devices in this process, for tests below the RPC port. */

import { mkdirSync, mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog } from '#src/audit/log.ts';
import { holder } from '#src/daemon/holder.ts';
import { Fleet, type FleetConnection, type FleetOptions } from '#src/fleet/fleet.ts';
import { User } from '#src/wire/enumerations.ts';

const FACTORY_PIN = 'YouReallyNeedToChangeThisPINRightNowWeAreNotKidding';
export const USER_PIN = 'user-4711';

export interface FleetUnderTest {
  readonly fleet: Fleet;
  readonly state: string;
  /** Logged in as wheel. */
  readonly wheel: FleetConnection;
  stop(): Promise<void>;
}

/** Unlocked, with a master key and a user PIN. */
export async function startFleet(options: Partial<FleetOptions> = {}): Promise<FleetUnderTest> {
  const state = mkdtempSync(join(tmpdir(), 'dks-fleet-'));
  mkdirSync(join(state, 'run'), { mode: 0o700 });
  const fleet = await Fleet.start({ state, devices: 2, log: silentLog, pinDelayMs: 20, holder, ...options });
  const wheel = fleet.openConnection();
  await wheel.login(User.WHEEL, bytes(FACTORY_PIN));
  (await fleet.setMasterKey(wheel, undefined)).fill(0);
  await wheel.setPin(User.NORMAL, bytes(USER_PIN));
  await fleet.unlock(wheel);
  return {
    fleet,
    state,
    wheel,
    async stop() {
      await fleet.stop({ endHolder: true });
      await rm(state, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
    },
  };
}

export async function userConnection(fleet: Fleet): Promise<FleetConnection> {
  const connection = fleet.openConnection();
  await connection.login(User.NORMAL, bytes(USER_PIN));
  return connection;
}

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function randomName(): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(16));
}
