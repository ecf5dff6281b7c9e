/** Digest algorithms of the protocol (libhal `hal_digest_algorithm_t`) and running digests. */

import { createHash, createHmac, type Hash, type Hmac } from 'node:crypto';
import { DigestAlgorithm } from '#src/wire/enumerations.ts';
import { HalError } from '#src/wire/status.ts';

export interface Digest {
  /** Bytes of the result. */
  readonly length: number;
  /** AlgorithmIdentifier with NULL parameters, DER (RFC 8017 appendix B.1, RFC 5754). */
  readonly algorithmId: Uint8Array;
  /** Name for `node:crypto`. */
  readonly name: string;
}

/** id-sha... of the NIST arc 2.16.840.1.101.3.4.2 by its last number. */
const nist = (last: number) => Buffer.from([0x30, 13, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, last, 5, 0]);

const DIGESTS = new Map<number, Digest>([
  [
    DigestAlgorithm.SHA1,
    // id-sha1, RFC 8017 appendix B.1.
    { length: 20, algorithmId: Buffer.from([0x30, 9, 6, 5, 0x2b, 0x0e, 3, 2, 0x1a, 5, 0]), name: 'sha1' },
  ],
  [DigestAlgorithm.SHA224, { length: 28, algorithmId: nist(4), name: 'sha224' }],
  [DigestAlgorithm.SHA256, { length: 32, algorithmId: nist(1), name: 'sha256' }],
  [DigestAlgorithm.SHA512_224, { length: 28, algorithmId: nist(5), name: 'sha512-224' }],
  [DigestAlgorithm.SHA512_256, { length: 32, algorithmId: nist(6), name: 'sha512-256' }],
  [DigestAlgorithm.SHA384, { length: 48, algorithmId: nist(2), name: 'sha384' }],
  [DigestAlgorithm.SHA512, { length: 64, algorithmId: nist(3), name: 'sha512' }],
]);

/** @throws HalError BAD_ARGUMENTS for unknown numbers */
export function digestOf(algorithm: number): Digest {
  const digest = DIGESTS.get(algorithm);
  if (digest === undefined) throw new HalError('BAD_ARGUMENTS', `digest algorithm ${algorithm}`);
  return digest;
}

export interface RunningDigest {
  readonly algorithm: number;
  readonly digest: Digest;
  readonly state: Hash | Hmac;
}

/** Starts a digest, or an HMAC (RFC 2104) if the key is not empty. */
export function startDigest(algorithm: number, key: Uint8Array): RunningDigest {
  const digest = digestOf(algorithm);
  const state = key.length === 0 ? createHash(digest.name) : createHmac(digest.name, key);
  return { algorithm, digest, state };
}
