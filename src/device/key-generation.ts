/** Checks of what is to be generated, in the order in which a CrypTech device makes them. */

import { generateKey } from '#src/crypto/generate-key.ts';
import { POST_QUANTUM } from '#src/crypto/post-quantum.ts';
import { publicTypeOf } from '#src/cryptoki/key-objects.ts';
import { Curve, KeyType } from '#src/wire/enumerations.ts';
import { HalError } from '#src/wire/status.ts';
import { type Device } from './device.ts';

/** The only public exponent (libhal `hal_rsa_key_gen`). */
const EXPONENT = 65_537n;
const MIN_BITS = 1024;
const MAX_BITS = 8192;

/** Curves that clients of the vendor's protocol know. */
const VENDOR_CURVES: readonly number[] = [Curve.P256, Curve.P384, Curve.P521];

const CURVES = new Map<number, readonly number[]>([
  [
    KeyType.EC_PRIVATE,
    [
      ...VENDOR_CURVES,
      Curve.SECP256K1,
      Curve.BRAINPOOL_P256R1,
      Curve.BRAINPOOL_P320R1,
      Curve.BRAINPOOL_P384R1,
      Curve.BRAINPOOL_P512R1,
    ],
  ],
  [KeyType.ED_PRIVATE, [Curve.ED25519, Curve.ED448]],
  [KeyType.X_PRIVATE, [Curve.X25519, Curve.X448]],
  [KeyType.ML_DSA_PRIVATE, parameterSets(KeyType.ML_DSA_PRIVATE)],
  [KeyType.SLH_DSA_PRIVATE, parameterSets(KeyType.SLH_DSA_PRIVATE)],
  [KeyType.ML_KEM_PRIVATE, parameterSets(KeyType.ML_KEM_PRIVATE)],
]);

function parameterSets(type: KeyType): number[] {
  return POST_QUANTUM.filter(({ privateType }) => privateType === type).map(({ curve }) => curve);
}

export interface PairKind {
  readonly type: number;
  readonly curve: number;
  readonly bits: number;
  readonly exponent: Uint8Array;
}

export interface GeneratedPair {
  readonly type: KeyType;
  readonly publicType: KeyType;
  /** PKCS#8, to be wiped. */
  readonly pkcs8: Uint8Array;
  readonly spki: Uint8Array;
}

/** First check: arguments that make no sense. HalError BAD_ARGUMENTS. */
export function checkPlausible({ type, curve, bits, exponent }: PairKind): void {
  if (type === KeyType.RSA_PRIVATE) {
    if (bits === 0 || bits % 8 !== 0) throw new HalError('BAD_ARGUMENTS', `RSA of ${bits} bits`);
    if (exponent.length === 0) throw new HalError('BAD_ARGUMENTS', 'RSA public exponent missing');
  } else if (CURVES.get(type)?.includes(curve) === false) {
    throw new HalError('BAD_ARGUMENTS', `curve ${curve}`);
  }
}

/** For a pair that a vendor client asks for. HalError BAD_ARGUMENTS. */
export function checkVendorCurve(curve: number): void {
  if (!VENDOR_CURVES.includes(curve)) throw new HalError('BAD_ARGUMENTS', `curve ${curve}`);
}

/** Second check, after the login: sizes and types that are not served. HalError UNSUPPORTED_KEY. */
export function checkSupported({ type, bits, exponent }: PairKind): void {
  if (publicTypeOf(type) === undefined) throw new HalError('UNSUPPORTED_KEY', `key type ${type}`);
  if (type !== KeyType.RSA_PRIVATE) return;
  if (bits < MIN_BITS || bits > MAX_BITS) throw new HalError('UNSUPPORTED_KEY', `RSA of ${bits} bits`);
  if (BigInt(`0x${Buffer.from(exponent).toString('hex')}`) !== EXPONENT) {
    throw new HalError('UNSUPPORTED_KEY', 'only 65537 is a public exponent');
  }
}

/** Generates a pair when its turn comes. HalError MASTERKEY_NOT_SET before any work. */
export async function generatePair(device: Device, { type, curve, bits }: PairKind): Promise<GeneratedPair> {
  await device.masterKey.require();
  const { pkcs8, spki } = await device.generations.run(() => generateKey(type as KeyType, curve as Curve, bits));
  return { type: type as KeyType, publicType: publicTypeOf(type) as KeyType, pkcs8, spki };
}
