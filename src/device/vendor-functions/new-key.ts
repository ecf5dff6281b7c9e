/** Storing a key that a vendor function made or received, and opening a handle for it. */

import { wipe } from '#src/crypto/process-hardening.ts';
import { KeyFlags } from '#src/wire/enumerations.ts';
import { type ParsedKey } from '../key-der.ts';
import { type Device } from '../device.ts';
import { type DeviceKey } from '../device-key.ts';
import { type MadeKey } from '../hashsig-keys.ts';
import { newUuid } from '../key-space.ts';

/** Stores a key without attributes. Its name is a UUID of its own: vendor functions do not know names. */
export async function storeAndOpen(
  device: Device,
  connection: number,
  parsed: ParsedKey,
  flags: number,
  session: number,
): Promise<{ pkey: number; uuid: Uint8Array }> {
  const uuid = newUuid();
  // Before the key is written: a logout meanwhile closes it.
  const pkey = openHandle(device, connection, { uuid, flags });
  try {
    await device.keys.add(connection, [{ ...parsed, uuid, name: newUuid(), flags, session, attributes: [] }]);
    return { pkey, uuid };
  } catch (error) {
    device.handles.close(connection, pkey);
    throw error;
  }
}

/** Stores a hash-based key; its trees stay ready for the first signature. */
export async function storeHashsig(
  device: Device,
  connection: number,
  { parsed, trees }: MadeKey,
  flags: number,
  session: number,
): Promise<{ pkey: number; uuid: Uint8Array }> {
  try {
    const made = await storeAndOpen(device, connection, parsed, flags, session);
    device.hashsig.adopt(made.uuid, { parsed, trees });
    return made;
  } catch (error) {
    trees.destroy();
    throw error;
  } finally {
    if (parsed.pkcs8) wipe(parsed.pkcs8);
  }
}

export function openHandle(
  device: Device,
  connection: number,
  { uuid, flags }: Pick<DeviceKey, 'uuid' | 'flags'>,
): number {
  return device.handles.open(connection, uuid, (flags & KeyFlags.TOKEN) !== 0);
}
