/** SLH-DSA and HashSLH-DSA (FIPS 205). */

import { KeyType } from '#src/wire/enumerations.ts';

import { Gate } from './gate.ts';
import { pqSignatures } from './pq-signature.ts';

/** A small signature takes a thread for a second or two: one at a time, so that other keys go on. */
export const slhDsaGate = new Gate(1);

export const { sign: signSlhDsa, verify: verifySlhDsa } = pqSignatures(
  KeyType.SLH_DSA_PRIVATE,
  KeyType.SLH_DSA_PUBLIC,
  (job) => slhDsaGate.run(job),
);
