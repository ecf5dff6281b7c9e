/** Diffie-Hellman on elliptic curves: ECDH (SP 800-56A section 5.7.1.2), X25519 and X448 (RFC 7748), with the KDF of ANSI X9.63. */

import { KeyType } from '#src/wire/enumerations.ts';
import { HalError } from '#src/wire/status.ts';

import { curveParameters, type CurveParameters } from './curves.ts';
import { DerReader, Tag } from './der.ts';
import { evp, requireType } from './evp.ts';
import { checkFixedHash, digest, HASHES, type HashName } from './hashes.ts';
import { EvpOperation } from './native.ts';
import { wipe } from './process-hardening.ts';
import { ecPublicKey, parsePublicKey } from './public-key.ts';
import { CryptoRefusal } from './refusal.ts';
import { type SigningKey } from './signing-key.ts';

/** Longest output of the KDF; keys are much shorter. */
const MAX_OUTPUT = 65_536;

/**
 * The shared secret with another party's public key: the x-coordinate, or the u-coordinate of RFC 7748. Secret: wipe it after use.
 * @param publicData the encoded point, bare or in a DER OCTET STRING (PKCS#11 3.1 section 6.3.17), or a SubjectPublicKeyInfo
 * @throws CryptoRefusal public-key (no point of the curve, or a zero secret), key-type
 */
export async function agree(key: SigningKey, publicData: Uint8Array): Promise<Uint8Array> {
  requireType(key, KeyType.EC_PRIVATE, KeyType.X_PRIVATE);
  const curve = curveParameters(key.curve) as CurveParameters;
  const spki = peerKey(curve, publicData);
  const secret = await evp(EvpOperation.AGREE, key, [], spki);
  // RFC 7748 section 6: points of small order give zero, which is no secret. OpenSSL refuses it by itself.
  if (!secret || !secret.some((byte) => byte !== 0)) throw new CryptoRefusal('public-key', 'no shared secret');
  return secret;
}

function peerKey(curve: CurveParameters, publicData: Uint8Array): Uint8Array {
  try {
    if (publicData.length > curve.pointSize && publicData[0] === Tag.SEQUENCE) {
      const parsed = parsePublicKey(publicData);
      if (parsed.curve !== curve.curve) throw new HalError('KEY_NOT_ON_CURVE', 'another curve');
      return parsed.spki;
    }
    return ecPublicKey(curve, barePoint(curve, publicData)).spki;
  } catch (error) {
    if (!(error instanceof HalError)) throw error;
    throw new CryptoRefusal('public-key', error.message);
  }
}

function barePoint(curve: CurveParameters, publicData: Uint8Array): Uint8Array {
  if (publicData.length === curve.pointSize) return publicData;
  const outer = new DerReader(publicData);
  const point = outer.octetString();
  outer.end();
  return point;
}

/**
 * The KDF of ANSI X9.63, which is also the one of SEC 1 section 3.6.1. Secret: wipe it after use.
 * @throws CryptoRefusal parameter
 */
export function x963Kdf(hash: HashName, secret: Uint8Array, sharedInfo: Uint8Array, length: number): Uint8Array {
  checkFixedHash(hash);
  checkLength(length);
  const { size } = HASHES[hash];
  const result = new Uint8Array(length);
  const counter = Buffer.alloc(4);
  for (let offset = 0, index = 1; offset < length; offset += size, index++) {
    counter.writeUInt32BE(index);
    const block = digest(hash, secret, counter, sharedInfo);
    result.set(block.subarray(0, length - offset), offset);
    wipe(block);
  }
  return result;
}

/**
 * A key by CKM_ECDH1_DERIVE. Secret: wipe it after use.
 * @param hash of the X9.63 KDF; without one the key is the shared secret, of which bytes that are too many are taken off in front
 *   (PKCS#11 3.1 section 6.3.17)
 * @param length bytes wanted; all of the shared secret if `undefined`
 * @throws CryptoRefusal public-key, parameter, key-size (the shared secret is shorter), key-type
 */
export async function agreeAndDerive(
  key: SigningKey,
  publicData: Uint8Array,
  hash: HashName | undefined,
  sharedInfo: Uint8Array,
  length: number | undefined,
): Promise<Uint8Array> {
  if (!hash && sharedInfo.length > 0) throw new CryptoRefusal('parameter', 'shared data without a KDF');
  if (length !== undefined) checkLength(length);
  const secret = await agree(key, publicData);
  try {
    const wanted = length ?? secret.length;
    if (hash) return x963Kdf(hash, secret, sharedInfo, wanted);
    if (wanted > secret.length) throw new CryptoRefusal('key-size', 'the shared secret is shorter than the key');
    return new Uint8Array(secret.subarray(secret.length - wanted));
  } finally {
    wipe(secret);
  }
}

function checkLength(length: number): void {
  if (!Number.isSafeInteger(length) || length < 1 || length > MAX_OUTPUT) {
    throw new CryptoRefusal('parameter', `key of ${length} bytes`);
  }
}
