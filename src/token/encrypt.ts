/** ENCRYPT, DECRYPT, WRAP and OBJECT_VALUE. */

import { CKA, CKF_MECHANISM, CKM, CKR } from '#src/cryptoki/constants.ts';
import { isPrivateType } from '#src/fleet/key-kinds.ts';
import { type Attribute } from '#src/cryptoki/values.ts';
import { KeyType } from '#src/wire/enumerations.ts';
import { type ArgsOf, type ResultsOf } from '#src/wire/message.ts';
import { CkrError, HalError, HalStatus } from '#src/wire/status.ts';
import { type Application } from './application.ts';
import { ckrErrorOf } from './ckr-errors.ts';
import { checkMechanism, parameterOf, refuseKey } from './mechanism-checks.ts';
import { requireDescription, requireEntry, requireKey } from './objects.ts';
import { type TokenFleet } from './token-fleet.ts';

const AES_BLOCK = 16;

export async function encrypt(
  fleet: TokenFleet,
  application: Application,
  { object, mechanism, parameter, data }: ArgsOf<'ENCRYPT'>,
): Promise<ResultsOf<'ENCRYPT'>> {
  const entry = requireKey(fleet, application, object, CKA.ENCRYPT);
  const row = checkMechanism(entry, mechanism, CKF_MECHANISM.ENCRYPT);
  if (isWholeBlocks(mechanism) && data.length % AES_BLOCK !== 0) throw new CkrError(CKR.DATA_LEN_RANGE);
  const connection = entry.owner ?? application.connection;
  const result = await fleet.uses
    .encrypt(connection, entry, { mechanism, parameter: parameterOf(row, parameter), data })
    .catch(refuseKey);
  return { result };
}

export async function decrypt(
  fleet: TokenFleet,
  application: Application,
  { object, mechanism, parameter, data }: ArgsOf<'DECRYPT'>,
): Promise<ResultsOf<'DECRYPT'>> {
  const entry = requireKey(fleet, application, object, CKA.DECRYPT);
  const row = checkMechanism(entry, mechanism, CKF_MECHANISM.DECRYPT);
  const isRsa = entry.type === KeyType.RSA_PRIVATE;
  const isPadded = mechanism === CKM.AES_CBC_PAD;
  const isBad = isRsa
    ? data.length !== Math.ceil(entry.bits / 8)
    : (isWholeBlocks(mechanism) || isPadded) && (data.length % AES_BLOCK !== 0 || (isPadded && data.length === 0));
  if (isBad) throw new CkrError(CKR.ENCRYPTED_DATA_LEN_RANGE);
  const connection = entry.owner ?? application.connection;
  const result = await fleet.uses
    .decrypt(connection, entry, { mechanism, parameter: parameterOf(row, parameter), data })
    .catch(refuseKey);
  return { result };
}

/** The wrapping key and the key to wrap have return values of their own (PKCS#11 3.1 section 5.18.3). */
export async function wrap(
  fleet: TokenFleet,
  application: Application,
  args: ArgsOf<'WRAP'>,
): Promise<ResultsOf<'WRAP'>> {
  const { mechanism } = args;
  const [wrappingKey, row] = asWrappingKey(() => {
    const entry = requireKey(fleet, application, args.wrappingKey, CKA.WRAP);
    return [entry, checkMechanism(entry, mechanism, CKF_MECHANISM.WRAP)] as const;
  });
  const key = requireEntry(fleet, application, args.key, CKR.KEY_HANDLE_INVALID);
  if (!isWrappable(key.type)) throw new CkrError(CKR.KEY_NOT_WRAPPABLE);
  const connection = wrappingKey.owner ?? key.owner ?? application.connection;
  const wrapped = await fleet.uses
    .wrap(connection, wrappingKey, key, mechanism, parameterOf(row, args.parameter).slice())
    .catch(refuseKey);
  return { wrapped };
}

/** The secret attributes of a key, or the value of a private data object. */
export async function objectValue(
  fleet: TokenFleet,
  application: Application,
  { object }: ArgsOf<'OBJECT_VALUE'>,
): Promise<{ attributes: Attribute[] }> {
  const entry = requireEntry(fleet, application, object);
  requireDescription(entry);
  const attributes = await fleet.uses.value(entry.owner ?? application.connection, entry).catch((error: unknown) => {
    // A key of a CrypTech board, or of a kind that no device gives out.
    const isNever =
      error instanceof HalError
        ? error.status === HalStatus.UNSUPPORTED_KEY || error.status === HalStatus.NOT_IMPLEMENTED
        : error instanceof CkrError && error.ckr === CKR.FUNCTION_NOT_SUPPORTED;
    throw isNever ? new CkrError(CKR.ATTRIBUTE_SENSITIVE) : ckrErrorOf(error);
  });
  return { attributes };
}

/** Runs checks of a wrapping key and gives their errors the names that C_WrapKey has for them. */
function asWrappingKey<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof CkrError)) throw error;
    throw new CkrError(WRAPPING_KEY.get(error.ckr) ?? error.ckr, error.message);
  }
}

const WRAPPING_KEY = new Map<number, number>([
  [CKR.KEY_HANDLE_INVALID, CKR.WRAPPING_KEY_HANDLE_INVALID],
  [CKR.KEY_TYPE_INCONSISTENT, CKR.WRAPPING_KEY_TYPE_INCONSISTENT],
]);

/** Secret and private keys; hash-based keys stay where they are. */
function isWrappable(type: number): boolean {
  return type === KeyType.SECRET || isPrivateType(type);
}

function isWholeBlocks(mechanism: number): boolean {
  return mechanism === CKM.AES_ECB || mechanism === CKM.AES_CBC;
}
