/** Keys that arrive as DER: PKCS#8 (RFC 5208) for private keys, SubjectPublicKeyInfo (RFC 5280) for public ones. */

import { DerReader, Tag } from '#src/crypto/der.ts';
import { isHssKey } from '#src/crypto/hss-key.ts';
import { validatePrivateKey } from '#src/crypto/private-key.ts';
import { parsePublicKey } from '#src/crypto/public-key.ts';
import { type OneTimeRange } from '#src/store/one-time-keys.ts';
import { type Curve, type KeyType } from '#src/wire/enumerations.ts';
import { HalError } from '#src/wire/status.ts';

export interface ParsedKey {
  readonly type: KeyType;
  readonly curve: Curve;
  readonly bits: number;
  /** Normalised, to be wiped; `undefined` for public keys. */
  readonly pkcs8: Uint8Array | undefined;
  readonly spki: Uint8Array;
  /** Of a hash-based private key. */
  readonly oneTimeKeys?: Omit<OneTimeRange, 'uuid'>;
}

/**
 * Parses and validates a key as a whole. Hash-based private keys are refused: of one that lies about in the open nobody knows
 * what was signed with it. They arrive by PKEY_IMPORT only.
 * @throws HalError ASN1_PARSE_FAILED, UNSUPPORTED_KEY, KEY_NOT_ON_CURVE
 */
export function parseKey(der: Uint8Array): ParsedKey {
  const isPrivate = isPrivateKey(der);
  if (isPrivate && isHssKey(der)) throw new HalError('UNSUPPORTED_KEY', 'hash-based keys cannot be loaded');
  return isPrivate ? validatePrivateKey(der) : { ...parsePublicKey(der), pkcs8: undefined };
}

/** PrivateKeyInfo begins with its version, SubjectPublicKeyInfo with a sequence. */
export function isPrivateKey(der: Uint8Array): boolean {
  return new DerReader(der).sequence().next === Tag.INTEGER;
}
