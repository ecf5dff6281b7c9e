/** What ML-DSA and SLH-DSA share: contexts, hedging, the encoding of messages that are hashed first, and how OpenSSL is asked. */

import { type KeyType } from '#src/wire/enumerations.ts';

import { DerWriter } from './der.ts';
import { evpSign, evpVerify, requireType } from './evp.ts';
import { checkHashValue, HASHES, type HashName } from './hashes.ts';
import { type EvpParameters } from './native.ts';
import { CryptoRefusal } from './refusal.ts';
import { type SigningKey } from './signing-key.ts';

/**
 * Randomness in signing (CK_HEDGE_TYPE): `preferred` and `required` take it, since it is always at hand; `deterministic` gives the
 * same signature each time.
 */
export type Hedge = 'preferred' | 'required' | 'deterministic';

/** CK_SIGN_ADDITIONAL_CONTEXT and CK_HASH_SIGN_ADDITIONAL_CONTEXT of PKCS#11 3.2. */
export interface PqSignatureParameters {
  readonly hedge: Hedge;
  /** At most 255 bytes. */
  readonly context: Uint8Array;
  /** HashML-DSA and HashSLH-DSA: the input is a value of this hash; without it the input is the message. */
  readonly hash?: HashName | undefined;
}

const MAX_CONTEXT = 255;

/** Collisions are known (FIPS 204 section 5.4 asks for approved hashes). */
const BROKEN: ReadonlySet<HashName> = new Set(['md5', 'sha1']);

interface EncodedMessage {
  readonly parameters: EvpParameters;
  readonly message: Uint8Array;
}

/**
 * Message and parameters for OpenSSL. A hash value is encoded here (FIPS 204 algorithm 4, FIPS 205 algorithm 23): OpenSSL takes it
 * as ready for the internal function.
 */
function encodeMessage(parameters: PqSignatureParameters, input: Uint8Array): EncodedMessage {
  const { hedge, context, hash } = parameters;
  if (context.length > MAX_CONTEXT) throw new CryptoRefusal('parameter', `context of ${context.length} bytes`);
  const deterministic = ['deterministic', hedge === 'deterministic' ? 1 : 0];
  if (!hash) return { parameters: [...deterministic, 'context-string', context], message: input };
  if (BROKEN.has(hash)) throw new CryptoRefusal('parameter', `${hash} is no hash for these signatures`);
  checkHashValue(hash, input);
  const prefix = Uint8Array.of(1, context.length);
  const message = Buffer.concat([prefix, context, DerWriter.oid(HASHES[hash].oid), input]);
  return { parameters: [...deterministic, 'message-encoding', 0], message };
}

interface PqSignatures {
  /** @throws CryptoRefusal parameter, data-length (of a hash value), key-type */
  sign(key: SigningKey, parameters: PqSignatureParameters, input: Uint8Array): Promise<Uint8Array>;
  /** @throws CryptoRefusal as `sign` */
  verify(
    key: SigningKey,
    parameters: PqSignatureParameters,
    input: Uint8Array,
    signature: Uint8Array,
  ): Promise<boolean>;
}

/**
 * Signatures of one algorithm, on the thread pool; they are verified before they are released.
 * @param turn runs the signing when its turn has come
 */
export function pqSignatures(
  privateType: KeyType,
  publicType: KeyType,
  turn: <T>(job: () => Promise<T>) => Promise<T> = (job) => job(),
): PqSignatures {
  return {
    async sign(key, parameters, input) {
      requireType(key, privateType);
      const encoded = encodeMessage(parameters, input);
      return turn(() => evpSign('message', key, encoded.parameters, encoded.message));
    },
    async verify(key, parameters, input, signature) {
      requireType(key, privateType, publicType);
      const encoded = encodeMessage(parameters, input);
      return evpVerify('message', key, encoded.parameters, encoded.message, signature);
    },
  };
}
