/** SIGN and VERIFY: checks, and straight on to a device. Signing is the hot path of the appliance. */

import { type KeyEntry } from '#src/fleet/key-table.ts';
import { CKA, CKF_MECHANISM, CKR } from '#src/cryptoki/constants.ts';
import { curveDescription } from '#src/cryptoki/curves.ts';
import { parameterSet } from '#src/cryptoki/parameter-sets.ts';
import { KeyType } from '#src/wire/enumerations.ts';
import { type ArgsOf, type ResultsOf } from '#src/wire/message.ts';
import { CkrError } from '#src/wire/status.ts';
import { type Application } from './application.ts';
import { checkMechanism, checkSignInput, macLength, parameterOf, refuseKey } from './mechanism-checks.ts';
import { requireKey } from './objects.ts';
import { type TokenFleet } from './token-fleet.ts';

export function sign(fleet: TokenFleet, application: Application, args: ArgsOf<'SIGN'>): Promise<ResultsOf<'SIGN'>> {
  const { mechanism, data } = args;
  const entry = requireKey(fleet, application, args.object, CKA.SIGN);
  const row = checkMechanism(entry, mechanism, CKF_MECHANISM.SIGN);
  checkSignInput(entry, row, data);
  return fleet
    .sign(entry.owner ?? application.connection, entry, mechanism, parameterOf(row, args.parameter), data)
    .then(signatureResult, refuseKey);
}

export function verify(fleet: TokenFleet, application: Application, args: ArgsOf<'VERIFY'>): Promise<{}> {
  const { mechanism, data, signature } = args;
  const entry = requireKey(fleet, application, args.object, CKA.VERIFY);
  const row = checkMechanism(entry, mechanism, CKF_MECHANISM.VERIFY);
  checkSignInput(entry, row, data);
  const size = macLength(row, args.parameter) ?? signatureSize(entry);
  if (size !== undefined && signature.length !== size) throw new CkrError(CKR.SIGNATURE_LEN_RANGE);
  const parameter = parameterOf(row, args.parameter);
  return fleet
    .verify(entry.owner ?? application.connection, entry, mechanism, parameter, data, signature)
    .then(nothing, refuseKey);
}

function signatureResult(signature: Uint8Array): ResultsOf<'SIGN'> {
  return { signature };
}

function nothing(): {} {
  return {};
}

/** Bytes of a signature by a key; `undefined` where the device knows. */
function signatureSize(entry: KeyEntry): number | undefined {
  const isRsa = entry.type === KeyType.RSA_PUBLIC || entry.type === KeyType.RSA_PRIVATE;
  if (isRsa) return Math.ceil(entry.bits / 8);
  return curveDescription(entry.curve)?.signatureSize ?? parameterSet(entry.curve)?.outputSize;
}
