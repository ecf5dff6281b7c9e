/** Whether a key and a mechanism go together, before a device is asked. What a key's policy allows is the device's to say. */

import { type KeyEntry } from '#src/fleet/key-table.ts';
import { CKA, CKM, CKR } from '#src/cryptoki/constants.ts';
import { digestNamed, type DigestName } from '#src/cryptoki/digests.ts';
import { type Mechanism, MECHANISMS } from '#src/cryptoki/mechanisms.ts';
import { readParameter } from '#src/cryptoki/parameters.ts';
import { EMPTY, mechanismsOf } from '#src/cryptoki/values.ts';
import { CkrError, HalError, HalStatus } from '#src/wire/status.ts';
import { ckrErrorOf } from './ckr-errors.ts';
import { keyTypeOf } from './objects.ts';

/** The least room that PKCS#1 v1.5 padding takes (RFC 8017 section 9.2). */
const PKCS1_OVERHEAD = 11;
const CMAC_SIZE = 16;

interface Checked extends Mechanism {
  /** Bytes of the hash that arrives instead of the message. */
  readonly digestSize: number | undefined;
  /** Bytes of a whole MAC. */
  readonly macSize: number | undefined;
}

const checked = new Map<number, Checked>(
  MECHANISMS.map((row) => [
    row.mechanism,
    { ...row, digestSize: row.digest && digestNamed(row.digest).size, macSize: macSizeOf(row.name) },
  ]),
);

/**
 * @param flag CKF_ of what the mechanism is to do
 * @throws CkrError CKR_MECHANISM_INVALID, also for a key that is restricted to other mechanisms; CKR_KEY_TYPE_INCONSISTENT
 */
export function checkMechanism(entry: KeyEntry, mechanism: number, flag: number): Checked {
  const row = checked.get(mechanism);
  if (!row || (row.flags & flag) === 0) throw new CkrError(CKR.MECHANISM_INVALID);
  if (!row.keyTypes.includes(keyTypeOf(entry))) throw new CkrError(CKR.KEY_TYPE_INCONSISTENT);
  // The devices know this too; the keys of CrypTech boards have nobody else.
  const restriction = entry.attributes.get(CKA.ALLOWED_MECHANISMS);
  if (restriction && restriction.length > 0 && !mechanismsOf(restriction).includes(mechanism)) {
    throw new CkrError(CKR.MECHANISM_INVALID);
  }
  return row;
}

/** Of a mechanism that works without a key. @throws CkrError CKR_MECHANISM_INVALID */
export function requireMechanism(mechanism: number, flag: number): Mechanism {
  const row = checked.get(mechanism);
  if (!row || (row.flags & flag) === 0) throw new CkrError(CKR.MECHANISM_INVALID);
  return row;
}

/** @throws CkrError CKR_DATA_LEN_RANGE for data that the mechanism does not sign with this key */
export function checkSignInput(entry: KeyEntry, { mechanism, digestSize }: Checked, data: Uint8Array): void {
  const isGood = digestSize === undefined ? fitsRaw(entry, mechanism, data.length) : data.length === digestSize;
  if (!isGood) throw new CkrError(CKR.DATA_LEN_RANGE);
}

/** Whether a mechanism that does not hash takes so many bytes; an empty number or block is none. */
function fitsRaw(entry: KeyEntry, mechanism: number, length: number): boolean {
  switch (mechanism) {
    case CKM.RSA_PKCS:
      return length > 0 && length <= (entry.bits + 7) / 8 - PKCS1_OVERHEAD;
    case CKM.RSA_X_509:
      return length > 0 && length <= (entry.bits + 7) / 8;
    case CKM.ECDSA:
      return length > 0;
    default:
      return true;
  }
}

/**
 * What the device gets as parameter. Those of mechanisms that have none are never looked at: PowerDNS passes garbage. A CK_EDDSA_PARAMS
 * of zeros is plain Ed25519 or Ed448.
 */
export function parameterOf({ mechanism, parameter: format }: Mechanism, parameter: Uint8Array): Uint8Array {
  if (format === 'none') return EMPTY;
  if (mechanism === CKM.EDDSA && !parameter.some((byte) => byte !== 0)) return EMPTY;
  return parameter;
}

/** Bytes of a MAC by a mechanism; `undefined` for those that make none. @throws CkrError CKR_MECHANISM_PARAM_INVALID */
export function macLength({ parameter: format, macSize }: Checked, parameter: Uint8Array): number | undefined {
  if (macSize === undefined || format !== 'macLength') return macSize;
  return readParameter('macLength', parameter).length;
}

/** What is an object elsewhere is a key here (PKCS#11 3.1 section 5.13.1), and what a device does not support is this key with this mechanism. */
export function keyErrorOf(error: unknown): unknown {
  if (error instanceof HalError) {
    if (error.status === HalStatus.UNSUPPORTED_KEY) return new CkrError(CKR.KEY_TYPE_INCONSISTENT, error.message);
    if (error.status === HalStatus.NOT_IMPLEMENTED) return new CkrError(CKR.FUNCTION_NOT_SUPPORTED, error.message);
  }
  const mapped = ckrErrorOf(error);
  const noObject = mapped instanceof CkrError && mapped.ckr === CKR.OBJECT_HANDLE_INVALID;
  return noObject ? new CkrError(CKR.KEY_HANDLE_INVALID) : mapped;
}

/** Rejects with {@link keyErrorOf}. */
export function refuseKey(error: unknown): never {
  throw keyErrorOf(error);
}

function macSizeOf(name: string): number | undefined {
  if (name.startsWith('AES_CMAC')) return CMAC_SIZE;
  const hash = /^(SHA.*)_HMAC/.exec(name)?.[1];
  return hash === undefined ? undefined : digestNamed((hash === 'SHA_1' ? 'SHA1' : hash) as DigestName).size;
}
