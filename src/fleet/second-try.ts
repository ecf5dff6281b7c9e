/** What becomes of an operation with a key that its device did not do. */

import { CkrError, HalError, HalStatus } from '#src/wire/status.ts';
import { CKR } from './ckr.ts';
import { type Connection } from './connection.ts';
import { type Device } from './device.ts';
import { outOfService } from './refusals.ts';

/**
 * Another copy does it if the device is out of service. If the device does not know the login, that is restored first.
 * @param error of the first try
 * @param choose the device that would be asked now
 * @throws CkrError CKR_USER_NOT_LOGGED_IN if there is no login to restore
 */
export async function secondTry<T>(
  error: unknown,
  connection: Connection,
  device: Device,
  choose: () => Device,
  ask: (device: Device) => Promise<T>,
): Promise<T> {
  if (outOfService(error)) {
    const other = choose();
    if (other === device || !other.running) throw error;
    return ask(other);
  }
  if (!isForbidden(error)) throw error;
  // What a policy forbids a device says by a CK_RV: here it knows of no login.
  if (!connection.usesKeys || !connection.tickets.has(device.index)) throw new CkrError(CKR.USER_NOT_LOGGED_IN);
  await connection.resume(device);
  try {
    return await ask(device);
  } catch (second) {
    throw isForbidden(second) ? new CkrError(CKR.USER_NOT_LOGGED_IN) : second;
  }
}

function isForbidden(error: unknown): boolean {
  return error instanceof HalError && error.status === HalStatus.FORBIDDEN;
}
