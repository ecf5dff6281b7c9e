/** Hash functions: their sizes and identifiers, and the DigestInfo of PKCS#1. */

import { createHash } from 'node:crypto';

import { DerWriter } from './der.ts';
import { CryptoRefusal } from './refusal.ts';

interface HashParameters {
  /** Bytes of a hash value; of SHAKE, what FIPS 204 section 5.4.1 takes. */
  readonly size: number;
  /** Bytes that are worked on at once: the B of HMAC (RFC 2104, FIPS 202 section 7). */
  readonly blockSize: number;
  /** Object identifier as hex of its DER content (RFC 8017 appendix B.1, NIST CSOR). */
  readonly oid: string;
}

/** By the names of node:crypto, which OpenSSL understands too. */
export const HASHES = {
  md5: { size: 16, blockSize: 64, oid: '2a864886f70d0205' },
  sha1: { size: 20, blockSize: 64, oid: '2b0e03021a' },
  sha224: { size: 28, blockSize: 64, oid: '608648016503040204' },
  sha256: { size: 32, blockSize: 64, oid: '608648016503040201' },
  sha384: { size: 48, blockSize: 128, oid: '608648016503040202' },
  sha512: { size: 64, blockSize: 128, oid: '608648016503040203' },
  'sha512-224': { size: 28, blockSize: 128, oid: '608648016503040205' },
  'sha512-256': { size: 32, blockSize: 128, oid: '608648016503040206' },
  'sha3-224': { size: 28, blockSize: 144, oid: '608648016503040207' },
  'sha3-256': { size: 32, blockSize: 136, oid: '608648016503040208' },
  'sha3-384': { size: 48, blockSize: 104, oid: '608648016503040209' },
  'sha3-512': { size: 64, blockSize: 72, oid: '60864801650304020a' },
  shake128: { size: 32, blockSize: 168, oid: '60864801650304020b' },
  shake256: { size: 64, blockSize: 136, oid: '60864801650304020c' },
} as const satisfies Record<string, HashParameters>;

export type HashName = keyof typeof HASHES;

/** The hash of parts in a row. */
export function digest(hash: HashName, ...parts: readonly Uint8Array[]): Uint8Array {
  const state = createHash(hash, hash.startsWith('shake') ? { outputLength: HASHES[hash].size } : undefined);
  for (const part of parts) state.update(part);
  return state.digest();
}

/** Refuses a hash value of a length that the hash function does not have. */
export function checkHashValue(hash: HashName, value: Uint8Array): void {
  const { size } = HASHES[hash];
  if (value.length !== size) throw new CryptoRefusal('data-length', `${hash} has ${size} bytes, not ${value.length}`);
}

/** Refuses the hashes of any output length, which only the post-quantum signatures take. */
export function checkFixedHash(hash: HashName): void {
  if (hash.startsWith('shake')) throw new CryptoRefusal('parameter', `${hash} has no fixed length`);
}

/** The DigestInfo around a hash value (RFC 8017 section 9.2 step 2). */
export function digestInfo(hash: HashName, value: Uint8Array): Uint8Array {
  checkFixedHash(hash);
  checkHashValue(hash, value);
  const algorithm = DerWriter.sequence(DerWriter.oid(HASHES[hash].oid), DerWriter.null());
  return DerWriter.sequence(algorithm, DerWriter.octetString(value));
}
