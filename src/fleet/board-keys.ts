/** Which keys CrypTech boards have: RSA keys and those on the three curves of NIST, without a policy that a board would have to enforce. */

import { Curve, KeyType } from '#src/wire/enumerations.ts';
import { CKA } from './ckr.ts';

/** Object identifiers in DER (RFC 8017, appendix C; RFC 5480, 2.1.1.1). */
const OIDS = ['06092a864886f70d010101', '06082a8648ce3d030107', '06052b81040022', '06052b81040023'].map((hex) =>
  Buffer.from(hex, 'hex'),
);

/** Where the AlgorithmIdentifier of a PKCS#8 or SubjectPublicKeyInfo ends at the latest. */
const IDENTIFIER_END = 40;

interface Attribute {
  readonly type: number;
  readonly value: Uint8Array;
}

export function isBoardPair(request: {
  readonly type: KeyType;
  readonly curve: Curve;
  readonly attributes: readonly Attribute[];
}): boolean {
  const { type, curve, attributes } = request;
  const isKnown = type === KeyType.RSA_PRIVATE || (type === KeyType.EC_PRIVATE && curve <= Curve.P521);
  return isKnown && !attributes.some(isPolicy);
}

/** @param request with a PKCS#8 or SubjectPublicKeyInfo */
export function isBoardKey({ der, attributes }: { der: Uint8Array; attributes: readonly Attribute[] }): boolean {
  const start = Buffer.from(der.buffer, der.byteOffset, Math.min(der.length, IDENTIFIER_END));
  return OIDS.some((oid) => start.includes(oid)) && !attributes.some(isPolicy);
}

function isPolicy({ type, value }: Attribute): boolean {
  return type === CKA.USE_LIMIT || (type === CKA.ALWAYS_AUTHENTICATE && value[0] === 1);
}
