/** ML-KEM (FIPS 203), on the thread pool. */

import { KeyType } from '#src/wire/enumerations.ts';
import { HalError } from '#src/wire/status.ts';

import { evp, requireType } from './evp.ts';
import { EvpOperation, type EvpParameters } from './native.ts';
import { postQuantumParameters } from './post-quantum.ts';
import { wipe } from './process-hardening.ts';
import { CryptoRefusal } from './refusal.ts';
import { type SigningKey } from './signing-key.ts';

export interface Encapsulation {
  readonly ciphertext: Uint8Array;
  /** 32 bytes. Secret: wipe it after use. */
  readonly secret: Uint8Array;
}

/** A new secret and its ciphertext for the holder of the private key. @throws CryptoRefusal key-type */
export async function encapsulate(key: SigningKey): Promise<Encapsulation> {
  return encapsulateWith(key, []);
}

/** {@link encapsulate} with parameters of OpenSSL, which tests take to get known answers. */
export async function encapsulateWith(key: SigningKey, parameters: EvpParameters): Promise<Encapsulation> {
  requireType(key, KeyType.ML_KEM_PRIVATE, KeyType.ML_KEM_PUBLIC);
  const both = await evp(EvpOperation.ENCAPSULATE, key, parameters, new Uint8Array(0));
  if (!both) throw new HalError('ASSERTION_FAILED', 'encapsulation failed');
  const length = ciphertextSize(key);
  const result = { ciphertext: copy(both.subarray(0, length)), secret: copy(both.subarray(length)) };
  wipe(both);
  return result;
}

/**
 * The secret in a ciphertext. One that was not made for the key gives a pseudo-random secret, always the same (implicit rejection,
 * FIPS 203 algorithm 18).
 * @throws CryptoRefusal encrypted-data-length, key-type
 */
export async function decapsulate(key: SigningKey, ciphertext: Uint8Array): Promise<Uint8Array> {
  requireType(key, KeyType.ML_KEM_PRIVATE);
  if (ciphertext.length !== ciphertextSize(key)) throw new CryptoRefusal('encrypted-data-length');
  const secret = await evp(EvpOperation.DECAPSULATE, key, [], ciphertext);
  if (!secret) throw new HalError('ASSERTION_FAILED', 'decapsulation failed');
  return secret;
}

/** Not `slice`, which makes a view of a Buffer. */
function copy(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes);
}

function ciphertextSize(key: SigningKey): number {
  return postQuantumParameters(key.curve)?.ciphertextSize ?? 0;
}
