/** From the UUID in a request to a key that the connection may use. */

import { type Device } from './device.ts';
import { idOf } from './device-key.ts';
import { type LoadedKey } from './loaded-keys.ts';

/**
 * Keys for one operation, ready for use. Whoever may not use one shall not make the device load it.
 * @param who `any`: public keys that need no login may be used by everybody who sees them
 * @throws HalError KEY_NOT_FOUND, FORBIDDEN, and as {@link import('./key-space.ts').KeySpace.load}
 */
export async function usableKeys(
  device: Device,
  connection: number,
  uuids: readonly Uint8Array[],
  who: 'user' | 'any' = 'user',
): Promise<LoadedKey[]> {
  for (const uuid of uuids) {
    const key = device.keys.find(connection, uuid);
    if (who === 'user' || key.wrapped !== undefined) device.access.checkUse(connection, key);
  }
  return device.keys.loadAll(connection, uuids);
}

export async function usableKey(
  device: Device,
  connection: number,
  uuid: Uint8Array,
  who: 'user' | 'any' = 'user',
): Promise<LoadedKey> {
  const known = device.keys.loaded(idOf(uuid));
  if (known !== undefined && device.access.sees(connection, known)) {
    if (who === 'user' || known.key.wrapped !== undefined) device.access.checkUse(connection, known);
    return known;
  }
  const [key] = await usableKeys(device, connection, [uuid], who);
  return key as LoadedKey;
}
