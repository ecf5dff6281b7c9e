/** What the operator is told about an error. */

import type { Log } from '#src/audit/log.ts';
import { ConfigError, OperatorError } from '#src/config/errors.ts';
import { HalError, HalStatus } from '#src/wire/status.ts';

const HAL_TEXTS: ReadonlyMap<number, string> = new Map([
  [HalStatus.PIN_INCORRECT, 'the PIN is wrong'],
  [HalStatus.FORBIDDEN, 'the devices refuse this: log in again'],
  [HalStatus.MASTERKEY_NOT_SET, 'no master key is set: use "masterkey set"'],
  [HalStatus.TAMPER, 'not possible while a tamper event is active'],
  [HalStatus.IO_TIMEOUT, 'a device did not answer in time: see "show devices" and try again'],
  [HalStatus.IO_SETUP_FAILED, 'a device cannot be reached: see "show devices" and try again'],
  [HalStatus.RPC_TRANSPORT, 'a device cannot be reached: see "show devices" and try again'],
  [HalStatus.NO_KEY_INDEX_SLOTS, 'the key store or its disk is full: delete keys or free some space, then try again'],
  [HalStatus.KEYSTORE_ACCESS, 'the key store cannot be read or written: the log of the HSM tells why'],
  [HalStatus.MASTERKEY_FAIL, 'the master key memory does not answer: try again in some seconds'],
  [HalStatus.NOT_READY, 'a device is not ready yet: try again'],
]);

/** One line for the console. Errors that the operator can do nothing about go to the log in detail. */
export function errorText(error: unknown, log: Log): string {
  if (error instanceof OperatorError || error instanceof ConfigError) return error.message;
  if (error instanceof HalError) return HAL_TEXTS.get(error.status) ?? error.message;
  log.error(`console: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  return 'internal error, see the log of the HSM';
}
