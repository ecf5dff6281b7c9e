/** SLH-DSA and HashSLH-DSA (FIPS 205), on the thread pool; signatures are verified before they are released. */

import { KeyType } from '#src/wire/enumerations.ts';

import { evpSign, evpVerify, requireType } from './evp.ts';
import { Gate } from './gate.ts';
import { encodeMessage, type PqSignatureParameters } from './pq-signature.ts';
import { type SigningKey } from './signing-key.ts';

/** A small signature takes a thread for a second or two: one at a time, so that other keys go on. */
export const slhDsaGate = new Gate(1);

/** @throws CryptoRefusal parameter, data-length (of a hash value), key-type */
export async function signSlhDsa(
  key: SigningKey,
  parameters: PqSignatureParameters,
  input: Uint8Array,
): Promise<Uint8Array> {
  requireType(key, KeyType.SLH_DSA_PRIVATE);
  const encoded = encodeMessage(parameters, input);
  return slhDsaGate.run(() => evpSign('message', key, encoded.parameters, encoded.message));
}

/** @throws CryptoRefusal as {@link signSlhDsa} */
export async function verifySlhDsa(
  key: SigningKey,
  parameters: PqSignatureParameters,
  input: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  requireType(key, KeyType.SLH_DSA_PRIVATE, KeyType.SLH_DSA_PUBLIC);
  const encoded = encodeMessage(parameters, input);
  return evpVerify('message', key, encoded.parameters, encoded.message, signature);
}
