/** ML-DSA and HashML-DSA (FIPS 204), on the thread pool; signatures are verified before they are released. */

import { KeyType } from '#src/wire/enumerations.ts';

import { evpSign, evpVerify, requireType } from './evp.ts';
import { encodeMessage, type PqSignatureParameters } from './pq-signature.ts';
import { type SigningKey } from './signing-key.ts';

/** @throws CryptoRefusal parameter, data-length (of a hash value), key-type */
export async function signMlDsa(
  key: SigningKey,
  parameters: PqSignatureParameters,
  input: Uint8Array,
): Promise<Uint8Array> {
  requireType(key, KeyType.ML_DSA_PRIVATE);
  const encoded = encodeMessage(parameters, input);
  return evpSign('message', key, encoded.parameters, encoded.message);
}

/** @throws CryptoRefusal as {@link signMlDsa} */
export async function verifyMlDsa(
  key: SigningKey,
  parameters: PqSignatureParameters,
  input: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  requireType(key, KeyType.ML_DSA_PRIVATE, KeyType.ML_DSA_PUBLIC);
  const encoded = encodeMessage(parameters, input);
  return evpVerify('message', key, encoded.parameters, encoded.message, signature);
}
