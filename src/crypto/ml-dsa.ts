/** ML-DSA and HashML-DSA (FIPS 204). */

import { KeyType } from '#src/wire/enumerations.ts';

import { pqSignatures } from './pq-signature.ts';

export const { sign: signMlDsa, verify: verifyMlDsa } = pqSignatures(KeyType.ML_DSA_PRIVATE, KeyType.ML_DSA_PUBLIC);
