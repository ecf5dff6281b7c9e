/**
 * Status words of the protocol and the error types that carry them.
 * Numbers 0 to 50 are the vendor's `hal_error_t` by position (libhal `HAL_ERROR_LIST`); a peer must never be sent 51 or
 * higher in reply to a vendor function. Replies to our own functions may carry a CK_RV instead, see {@link CKR_STATUS_BASE}.
 */

/** libhal `HAL_ERROR_LIST`: name without the prefix `HAL_ERROR_`, number, meaning. */
const STATUS_TABLE = [
  ['OK', 'success'],
  ['BAD_ARGUMENTS', 'bad arguments given'],
  ['UNSUPPORTED_KEY', 'unsupported key type, size or curve'],
  ['IO_SETUP_FAILED', 'the device hardware cannot be reached'],
  ['IO_TIMEOUT', 'the device did not answer in time'],
  ['IO_UNEXPECTED', 'the device gave an unexpected answer'],
  ['IO_OS_ERROR', 'operating system error'],
  ['IO_BAD_COUNT', 'wrong number of bytes'],
  ['CSPRNG_BROKEN', 'the random generator failed'],
  ['KEYWRAP_BAD_MAGIC', 'key unwrap: integrity check failed'],
  ['KEYWRAP_BAD_LENGTH', 'key unwrap: implausible length'],
  ['KEYWRAP_BAD_PADDING', 'key unwrap: padding is not zero'],
  ['IMPOSSIBLE', 'internal contradiction'],
  ['ALLOCATION_FAILURE', 'out of memory or digest states'],
  ['RESULT_TOO_LONG', 'the result is longer than the caller allows'],
  ['ASN1_PARSE_FAILED', 'the DER encoding is not understood'],
  ['KEY_NOT_ON_CURVE', 'the point is not on the curve'],
  ['INVALID_SIGNATURE', 'the signature does not verify'],
  ['CORE_NOT_FOUND', 'hardware core missing'],
  ['CORE_BUSY', 'hardware core in use'],
  ['KEYSTORE_ACCESS', 'the key store cannot be read or written'],
  ['KEY_NOT_FOUND', 'no such key'],
  ['KEY_NAME_IN_USE', 'a key of this name exists'],
  ['NO_KEY_SLOTS_AVAILABLE', 'no free key handle'],
  ['PIN_INCORRECT', 'the PIN is wrong'],
  ['NO_CLIENT_SLOTS_AVAILABLE', 'the login table is full'],
  ['FORBIDDEN', 'not allowed: login missing, usage missing or HSM locked'],
  ['XDR_BUFFER_OVERFLOW', 'the message is too short for its fields'],
  ['RPC_TRANSPORT', 'connection trouble'],
  ['RPC_PACKET_OVERFLOW', 'the reply would not fit a message'],
  ['RPC_BAD_FUNCTION', 'unknown function'],
  ['KEY_NAME_TOO_LONG', 'a UUID is not 16 bytes long'],
  ['MASTERKEY_NOT_SET', 'no master key is set'],
  ['MASTERKEY_FAIL', 'the master key memory failed'],
  ['MASTERKEY_BAD_LENGTH', 'the master key is not 256 bits long'],
  ['KS_DRIVER_NOT_FOUND', 'internal key store error'],
  ['KEYSTORE_BAD_CRC', 'a key store block is damaged'],
  ['KEYSTORE_BAD_BLOCK_TYPE', 'a key store block has an unknown type'],
  ['KEYSTORE_LOST_DATA', 'the key store is inconsistent'],
  ['BAD_ATTRIBUTE_LENGTH', 'the attribute store is inconsistent'],
  ['ATTRIBUTE_NOT_FOUND', 'the attribute is missing'],
  ['NO_KEY_INDEX_SLOTS', 'the key store is full'],
  ['KS_INDEX_UUID_MISORDERED', 'internal key store error'],
  ['KEYSTORE_WRONG_BLOCK_TYPE', 'internal key store error'],
  ['RPC_PROTOCOL_ERROR', 'the reply does not match the request'],
  ['NOT_IMPLEMENTED', 'not implemented'],
  ['CORE_REASSIGNED', 'hardware core taken by another operation'],
  ['ASSERTION_FAILED', 'internal check failed'],
  ['HASHSIG_KEY_EXHAUSTED', 'no one-time signature keys left'],
  ['NOT_READY', 'the device is not ready'],
  ['TAMPER', 'tamper event'],
] as const;

/** Name of a status, e.g. `KEY_NOT_FOUND`. */
export type HalStatusName = (typeof STATUS_TABLE)[number][0];

/** Status numbers by name. */
export const HalStatus = Object.fromEntries(STATUS_TABLE.map(([name], number) => [name, number])) as Record<
  HalStatusName,
  number
>;

/** The name of a status number, `undefined` for numbers outside the table. */
export function statusName(status: number): HalStatusName | undefined {
  return STATUS_TABLE[status]?.[0];
}

/** One short English phrase for a status number. */
export function statusText(status: number): string {
  return STATUS_TABLE[status]?.[1] ?? `unknown status ${status}`;
}

/**
 * Replies to our own functions report PKCS#11 results as this number plus the CK_RV;
 * anything below is a {@link HalStatus}.
 */
export const CKR_STATUS_BASE = 0x1000_0000;

/** A failure with a status of the table; crosses the wire as that status. */
export class HalError extends Error {
  override readonly name = 'HalError';
  readonly status: number;

  /** @param detail for the log only; never holds secrets */
  constructor(status: HalStatusName, detail?: string) {
    super(detail === undefined ? statusText(HalStatus[status]) : `${statusText(HalStatus[status])}: ${detail}`);
    this.status = HalStatus[status];
  }

  /** An error for a status number received from a peer. Numbers outside the table become RPC_PROTOCOL_ERROR. */
  static fromStatus(status: number): HalError {
    return new HalError(
      statusName(status) ?? 'RPC_PROTOCOL_ERROR',
      statusName(status) ? undefined : `status ${status}`,
    );
  }
}

/** A failure of a PKCS#11 function; crosses the wire as {@link CKR_STATUS_BASE} + CK_RV in replies to our own functions. */
export class CkrError extends Error {
  override readonly name = 'CkrError';
  readonly ckr: number;

  /** @param ckr a CK_RV of PKCS#11, see `cryptoki/constants.ts` */
  constructor(ckr: number, detail?: string) {
    super(detail ?? `CK_RV 0x${ckr.toString(16)}`);
    this.ckr = ckr;
  }
}

/** Bytes of a peer that break the rules of the protocol. `status` is what the peer is told. */
export class WireError extends Error {
  override readonly name = 'WireError';
  readonly status: number;
  /** Path of the field, e.g. `attributes[3].value`. */
  readonly field: string;
  readonly #problem: string;

  constructor(field: string, problem: string, status: HalStatusName = 'XDR_BUFFER_OVERFLOW') {
    super(`${field}: ${problem}`);
    this.field = field;
    this.#problem = problem;
    this.status = HalStatus[status];
  }

  /** The same error seen from the field around it. Paths are put together only here, so that good messages cost none. */
  within(outer: string): WireError {
    const field = this.field === '' || this.field.startsWith('[') ? `${outer}${this.field}` : `${outer}.${this.field}`;
    return new WireError(field, this.#problem, statusName(this.status));
  }
}

/** An invariant of the program does not hold. */
export class Bug extends Error {
  override readonly name = 'Bug';
}
