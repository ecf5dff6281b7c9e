/** Private keys in PKCS#8 (RFC 5958) from the attributes of C_CreateObject. */

import { CkrError } from '#src/wire/status.ts';
import { CKA, CKK, CKR } from './constants.ts';
import { type CurveDescription } from './curves.ts';
import { concat, element, integer, octetString, sequence } from './der.ts';
import { type ParameterSet } from './parameter-sets.ts';
import { curveAlgorithm, RSA_ENCRYPTION } from './public-key-info.ts';

const ZERO = Uint8Array.of(0);
const ONE = Uint8Array.of(1);

function privateKeyInfo(algorithm: Uint8Array, key: Uint8Array): Uint8Array {
  return sequence(integer(ZERO), algorithm, octetString(key));
}

/** RSA numbers without leading zeros, by attribute; the CRT parts may be missing (RFC 8017 appendix A.1.2). */
export function rsaPrivateKeyInfo(number: (type: number) => Uint8Array | undefined): Uint8Array {
  const required = (type: number): Uint8Array => {
    const value = number(type);
    if (!value) throw new CkrError(CKR.TEMPLATE_INCOMPLETE, `attribute 0x${type.toString(16)} is missing`);
    return value;
  };
  const exponent = required(CKA.PRIVATE_EXPONENT);
  const prime1 = required(CKA.PRIME_1);
  const prime2 = required(CKA.PRIME_2);
  const parts = [
    ZERO,
    required(CKA.MODULUS),
    required(CKA.PUBLIC_EXPONENT),
    exponent,
    prime1,
    prime2,
    number(CKA.EXPONENT_1) ?? remainder(exponent, prime1),
    number(CKA.EXPONENT_2) ?? remainder(exponent, prime2),
    number(CKA.COEFFICIENT) ?? inverse(prime2, prime1),
  ];
  return privateKeyInfo(RSA_ENCRYPTION, sequence(...parts.map(integer)));
}

/** A private key on a curve from its CKA_VALUE (RFC 5915 and RFC 8410). @throws CkrError CKR_ATTRIBUTE_VALUE_INVALID */
export function ecPrivateKeyInfo(curve: CurveDescription, value: Uint8Array): Uint8Array {
  if (curve.keyType !== CKK.EC) {
    if (value.length !== curve.privateSize) throw doesNotFit();
    return privateKeyInfo(curveAlgorithm(curve), octetString(value));
  }
  // A number: programs drop its leading zeros, RFC 5915 wants them.
  const start = value.findIndex((byte) => byte !== 0);
  const number = start < 0 ? value.subarray(value.length) : value.subarray(start);
  if (number.length === 0 || number.length > curve.privateSize) throw doesNotFit();
  const padded = concat(new Uint8Array(curve.privateSize - number.length), number);
  return privateKeyInfo(curveAlgorithm(curve), sequence(integer(ONE), octetString(padded)));
}

/**
 * A private key of a post-quantum algorithm from its seed, its value or both: RFC 9881 section 6, RFC 9935 section 6, RFC 9909 section 6.
 * @throws CkrError CKR_ATTRIBUTE_VALUE_INVALID, CKR_TEMPLATE_INCOMPLETE
 */
export function postQuantumPrivateKeyInfo(
  set: ParameterSet,
  seed: Uint8Array | undefined,
  value: Uint8Array | undefined,
): Uint8Array {
  const algorithm = sequence(set.oid);
  if (seed && (set.seedSize === 0 || seed.length !== set.seedSize)) throw doesNotFit();
  if (value && value.length !== set.privateKeySize) throw doesNotFit();
  if (set.seedSize === 0 && value) return privateKeyInfo(algorithm, value);
  if (seed && value) return privateKeyInfo(algorithm, sequence(octetString(seed), octetString(value)));
  if (seed) return privateKeyInfo(algorithm, element(CONTEXT_0, seed));
  if (value) return privateKeyInfo(algorithm, octetString(value));
  throw new CkrError(CKR.TEMPLATE_INCOMPLETE, 'neither CKA_SEED nor CKA_VALUE');
}

/** [0] IMPLICIT OCTET STRING. */
const CONTEXT_0 = 0x80;

function doesNotFit(): CkrError {
  return new CkrError(CKR.ATTRIBUTE_VALUE_INVALID, 'the value does not fit the kind of key');
}

function remainder(number: Uint8Array, prime: Uint8Array): Uint8Array {
  const divisor = bigintOf(prime);
  if (divisor < 3n) throw doesNotFit();
  return bytesOf(bigintOf(number) % (divisor - 1n));
}

/** The inverse of a number modulo a prime. */
function inverse(number: Uint8Array, prime: Uint8Array): Uint8Array {
  const modulus = bigintOf(prime);
  let [a, b] = [bigintOf(number) % modulus, modulus];
  let [x, y] = [1n, 0n];
  while (b > 0n) {
    const quotient = a / b;
    [a, b] = [b, a - quotient * b];
    [x, y] = [y, x - quotient * y];
  }
  return bytesOf(((x % modulus) + modulus) % modulus);
}

function bigintOf(bytes: Uint8Array): bigint {
  return BigInt(`0x0${Buffer.from(bytes).toString('hex')}`);
}

function bytesOf(number: bigint): Uint8Array {
  const hex = number.toString(16);
  return Uint8Array.from(Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex'));
}
