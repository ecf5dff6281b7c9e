/** Keys that arrive as DER: PKCS#8 (RFC 5208) for private keys, SubjectPublicKeyInfo (RFC 5280) for public ones. */

import { DerReader, Tag } from '#src/crypto/der.ts';
import { validatePrivateKey } from '#src/crypto/private-key.ts';
import { parsePublicKey } from '#src/crypto/public-key.ts';
import { type Curve, type KeyType } from '#src/wire/enumerations.ts';

export interface ParsedKey {
  readonly type: KeyType;
  readonly curve: Curve;
  readonly bits: number;
  /** Normalised, to be wiped; `undefined` for public keys. */
  readonly pkcs8: Uint8Array | undefined;
  readonly spki: Uint8Array;
}

/** Parses and validates a key as a whole. HalError ASN1_PARSE_FAILED, UNSUPPORTED_KEY, KEY_NOT_ON_CURVE. */
export function parseKey(der: Uint8Array): ParsedKey {
  // PrivateKeyInfo begins with its version, SubjectPublicKeyInfo with a sequence.
  const isPrivate = new DerReader(der).sequence().next === Tag.INTEGER;
  return isPrivate ? validatePrivateKey(der) : { ...parsePublicKey(der), pkcs8: undefined };
}
