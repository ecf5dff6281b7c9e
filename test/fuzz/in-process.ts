/** Devices, a fleet and the RPC server in this process, so that a million frames take seconds and every error has a stack. */

import { mkdirSync, mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Duplex } from 'node:stream';
import { createLog, type Log } from '#src/audit/log.ts';
import { DEFAULT_POLICY } from '#src/cryptoki/separation.ts';
import { holder } from '#src/daemon/holder.ts';
import { answerAll } from '#src/device/answer.ts';
import { Device } from '#src/device/device.ts';
import { Link } from '#src/device/link.ts';
import { Fleet, type FleetConnection } from '#src/fleet/fleet.ts';
import { SqliteKeyStore } from '#src/store/sqlite-key-store.ts';
import { User } from '#src/wire/enumerations.ts';
import { Token } from '#src/token/token.ts';

const FACTORY_PIN = Buffer.from('YouReallyNeedToChangeThisPINRightNowWeAreNotKidding');
export const USER_PIN = Buffer.from('user-4711');

export interface InProcess {
  readonly state: string;
  readonly devices: readonly Device[];
  readonly fleet: Fleet;
  readonly token: Token;
  /** Errors with a stack: none are expected. */
  readonly complaints: readonly string[];
  readonly log: Log;
  login(user: User): Promise<FleetConnection>;
  stop(): Promise<void>;
}

/** Two ends of a stream. Bytes are copied, as a socket does: the writer wipes what was secret. */
function pair(): [Duplex, Duplex] {
  const end = (other: () => Duplex): Duplex =>
    new Duplex({
      read() {},
      write(chunk: Uint8Array, _encoding, done) {
        other().push(Buffer.from(chunk));
        done();
      },
      final(done) {
        other().push(null);
        done();
      },
      destroy(_error, done) {
        other().push(null);
        done(null);
      },
    });
  const ends: [Duplex, Duplex] = [end(() => ends[1]), end(() => ends[0])];
  return ends;
}

/** Unlocked, with a master key and a user PIN. */
export async function startInProcess(deviceCount: number): Promise<InProcess> {
  const state = mkdtempSync(join(tmpdir(), 'dks-fuzz-'));
  mkdirSync(join(state, 'run'), { mode: 0o700 });
  const complaints: string[] = [];
  const log = createLog('fuzz', (line) => complaints.push(line), 'error');
  const mkmSocket = join(state, 'run', 'mkm.sock');
  await holder.ensure(mkmSocket);
  // The timers of a device do not keep its process alive; here nothing else does.
  const alive = setInterval(() => {}, 60_000);
  const devices: Device[] = [];
  const fleet = await Fleet.start({
    state,
    devices: deviceCount,
    holder,
    log,
    openDevice: async (index) => {
      const folder = join(state, `device-${index}`);
      mkdirSync(folder, { recursive: true });
      const device = new Device({
        index,
        store: new SqliteKeyStore({ path: join(folder, 'keystore.db'), maxKeys: 100_000, maxBytes: undefined }),
        mkmSocket,
        epoch: Buffer.alloc(16, 1),
        pinDelayMs: 0,
        maxLogins: 1000,
        publicSessionKeys: false,
        strictVendor: false,
        erasesKeys: false,
        policy: DEFAULT_POLICY,
        log,
      });
      devices[index] = device;
      await device.masterKey.refresh();
      const [stream, far] = pair();
      const { closed } = new Link(far, (requests) => answerAll(device, requests));
      return { stream, kill: () => far.destroy(), exited: closed };
    },
  });
  const login = async (user: User): Promise<FleetConnection> => {
    const connection = fleet.openConnection();
    await connection.login(user, Buffer.from(user === User.WHEEL ? FACTORY_PIN : USER_PIN));
    return connection;
  };
  const wheel = await login(User.WHEEL);
  (await fleet.setMasterKey(wheel, undefined)).fill(0);
  await wheel.setPin(User.NORMAL, Buffer.from(USER_PIN));
  await fleet.unlock(wheel);
  await wheel.close();
  const token = new Token({ fleet, serial: 'fuzz', log });
  return {
    state,
    devices,
    fleet,
    token,
    complaints,
    log,
    login,
    async stop() {
      clearInterval(alive);
      token.close();
      await fleet.stop({ endHolder: true });
      for (const device of devices) device.close();
      await rm(state, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
    },
  };
}
