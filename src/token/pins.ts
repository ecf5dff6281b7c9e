/** CONTEXT_LOGIN, PIN_CHANGE and TOKEN_INITIALIZE: what PKCS#11 programs do with PINs beside logging in. */

import { type Log } from '#src/audit/log.ts';
import { CKA, CKR } from '#src/cryptoki/constants.ts';
import { isTrue } from '#src/cryptoki/values.ts';
import { Limits, User } from '#src/wire/enumerations.ts';
import { type ArgsOf } from '#src/wire/message.ts';
import { CkrError } from '#src/wire/status.ts';
import { type Application } from './application.ts';
import { keyErrorOf } from './mechanism-checks.ts';
import { requireEntry } from './objects.ts';
import { type TokenFleet } from './token-fleet.ts';

/** C_Login of CKU_CONTEXT_SPECIFIC. */
export async function loginForContext(
  fleet: TokenFleet,
  application: Application,
  { object, pin }: ArgsOf<'CONTEXT_LOGIN'>,
): Promise<{}> {
  const entry = requireEntry(fleet, application, object, CKR.KEY_HANDLE_INVALID);
  if (!application.isLoggedIn) throw new CkrError(CKR.USER_NOT_LOGGED_IN);
  // There is no operation that waits for it.
  if (!isTrue(entry.attributes.get(CKA.ALWAYS_AUTHENTICATE))) throw new CkrError(CKR.OPERATION_NOT_INITIALIZED);
  if (!isPossible(pin)) throw new CkrError(CKR.PIN_INCORRECT);
  try {
    await fleet.uses.authenticate(entry.owner ?? application.connection, entry, pin);
  } catch (error) {
    throw keyErrorOf(error);
  }
  return {};
}

/** C_SetPIN: of the role that is logged in, of the user if nobody is. */
export async function changePin(
  application: Application,
  { oldPin, newPin }: ArgsOf<'PIN_CHANGE'>,
  log: Log,
): Promise<{}> {
  if (!isPossible(newPin)) throw new CkrError(CKR.PIN_LEN_RANGE);
  if (!isPossible(oldPin)) throw new CkrError(CKR.PIN_INCORRECT);
  const { connection } = application;
  const role = connection.user === User.NONE ? User.NORMAL : connection.user;
  try {
    await connection.replacePin(role, oldPin, newPin);
  } catch (error) {
    throw keyErrorOf(error);
  }
  log.info(`application "${application.name}" has changed a PIN`);
  return {};
}

/**
 * C_InitToken. The token keeps its label, whatever the program would like, and unless a setting says otherwise its keys and the PIN of
 * the user.
 */
export async function initialiseToken(
  fleet: TokenFleet,
  application: Application,
  { pin }: ArgsOf<'TOKEN_INITIALIZE'>,
  erases: boolean,
  log: Log,
): Promise<{}> {
  if (!isPossible(pin)) throw new CkrError(CKR.PIN_INCORRECT);
  try {
    await fleet.initialise(application.connection, pin, erases);
  } catch (error) {
    throw keyErrorOf(error);
  }
  log.warn(`application "${application.name}" has initialised the token${erases ? ': all keys are destroyed' : ''}`);
  return {};
}

/** Whether a PIN of this length can be right. */
function isPossible({ length }: Uint8Array): boolean {
  return length >= Limits.pinMin && length <= Limits.pinMax;
}
