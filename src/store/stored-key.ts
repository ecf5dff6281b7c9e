/** What the key store keeps about one key. */

import { type Curve, type KeyType } from '#src/wire/enumerations.ts';

/** A PKCS#11 attribute as stored: the device gives its value no meaning. */
export interface Attribute {
  readonly type: number;
  readonly value: Uint8Array;
}

/** Facts that never change after creation; the wrapped key is bound to them. */
export interface KeyIdentity {
  /** Device UUID, 16 bytes. */
  readonly uuid: Uint8Array;
  /** UUID that clients of the appliance see, 16 bytes, unique in the store. */
  readonly name: Uint8Array;
  readonly type: KeyType;
  readonly curve: Curve;
  /** Modulus length (RSA), field size, size of a signature (hash-based keys), of the value (secret keys); 0 else. */
  readonly bits: number;
  readonly flags: number;
  /** SubjectPublicKeyInfo (RFC 5280), DER; empty for secret keys, certificates and data. */
  readonly spki: Uint8Array;
}

/** What binds a row to the master key. */
export interface RowBinding {
  readonly wrapped: Uint8Array | undefined;
  readonly seal: Uint8Array;
}

export interface StoredKey extends KeyIdentity {
  /**
   * Wrapped under the master key: the PKCS#8 of a private key, the value of a secret key or of a private data object.
   * `undefined` for everything public.
   */
  readonly wrapped: Uint8Array | undefined;
  /** {@link checkValueOf} of the master key that was set when the key was made, 4 bytes. */
  readonly checkValue: Uint8Array;
  readonly attributes: readonly Attribute[];
  /**
   * What binds the attributes: a MAC where there is no secret, empty where the wrapping binds them. Rows from before version 5 and
   * session keys have none.
   */
  readonly seal?: Uint8Array | undefined;
}
