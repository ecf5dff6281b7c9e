/** SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7) to PKCS#11 attributes and back. Whether a key is good is for the device to say. */

import { CkrError } from '#src/wire/status.ts';
import { CKK, CKR } from './constants.ts';
import { type CurveDescription } from './curves.ts';

const TAG = { INTEGER: 0x02, BIT_STRING: 0x03, OCTET_STRING: 0x04, NULL: 0x05, OID: 0x06, SEQUENCE: 0x30 } as const;

/** AlgorithmIdentifier of rsaEncryption (RFC 8017 appendix A.1) and the object identifier id-ecPublicKey (RFC 5480 section 2.1.1). */
const RSA_ENCRYPTION = Uint8Array.of(
  TAG.SEQUENCE,
  13,
  TAG.OID,
  9,
  0x2a,
  0x86,
  0x48,
  0x86,
  0xf7,
  0x0d,
  0x01,
  0x01,
  0x01,
  TAG.NULL,
  0,
);
const EC_PUBLIC_KEY = Uint8Array.of(TAG.OID, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01);

/** The content of the BIT STRING subjectPublicKey: RSAPublicKey in DER, or the encoded point. */
export function subjectPublicKey(spki: Uint8Array): Uint8Array {
  const [, bits] = children(contentOf(spki, TAG.SEQUENCE));
  return contentOf(bits, TAG.BIT_STRING).subarray(1);
}

/** Modulus and exponent of an RSA public key, without leading zeros. */
export function rsaNumbers(spki: Uint8Array): { modulus: Uint8Array; exponent: Uint8Array } {
  const [modulus, exponent] = children(contentOf(subjectPublicKey(spki), TAG.SEQUENCE));
  return { modulus: unsigned(modulus), exponent: unsigned(exponent) };
}

/** CKA_EC_POINT of a public key on a curve: the point in a DER OCTET STRING (PKCS#11 3.1 sections 6.3.3 and 6.3.5). */
export function ecPointOf(spki: Uint8Array): Uint8Array {
  return element(TAG.OCTET_STRING, subjectPublicKey(spki));
}

/** An RSA public key; the numbers have no leading zeros. */
export function rsaPublicKeyInfo(modulus: Uint8Array, exponent: Uint8Array): Uint8Array {
  const key = element(TAG.SEQUENCE, concat(integer(modulus), integer(exponent)));
  return element(TAG.SEQUENCE, concat(RSA_ENCRYPTION, bitString(key)));
}

/**
 * A public key on a curve from its CKA_EC_POINT: in a DER OCTET STRING, or bare as older programs send it. Compressed points are refused.
 * @throws CkrError CKR_ATTRIBUTE_VALUE_INVALID
 */
export function ecPublicKeyInfo(curve: CurveDescription, ecPoint: Uint8Array): Uint8Array {
  const point = ecPoint.length === curve.pointSize ? ecPoint : contentOf(ecPoint, TAG.OCTET_STRING);
  if (point.length !== curve.pointSize) throw invalid('CKA_EC_POINT does not fit the curve');
  // RFC 8410: the identifier of an Edwards curve is the algorithm itself. RFC 5480: it is the parameter of id-ecPublicKey.
  const identifier = curve.keyType === CKK.EC_EDWARDS ? curve.oid : concat(EC_PUBLIC_KEY, curve.oid);
  return element(TAG.SEQUENCE, concat(element(TAG.SEQUENCE, identifier), bitString(point)));
}

/** Bits of a number without leading zeros. */
export function bitLength(number: Uint8Array): number {
  return number.length === 0 ? 0 : 8 * number.length - (Math.clz32(number[0] as number) - 24);
}

/** The content of a DER element that must be all of `der`. */
function contentOf(der: Uint8Array | undefined, tag: number): Uint8Array {
  if (!der || der[0] !== tag) throw invalid('DER of an unexpected type');
  const { start, end } = span(der, 0);
  if (end !== der.length) throw invalid('DER of an unexpected length');
  return der.subarray(start, end);
}

/** The elements, with their headers, that make up the content of a sequence. */
function children(content: Uint8Array): Uint8Array[] {
  const elements: Uint8Array[] = [];
  for (let at = 0; at < content.length;) {
    const { end } = span(content, at);
    elements.push(content.subarray(at, end));
    at = end;
  }
  return elements;
}

/** Where the content of the element at `at` starts and ends. */
function span(der: Uint8Array, at: number): { start: number; end: number } {
  const first = der[at + 1] ?? 0x80;
  const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
  let length = first;
  if (first >= 0x80) {
    if (lengthBytes < 1 || lengthBytes > 2) throw invalid('DER of an unexpected length');
    length = 0;
    for (let i = 0; i < lengthBytes; i++) length = (length << 8) | (der[at + 2 + i] ?? 0);
  }
  const start = at + 2 + lengthBytes;
  if (start + length > der.length) throw invalid('DER is cut short');
  return { start, end: start + length };
}

function unsigned(der: Uint8Array | undefined): Uint8Array {
  const content = contentOf(der, TAG.INTEGER);
  return content[0] === 0 ? content.subarray(1) : content;
}

function integer(number: Uint8Array): Uint8Array {
  return element(TAG.INTEGER, (number[0] ?? 0) < 0x80 ? number : concat(Uint8Array.of(0), number));
}

function bitString(content: Uint8Array): Uint8Array {
  return element(TAG.BIT_STRING, concat(Uint8Array.of(0), content));
}

function element(tag: number, content: Uint8Array): Uint8Array {
  const { length } = content;
  const header =
    length < 0x80 ? [tag, length] : length < 0x100 ? [tag, 0x81, length] : [tag, 0x82, length >>> 8, length & 0xff];
  return concat(Uint8Array.from(header), content);
}

function concat(...parts: Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function invalid(why: string): CkrError {
  return new CkrError(CKR.ATTRIBUTE_VALUE_INVALID, why);
}
