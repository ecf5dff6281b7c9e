/** The master key of all devices: they get the same one, all of them or none. */

import { MasterKeyState, MasterKeyVerdict } from '#src/wire/enumerations.ts';
import { HalError } from '#src/wire/status.ts';
import { type Connection } from './connection.ts';
import { type Device } from './device.ts';
import { LONG } from './time-limits.ts';

const EMPTY = new Uint8Array(0);

/** The state each device tells now; FAILED for one that is out of service. */
export function masterKeyStates(devices: readonly Device[]): Promise<MasterKeyState[]> {
  return Promise.all(
    devices.map(async (device) => {
      if (!device.running) return MasterKeyState.FAILED;
      try {
        return (await device.refreshStatus()).masterKey as MasterKeyState;
      } catch {
        return MasterKeyState.FAILED;
      }
    }),
  );
}

/**
 * What a master key would do to the stored keys: the worst verdict and the number of keys of all devices.
 * @param key `undefined`: a random one
 */
export async function checkMasterKey(
  devices: readonly Device[],
  connection: Connection,
  key: Uint8Array | undefined,
): Promise<{ verdict: number; tokenKeys: number }> {
  const answers = await Promise.all(
    settable(devices).map((device) =>
      device.call(
        'MASTERKEY_CHECK',
        { connection: connection.number, key: key ?? EMPTY },
        { limit: LONG, repeat: true, secret: true },
      ),
    ),
  );
  return {
    verdict: Math.max(MasterKeyVerdict.NO_KEYS, ...answers.map(({ verdict }) => verdict)),
    tokenKeys: answers.reduce((sum, { tokenKeys }) => sum + tokenKeys, 0),
  };
}

/**
 * Sets the master key of all devices in service that are not boards and returns it; the caller wipes it.
 * If a device fails, those that got it forget it again.
 * @param key 32 bytes; `undefined`: the first device makes a random one
 */
export async function setMasterKey(
  devices: readonly Device[],
  connection: Connection,
  key: Uint8Array | undefined,
): Promise<Uint8Array> {
  const done: Device[] = [];
  let common = key?.slice();
  try {
    for (const device of settable(devices)) {
      const reply = await device.call(
        'MASTERKEY_SET',
        { connection: connection.number, key: common ?? EMPTY },
        { limit: LONG, secret: true },
      );
      done.push(device);
      common ??= reply.key.slice();
      reply.key.fill(0);
    }
  } catch (error) {
    common?.fill(0);
    await Promise.allSettled(
      done.map((device) => device.call('MASTERKEY_CLEAR', { connection: connection.number }, { limit: LONG })),
    );
    throw error;
  } finally {
    await masterKeyStates(devices);
  }
  return common as Uint8Array;
}

/** The devices in service whose master key is the appliance's business: a board's is set at its own console. */
function settable(devices: readonly Device[]): Device[] {
  const own = devices.filter((device) => !device.isBoard);
  if (own.length === 0) throw new HalError('NOT_IMPLEMENTED', 'the master key of a board is set at its own console');
  const running = own.filter((device) => device.running);
  if (running.length === 0) throw new HalError('IO_TIMEOUT', 'no device is in service');
  return running;
}
