/** What a refusal of our crypto means to a PKCS#11 program. */

import { CKR } from '#src/cryptoki/constants.ts';
import { type RefusalReason } from '#src/crypto/refusal.ts';

const CKR_OF: Readonly<Record<RefusalReason, number>> = {
  parameter: CKR.MECHANISM_PARAM_INVALID,
  'data-length': CKR.DATA_LEN_RANGE,
  data: CKR.DATA_INVALID,
  'encrypted-data-length': CKR.ENCRYPTED_DATA_LEN_RANGE,
  'encrypted-data': CKR.ENCRYPTED_DATA_INVALID,
  'wrapped-key-length': CKR.WRAPPED_KEY_LEN_RANGE,
  'wrapped-key': CKR.WRAPPED_KEY_INVALID,
  'key-size': CKR.KEY_SIZE_RANGE,
  'key-type': CKR.KEY_TYPE_INCONSISTENT,
  // It came as a parameter of the derivation.
  'public-key': CKR.MECHANISM_PARAM_INVALID,
};

export function ckrOfRefusal(reason: RefusalReason): number {
  return CKR_OF[reason];
}
