/** Private keys and their DER. */

import { KeyType } from '#src/wire/enumerations.ts';

/** Private keys that devices keep as PKCS#8; hash-based ones are not among them. */
const PRIVATE_TYPES = new Set<number>([
  KeyType.RSA_PRIVATE,
  KeyType.EC_PRIVATE,
  KeyType.ED_PRIVATE,
  KeyType.X_PRIVATE,
  KeyType.ML_DSA_PRIVATE,
  KeyType.SLH_DSA_PRIVATE,
  KeyType.ML_KEM_PRIVATE,
]);

export function isPrivateType(type: number): boolean {
  return PRIVATE_TYPES.has(type);
}

/** Whether this is a PKCS#8, which begins with a version number (RFC 5958, 2), and no SubjectPublicKeyInfo. */
export function isPrivateDer(der: Uint8Array): boolean {
  const length = der[1] ?? 0;
  const first = length < 0x80 ? 2 : 2 + (length & 0x7f);
  return der[first] === 0x02;
}
