/**
 * Test cases of NIST ACVP, https://github.com/usnistgov/ACVP-Server: deterministic ones of SLH-DSA-sigGen-FIPS205 with the external
 * interface, one for each parameter set and for each hash, and of ML-DSA-sigGen-FIPS204 with the internal one. A digest stands
 * for the signature. All values are hex.
 */

import { readFileSync } from 'node:fs';
import { type HashName } from '#src/crypto/hashes.ts';

interface SignatureVector {
  readonly tcId: number;
  readonly parameterSet: string;
  /** The private key, expanded. */
  readonly secret: string;
  readonly message: string;
  readonly signatureSha256: string;
}

interface ExternalVector extends SignatureVector {
  readonly context: string;
  /** Of HashSLH-DSA. */
  readonly hash?: HashName;
}

const read = (name: string): unknown => JSON.parse(readFileSync(new URL(name, import.meta.url), 'utf8'));

export const slhDsaVectors = read('slh-dsa-acvp.json') as readonly ExternalVector[];
export const mlDsaVectors = read('ml-dsa-acvp.json') as readonly SignatureVector[];
