/** MECHANISM_LIST: what works with the devices at hand. */

import { CKF_MECHANISM, CKK, CKM } from '#src/cryptoki/constants.ts';
import { type Mechanism, MECHANISMS } from '#src/cryptoki/mechanisms.ts';
import { type ResultsOf } from '#src/wire/message.ts';

type List = ResultsOf<'MECHANISM_LIST'>['mechanisms'];

const { ENCRYPT, DECRYPT, SIGN_RECOVER, VERIFY_RECOVER, WRAP, UNWRAP, DERIVE } = CKF_MECHANISM;

/** What CrypTech boards cannot do with the keys that they have. */
const NOT_ON_BOARDS = ENCRYPT | DECRYPT | SIGN_RECOVER | VERIFY_RECOVER | WRAP | UNWRAP | DERIVE;

/**
 * @param legacy whether outdated mechanisms are offered
 * @param onlyBoards there are no devices but CrypTech boards
 */
export function mechanismList(legacy: boolean, onlyBoards: boolean): List {
  return MECHANISMS.filter((row) => (legacy || !row.legacy) && (!onlyBoards || isOnBoards(row))).map(
    ({ mechanism, minKeySize, maxKeySize, flags }) => ({
      mechanism,
      minKeySize,
      maxKeySize,
      flags: onlyBoards ? flags & ~NOT_ON_BOARDS : flags,
    }),
  );
}

/** Digests are made by the library; boards have RSA of PKCS#1 v1.5 and ECDSA. */
function isOnBoards({ mechanism, keyTypes, parameter }: Mechanism): boolean {
  if (keyTypes.length === 0) return true;
  const isKnown = keyTypes.every((keyType) => keyType === CKK.RSA || keyType === CKK.EC);
  return isKnown && parameter === 'none' && mechanism !== CKM.RSA_X_509;
}
