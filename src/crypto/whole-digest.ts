/**
 * ECDSA as a CrypTech device computes it: the whole digest is an integer modulo the order, where FIPS 186-5 section 6.4.1 takes
 * the leftmost bits. The results differ only for digests longer than the order.
 */

import { type Curve } from '#src/wire/enumerations.ts';
import { curveParameters } from './curves.ts';

/** A digest that a signer which takes the leftmost bits turns into the integer of the whole `digest`, modulo the order. */
export function wholeDigest(curve: Curve, digest: Uint8Array): Uint8Array {
  const parameters = curveParameters(curve);
  if (parameters?.order === undefined || 8 * digest.length <= parameters.bits) return digest;
  const { order, bits, size } = parameters;
  const integer = BigInt(`0x${Buffer.from(digest).toString('hex')}`) % order;
  // The signer drops what the bytes of the order have more than its bits: seven bits for P-521.
  const left = integer << BigInt(8 * size - bits);
  return Buffer.from(left.toString(16).padStart(2 * size, '0'), 'hex');
}
