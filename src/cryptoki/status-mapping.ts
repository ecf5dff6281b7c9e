/** What a status of the protocol means to a PKCS#11 program. */

import { HalStatus, type HalStatusName } from '#src/wire/status.ts';
import { CKR } from './constants.ts';

const MAPPING: Partial<Record<HalStatusName, number>> = {
  OK: CKR.OK,
  // Keys are matched with mechanisms before a device is asked, so it is a new key that the device does not want.
  UNSUPPORTED_KEY: CKR.ATTRIBUTE_VALUE_INVALID,
  IO_SETUP_FAILED: CKR.DEVICE_ERROR,
  IO_TIMEOUT: CKR.DEVICE_ERROR,
  IO_UNEXPECTED: CKR.DEVICE_ERROR,
  IO_OS_ERROR: CKR.DEVICE_ERROR,
  IO_BAD_COUNT: CKR.DEVICE_ERROR,
  CSPRNG_BROKEN: CKR.DEVICE_ERROR,
  ALLOCATION_FAILURE: CKR.DEVICE_MEMORY,
  RESULT_TOO_LONG: CKR.DATA_LEN_RANGE,
  ASN1_PARSE_FAILED: CKR.ATTRIBUTE_VALUE_INVALID,
  KEY_NOT_ON_CURVE: CKR.ATTRIBUTE_VALUE_INVALID,
  INVALID_SIGNATURE: CKR.SIGNATURE_INVALID,
  CORE_NOT_FOUND: CKR.DEVICE_ERROR,
  CORE_BUSY: CKR.DEVICE_ERROR,
  KEYSTORE_ACCESS: CKR.DEVICE_ERROR,
  KEY_NOT_FOUND: CKR.OBJECT_HANDLE_INVALID,
  NO_KEY_SLOTS_AVAILABLE: CKR.DEVICE_MEMORY,
  PIN_INCORRECT: CKR.PIN_INCORRECT,
  NO_CLIENT_SLOTS_AVAILABLE: CKR.SESSION_COUNT,
  // Usage is checked before a device is asked, so what a device forbids is for lack of a login.
  FORBIDDEN: CKR.USER_NOT_LOGGED_IN,
  RPC_TRANSPORT: CKR.DEVICE_REMOVED,
  MASTERKEY_NOT_SET: CKR.DEVICE_ERROR,
  MASTERKEY_FAIL: CKR.DEVICE_ERROR,
  NO_KEY_INDEX_SLOTS: CKR.DEVICE_MEMORY,
  NOT_READY: CKR.DEVICE_ERROR,
  TAMPER: CKR.DEVICE_ERROR,
};

const byNumber = new Map<number, number>(
  Object.entries(MAPPING).map(([name, ckr]) => [HalStatus[name as HalStatusName], ckr]),
);

/** The CK_RV for a status word; CKR_FUNCTION_FAILED for those that tell an application nothing. */
export function ckrOfStatus(status: number): number {
  return byNumber.get(status) ?? CKR.FUNCTION_FAILED;
}
