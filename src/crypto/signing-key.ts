/** A key ready for use: made once from its DER, then signs and verifies as often as asked. */

import { Curve, KeyType } from '#src/wire/enumerations.ts';
import { HalError } from '#src/wire/status.ts';

import { curveParameters } from './curves.ts';
import { native, type NativeKey } from './native.ts';
import { readPrivateKey } from './private-key.ts';
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

export class SigningKey implements KeyFacts {
  readonly type: KeyType;
  readonly curve: Curve;
  readonly bits: number;
  /** Bytes of every signature of this key. */
  readonly signatureLength: number;
  readonly #scheme: SignatureScheme;
  readonly #private: boolean;
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
    this.#private = type === KeyType.RSA_PRIVATE || type === KeyType.EC_PRIVATE || type === KeyType.ED_PRIVATE;
    this.#scheme = parameters ? (parameters.edwards ? 'eddsa' : 'ecdsa') : 'rsa-pkcs1';
    this.signatureLength = parameters ? 2 * parameters.size : Math.ceil(bits / 8);
    this.#pooled = !parameters || curve === Curve.P384 || curve === Curve.P521;
  }

  /**
   * A private key in the stored form, see `validatePrivateKey`; its numbers are not checked again.
   * @throws HalError ASN1_PARSE_FAILED, UNSUPPORTED_KEY
   */
  static fromPkcs8(pkcs8: Uint8Array): SigningKey {
    const fields = readPrivateKey(pkcs8);
    let facts: KeyFacts;
    if (fields.rsa) {
      const [modulus, exponent] = fields.numbers as [Uint8Array, Uint8Array];
      facts = { type: KeyType.RSA_PRIVATE, curve: Curve.NONE, bits: rsaPublicKey(modulus, exponent).bits };
    } else {
      const { edwards, curve, bits } = fields.curve;
      facts = { type: edwards ? KeyType.ED_PRIVATE : KeyType.EC_PRIVATE, curve, bits };
    }
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
   * Signs. RSA, P-384 and P-521 work on the thread pool and give a promise, the faster ones sign at once; the input may be reused as
   * soon as the call returns. An RSA signature is verified before it is released.
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
    if (!this.#private) throw new HalError('UNSUPPORTED_KEY', 'a public key cannot sign');
    if (input.length === 0 && scheme !== 'eddsa') throw new HalError('BAD_ARGUMENTS', 'nothing to sign');
    if (scheme === 'rsa-pkcs1' && input.length > this.signatureLength - RSA_PADDING) {
      throw new HalError('RESULT_TOO_LONG');
    }
    return key;
  }

  #use(scheme: SignatureScheme): NativeKey {
    if (scheme !== this.#scheme) throw new HalError('UNSUPPORTED_KEY', `${scheme} with another kind of key`);
    if (!this.#key) throw new HalError('KEY_NOT_FOUND');
    return this.#key;
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
