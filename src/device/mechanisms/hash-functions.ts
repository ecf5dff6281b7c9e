/** Hash functions by their numbers in mechanisms and mechanism parameters. */

import { CKR } from '#src/cryptoki/constants.ts';
import { type Digest, digestOf, digestOfMgf } from '#src/cryptoki/digests.ts';
import { type HashName } from '#src/crypto/hashes.ts';
import { CkrError } from '#src/wire/status.ts';

/** The name of a hash function in our crypto. */
export function hashName(digest: Digest): HashName {
  return digest.openssl as HashName;
}

/** @throws CkrError CKR_MECHANISM_PARAM_INVALID */
export function hashOfMechanism(mechanism: number): HashName {
  return known(digestOf(mechanism), mechanism);
}

/** @throws CkrError CKR_MECHANISM_PARAM_INVALID */
export function hashOfMgf(mgf: number): HashName {
  return known(digestOfMgf(mgf), mgf);
}

function known(digest: Digest | undefined, number: number): HashName {
  if (digest === undefined) throw new CkrError(CKR.MECHANISM_PARAM_INVALID, `hash function 0x${number.toString(16)}`);
  return hashName(digest);
}
