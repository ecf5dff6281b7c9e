/**
 * Functions 1981 to 1985: an internal caller pins its connection to one device and may then use the UUIDs that keys have
 * there, as tools do that copy keys from one device to another.
 */

import { type KeyEntry } from '#src/fleet/key-table.ts';
import { type ArgsOf, type ResultsOf } from '#src/wire/message.ts';
import { HalError } from '#src/wire/status.ts';
import { type VendorHandlers } from './handler.ts';
import { type VendorSession } from './session.ts';

type Functions =
  | 'SET_RPC_DEVICE'
  | 'DISABLE_CACHE_KEYGEN'
  | 'ENABLE_CACHE_KEYGEN'
  | 'USE_INCOMING_DEVICE_UUIDS'
  | 'USE_INCOMING_MASTER_UUIDS';

/** What a connection has chosen. */
export interface DeviceMode {
  /** Index of the device that the connection is pinned to. */
  device: number | undefined;
  /** New keys are not entered in the key table. */
  unlisted: boolean;
  /** UUIDs in requests and replies are those of the device. */
  deviceUuids: boolean;
}

export const oneDevice: VendorHandlers<Functions> = {
  SET_RPC_DEVICE(session, { index: device }) {
    requireInternal(session);
    if (device >= session.fleet.devices.length) throw new HalError('BAD_ARGUMENTS', `device ${device}`);
    session.mode.device = device;
    return {};
  },

  DISABLE_CACHE_KEYGEN: (session) => set(session, { unlisted: true }),
  ENABLE_CACHE_KEYGEN: (session) => set(session, { unlisted: false }),

  USE_INCOMING_DEVICE_UUIDS(session) {
    requireInternal(session);
    if (session.mode.device === undefined) throw new HalError('IMPOSSIBLE', 'SET_RPC_DEVICE comes first');
    return set(session, { deviceUuids: true });
  },

  USE_INCOMING_MASTER_UUIDS: (session) => set(session, { deviceUuids: false }),
};

function set(session: VendorSession, change: Partial<DeviceMode>): Record<string, never> {
  requireInternal(session);
  Object.assign(session.mode, change);
  return {};
}

/** The vendor's appliance obeys some of these from the network although it answers FORBIDDEN. */
function requireInternal({ internal }: VendorSession): void {
  if (!internal) throw new HalError('FORBIDDEN', 'not from the network');
}

/** The device whose UUIDs the connection uses, `undefined` for those of the appliance. */
export function uuidDevice({ mode }: VendorSession): number | undefined {
  return mode.deviceUuids ? mode.device : undefined;
}

/** A key by its UUID on a device: one of the connection's own that is in no list, or a stored one. */
export async function keyOnDevice(session: VendorSession, index: number, uuid: Uint8Array): Promise<KeyEntry> {
  const { fleet, connection } = session;
  const own = [...session.unlisted.values(), ...fleet.keys.ownedBy(connection)];
  const isWanted = ({ copies }: KeyEntry): boolean => Buffer.compare(copies.get(index) ?? NO_UUID, uuid) === 0;
  const found = own.find(isWanted) ?? (await fleet.keyOnDevice(connection, index, uuid));
  if (!fleet.keys.get(found.id)) session.unlisted.set(found.id, found);
  return found;
}

const NO_UUID = new Uint8Array(0);

export function matchOnDevice(
  { fleet, connection }: VendorSession,
  index: number,
  args: ArgsOf<'PKEY_MATCH'>,
): Promise<ResultsOf<'PKEY_MATCH'>> {
  return fleet.matchOnDevice(connection, index, args);
}

/** The key with its copy on one device only. @throws HalError KEY_NOT_FOUND if there is none */
export function copyOn(entry: KeyEntry, device: number): KeyEntry {
  const uuid = entry.copies.get(device);
  if (!uuid) throw new HalError('KEY_NOT_FOUND', `no copy on device ${device}`);
  return { ...entry, copies: new Map([[device, uuid]]) };
}
