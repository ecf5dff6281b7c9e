/** SIGN and VERIFY: checks, and straight on to a device. Signing is the hot path of the appliance. */

import { type KeyEntry } from '#src/fleet/key-table.ts';
import { CKA, CKK, CKM, CKR } from '#src/cryptoki/constants.ts';
import { curveDescription } from '#src/cryptoki/curves.ts';
import { objectOfKeyType } from '#src/cryptoki/key-objects.ts';
import { isAllowed } from '#src/cryptoki/mechanisms.ts';
import { EMPTY, mechanismsOf } from '#src/cryptoki/values.ts';
import { type ArgsOf, type ResultsOf } from '#src/wire/message.ts';
import { CkrError } from '#src/wire/status.ts';
import { type Application } from './application.ts';
import { ckrErrorOf } from './ckr-errors.ts';
import { allows, requireEntry } from './objects.ts';
import { type TokenFleet } from './token-fleet.ts';

/** The least room that PKCS#1 v1.5 padding takes (RFC 8017 section 9.2). */
const PKCS1_OVERHEAD = 11;

export function sign(fleet: TokenFleet, application: Application, args: ArgsOf<'SIGN'>): Promise<ResultsOf<'SIGN'>> {
  const { mechanism, data } = args;
  const entry = requireKey(fleet, application, args.object, CKA.SIGN);
  checkMechanism(entry, mechanism, args.parameter, data);
  return fleet.sign(entry.owner ?? application.connection, entry, mechanism, EMPTY, data).then(signatureResult, refuse);
}

export function verify(fleet: TokenFleet, application: Application, args: ArgsOf<'VERIFY'>): Promise<{}> {
  const { mechanism, data, signature } = args;
  const entry = requireKey(fleet, application, args.object, CKA.VERIFY);
  checkMechanism(entry, mechanism, args.parameter, data);
  if (signature.length !== signatureSize(entry)) throw new CkrError(CKR.SIGNATURE_LEN_RANGE);
  return fleet
    .verify(entry.owner ?? application.connection, entry, mechanism, EMPTY, data, signature)
    .then(nothing, refuse);
}

function signatureResult(signature: Uint8Array): ResultsOf<'SIGN'> {
  return { signature };
}

function nothing(): {} {
  return {};
}

function refuse(error: unknown): never {
  throw keyError(ckrErrorOf(error));
}

/** What is an object elsewhere is a key here (PKCS#11 3.1 section 5.13.1). */
function keyError(error: unknown): unknown {
  const noObject = error instanceof CkrError && error.ckr === CKR.OBJECT_HANDLE_INVALID;
  return noObject ? new CkrError(CKR.KEY_HANDLE_INVALID) : error;
}

function requireKey(
  fleet: TokenFleet,
  application: Application,
  object: Uint8Array,
  usage: typeof CKA.SIGN | typeof CKA.VERIFY,
): KeyEntry {
  const entry = requireEntry(fleet, application, object, CKR.KEY_HANDLE_INVALID);
  if (!allows(entry, usage)) throw new CkrError(CKR.KEY_FUNCTION_NOT_PERMITTED);
  return entry;
}

/** @throws CkrError CKR_MECHANISM_INVALID, CKR_KEY_TYPE_INCONSISTENT, CKR_MECHANISM_PARAM_INVALID, CKR_DATA_LEN_RANGE */
function checkMechanism(entry: KeyEntry, mechanism: number, parameter: Uint8Array, data: Uint8Array): void {
  const keyType = objectOfKeyType(entry.type)?.keyType;
  switch (mechanism) {
    // The parameters of CKM_RSA_PKCS and CKM_ECDSA are never looked at: PowerDNS passes garbage.
    case CKM.RSA_PKCS:
      if (keyType !== CKK.RSA) throw new CkrError(CKR.KEY_TYPE_INCONSISTENT);
      if (data.length > (entry.bits + 7) / 8 - PKCS1_OVERHEAD) throw new CkrError(CKR.DATA_LEN_RANGE);
      break;
    case CKM.ECDSA:
      if (keyType !== CKK.EC) throw new CkrError(CKR.KEY_TYPE_INCONSISTENT);
      if (data.length === 0) throw new CkrError(CKR.DATA_LEN_RANGE);
      break;
    case CKM.EDDSA:
      if (keyType !== CKK.EC_EDWARDS) throw new CkrError(CKR.KEY_TYPE_INCONSISTENT);
      // A CK_EDDSA_PARAMS of zeros is plain Ed25519 or Ed448. A context or pre-hashing must not be passed over in silence.
      if (parameter.some((byte) => byte !== 0)) throw new CkrError(CKR.MECHANISM_PARAM_INVALID);
      break;
    default:
      throw new CkrError(CKR.MECHANISM_INVALID);
  }
  const restriction = entry.attributes.get(CKA.ALLOWED_MECHANISMS);
  if (restriction === undefined || restriction.length === 0) return;
  if (!isAllowed(mechanismsOf(restriction), mechanism, data)) throw new CkrError(CKR.MECHANISM_INVALID);
}

/** Bytes of a signature by a key. */
function signatureSize(entry: KeyEntry): number {
  return curveDescription(entry.curve)?.signatureSize ?? Math.ceil(entry.bits / 8);
}
