/**
 * An asymmetric key of any kind ready for use: made once from its DER, then used as often as asked. It signs and verifies by itself
 * where that needs no parameters; all else is done by functions that take it.
 */

import { Curve, KeyType } from '#src/wire/enumerations.ts';
import { HalError } from '#src/wire/status.ts';

import { curveParameters } from './curves.ts';
import { native, type NativeKey } from './native.ts';
import { postQuantumParameters } from './post-quantum.ts';
import { PRIVATE_TYPES, readPrivateKey } from './private-key.ts';
import { parsePublicKey, rsaPublicKey } from './public-key.ts';

/**
 * How a signature is made of the input:
 * `rsa-pkcs1` pads the bytes as they are, normally a DigestInfo (RFC 8017 section 9.2 from step 3 on);
 * `ecdsa` takes a digest, of which the leftmost bits count if it is longer than the order (FIPS 186-5 section 6.4.1), and gives r||s;
 * `eddsa` takes the message (RFC 8032, without prehash and context).
 */
export type SignatureScheme = 'rsa-pkcs1' | 'ecdsa' | 'eddsa';

/** Bytes that PKCS#1 v1.5 padding needs at least (RFC 8017 section 9.2). */
const RSA_PADDING = 11;

interface KeyFacts {
  readonly type: KeyType;
  readonly curve: Curve;
  readonly bits: number;
}

/** One signature of {@link SigningKey.signTogether}. */
export interface SigningTask {
  readonly key: SigningKey;
  readonly scheme: SignatureScheme;
  readonly input: Uint8Array;
}

const PRIVATE_KEY_TYPES: ReadonlySet<number> = new Set([
  KeyType.RSA_PRIVATE,
  KeyType.EC_PRIVATE,
  KeyType.ED_PRIVATE,
  KeyType.X_PRIVATE,
  KeyType.ML_DSA_PRIVATE,
  KeyType.SLH_DSA_PRIVATE,
  KeyType.ML_KEM_PRIVATE,
]);

const SCHEMES = { weierstrass: 'ecdsa', edwards: 'eddsa', montgomery: undefined } as const;

/** Curves that OpenSSL has fast code for. */
const IMMEDIATE_CURVES: ReadonlySet<Curve> = new Set([Curve.P256, Curve.ED25519, Curve.ED448]);

function signatureLength(curve: Curve, bits: number): number {
  const parameters = curveParameters(curve);
  if (parameters) return parameters.form === 'montgomery' ? 0 : 2 * parameters.size;
  return curve === Curve.NONE ? Math.ceil(bits / 8) : (postQuantumParameters(curve)?.signatureSize ?? 0);
}

export class SigningKey implements KeyFacts {
  readonly type: KeyType;
  readonly curve: Curve;
  readonly bits: number;
  /** Bytes of every signature of this key; 0 if it makes none. */
  readonly signatureLength: number;
  readonly isPrivate: boolean;
  /** `undefined` for keys that make no signatures, or none without parameters. */
  readonly #scheme: SignatureScheme | undefined;
  /** Whether a signature takes long enough (a millisecond against 20 to 150 us) to be worth a trip to the thread pool. */
  readonly #pooled: boolean;
  #key: NativeKey | undefined;

  private constructor({ type, curve, bits }: KeyFacts, key: NativeKey | undefined) {
    if (!key) throw new HalError('ASN1_PARSE_FAILED', 'OpenSSL does not accept the key');
    const parameters = curveParameters(curve);
    this.type = type;
    this.curve = curve;
    this.bits = bits;
    this.#key = key;
    this.isPrivate = PRIVATE_KEY_TYPES.has(type);
    this.#scheme = parameters ? SCHEMES[parameters.form] : curve === Curve.NONE ? 'rsa-pkcs1' : undefined;
    this.signatureLength = signatureLength(curve, bits);
    this.#pooled = !IMMEDIATE_CURVES.has(curve);
  }

  /** The key of OpenSSL. @throws HalError KEY_NOT_FOUND (destroyed) */
  get handle(): NativeKey {
    if (!this.#key) throw new HalError('KEY_NOT_FOUND');
    return this.#key;
  }

  /**
   * A private key in the stored form, see `validatePrivateKey`; its numbers are not checked again.
   * @throws HalError ASN1_PARSE_FAILED, UNSUPPORTED_KEY
   */
  static fromPkcs8(pkcs8: Uint8Array): SigningKey {
    const facts = privateKeyFacts(pkcs8);
    return new SigningKey(facts, native.loadPrivateKey(pkcs8));
  }

  /**
   * A public key; can only verify.
   * @throws HalError ASN1_PARSE_FAILED, UNSUPPORTED_KEY, KEY_NOT_ON_CURVE
   */
  static fromSpki(spki: Uint8Array): SigningKey {
    const publicKey = parsePublicKey(spki);
    return new SigningKey(publicKey, native.loadPublicKey(publicKey.spki));
  }

  /**
   * Signs. RSA and all curves but P-256, Ed25519 and Ed448 work on the thread pool and give a promise, these three sign at once; the
   * input may be reused as soon as the call returns. An RSA signature is verified before it is released.
   * @throws HalError UNSUPPORTED_KEY (public key, or another key's scheme), RESULT_TOO_LONG (RSA input longer than
   *   k - 11), BAD_ARGUMENTS (RSA or ECDSA over
   *   nothing), KEY_NOT_FOUND (destroyed), ASSERTION_FAILED (no valid signature came about)
   */
  sign(scheme: SignatureScheme, input: Uint8Array): Uint8Array | Promise<Uint8Array> {
    const key = this.#checkInput(scheme, input);
    // OpenSSL looks at no more of a digest than the order has bits.
    if (this.#pooled) return released(native.signOnPool(key, input.subarray(0, this.signatureLength)));
    const signature = Buffer.allocUnsafe(this.signatureLength);
    const done =
      scheme === 'ecdsa' ? native.signDigest(key, input, signature) : native.signMessage(key, input, signature);
    if (!done) throw failed();
    return signature;
  }

  /** Whether {@link sign} makes its signatures at once, on the calling thread. */
  get immediate(): boolean {
    return !this.#pooled;
  }

  /**
   * Signs many inputs with keys that are {@link immediate}, at once: other threads help with it.
   * @throws HalError as {@link sign}; if one signature fails all do
   */
  static signTogether(tasks: readonly SigningTask[]): Uint8Array[] {
    const keys = tasks.map(({ key, scheme, input }) => key.#checkInput(scheme, input));
    const signatures = tasks.map(({ key }) => Buffer.allocUnsafe(key.signatureLength));
    const inputs = tasks.map(({ input }) => input);
    if (!native.signTogether(keys, inputs, signatures)) throw failed();
    return signatures;
  }

  /** Verifies; anything but a signature of the right length and value is `false`. @throws HalError as {@link sign} */
  verify(scheme: SignatureScheme, input: Uint8Array, signature: Uint8Array): boolean {
    const key = this.#use(scheme);
    if (signature.length !== this.signatureLength || (scheme !== 'eddsa' && input.length === 0)) return false;
    switch (scheme) {
      case 'rsa-pkcs1':
        return native.verifyRsa(key, input, signature);
      case 'ecdsa':
        return native.verifyDigest(key, input, signature);
      case 'eddsa':
        return native.verifyMessage(key, input, signature);
    }
  }

  /** Cleanses the key now instead of when it is collected; signatures under way are finished. */
  destroy(): void {
    if (this.#key) native.destroyKey(this.#key);
    this.#key = undefined;
  }

  #checkInput(scheme: SignatureScheme, input: Uint8Array): NativeKey {
    const key = this.#use(scheme);
    if (!this.isPrivate) throw new HalError('UNSUPPORTED_KEY', 'a public key cannot sign');
    if (input.length === 0 && scheme !== 'eddsa') throw new HalError('BAD_ARGUMENTS', 'nothing to sign');
    if (scheme === 'rsa-pkcs1' && input.length > this.signatureLength - RSA_PADDING) {
      throw new HalError('RESULT_TOO_LONG');
    }
    return key;
  }

  #use(scheme: SignatureScheme): NativeKey {
    if (scheme !== this.#scheme) throw new HalError('UNSUPPORTED_KEY', `${scheme} with another kind of key`);
    return this.handle;
  }
}

function privateKeyFacts(pkcs8: Uint8Array): KeyFacts {
  const fields = readPrivateKey(pkcs8);
  switch (fields.kind) {
    case 'rsa': {
      const [modulus, exponent] = fields.numbers as [Uint8Array, Uint8Array];
      return { type: KeyType.RSA_PRIVATE, curve: Curve.NONE, bits: rsaPublicKey(modulus, exponent).bits };
    }
    case 'curve': {
      const { form, curve, bits } = fields.curve;
      return { type: PRIVATE_TYPES[form], curve, bits };
    }
    case 'post-quantum': {
      const { privateType, curve, publicSize } = fields.parameters;
      return { type: privateType, curve, bits: 8 * publicSize };
    }
  }
}

async function released(signing: Promise<Uint8Array | undefined>): Promise<Uint8Array> {
  const signature = await signing;
  if (!signature) throw failed();
  return signature;
}

function failed(): HalError {
  return new HalError('ASSERTION_FAILED', 'no valid signature came about, nothing was released');
}
