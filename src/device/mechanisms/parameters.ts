/** Parameters of RSA mechanisms in the form of our crypto. */

import { CKR } from '#src/cryptoki/constants.ts';
import { type Parameter, readParameter } from '#src/cryptoki/parameters.ts';
import { type OaepParameters } from '#src/crypto/rsa-encryption.ts';
import { type PssParameters } from '#src/crypto/rsa-signature.ts';
import { CkrError } from '#src/wire/status.ts';
import { hashOfMechanism, hashOfMgf } from './hash-functions.ts';

/** Longest salt of PSS that any key has room for. */
const MAX_SALT = 1024;

/** @throws CkrError CKR_MECHANISM_PARAM_INVALID */
export function pssOf(parameter: Uint8Array): PssParameters {
  const { hash, mgf, saltLength } = readParameter('pss', parameter);
  if (saltLength > MAX_SALT) throw new CkrError(CKR.MECHANISM_PARAM_INVALID, `a salt of ${saltLength} bytes`);
  return { hash: hashOfMechanism(hash), mgf: hashOfMgf(mgf), saltLength };
}

/** @throws CkrError CKR_MECHANISM_PARAM_INVALID */
export function oaepOf({ hash, mgf, label }: Omit<Parameter<'oaep'>, never>): OaepParameters {
  return { hash: hashOfMechanism(hash), mgf: hashOfMgf(mgf), label };
}
