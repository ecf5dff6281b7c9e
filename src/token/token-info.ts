/** TOKEN_INFO: CK_TOKEN_INFO. */

import { CKF_TOKEN } from '#src/cryptoki/constants.ts';
import { Limits, User } from '#src/wire/enumerations.ts';
import { type ResultsOf } from '#src/wire/message.ts';
import { type TokenFleet } from './token-fleet.ts';

/** Major x 256 + minor, as the vendor's library reports: hardware 0.1, firmware 1.0. */
const HARDWARE_VERSION = 0x0001;
const FIRMWARE_VERSION = 0x0100;

export function tokenInfo(fleet: TokenFleet, label: string, serial: string): ResultsOf<'TOKEN_INFO'> {
  return {
    label,
    manufacturer: 'DiamondKeySecurity',
    model: 'DiamondHSM',
    serial: serial.slice(-16),
    flags: tokenFlags(fleet),
    pinMin: Limits.pinMin,
    pinMax: Limits.pinMax,
    hardwareVersion: HARDWARE_VERSION,
    firmwareVersion: FIRMWARE_VERSION,
    state: fleet.state,
  };
}

/** A PIN is never locked, guessing gets slower: so after a wrong one the count is low, but there is no final try. */
function tokenFlags(fleet: TokenFleet): number {
  const { userFailures, soFailures, pinsSet } = fleet.pinState;
  let flags = CKF_TOKEN.RNG | CKF_TOKEN.LOGIN_REQUIRED | CKF_TOKEN.TOKEN_INITIALIZED;
  // C_DigestEncryptUpdate and the like are the library's work.
  flags |= CKF_TOKEN.DUAL_CRYPTO_OPERATIONS;
  if ((pinsSet & (1 << User.NORMAL)) !== 0) flags |= CKF_TOKEN.USER_PIN_INITIALIZED;
  if (userFailures > 0) flags |= CKF_TOKEN.USER_PIN_COUNT_LOW;
  if (soFailures > 0) flags |= CKF_TOKEN.SO_PIN_COUNT_LOW;
  return flags;
}
