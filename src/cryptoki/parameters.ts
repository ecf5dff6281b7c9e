/**
 * Mechanism parameters on their way from the library to a device: XDR, one schema for each format.
 * An empty parameter means that the application gave none.
 */

import { Limits } from '#src/wire/enumerations.ts';
import { array, opaque, type Schema, struct, type TypeFromSchema, u32 } from '#src/wire/schema.ts';
import { CkrError, WireError } from '#src/wire/status.ts';
import { XdrReader, XdrWriter } from '#src/wire/xdr.ts';
import { CKR } from './constants.ts';

const bytes = opaque(Limits.attributeValue);

/** A part of the input of an SP 800-108 function; `value` is the CK_..._FORMAT as XDR words, or the byte array. */
const kdfPart = struct({ type: u32, value: opaque(4096) });

/** The schema of each format; in brackets the PKCS#11 structure that it comes from. */
export const PARAMETER_SCHEMAS = {
  /** An initialization vector. */
  iv: struct({ iv: opaque(1024) }),
  /** CK_AES_CTR_PARAMS. */
  ctr: struct({ counterBits: u32, block: opaque(16) }),
  /** CK_GCM_PARAMS; the tag stands behind the ciphertext. */
  gcm: struct({ iv: opaque(1024), aad: bytes, tagBits: u32 }),
  /** CK_CCM_PARAMS; the MAC stands behind the ciphertext. */
  ccm: struct({ dataLength: u32, nonce: opaque(16), aad: bytes, macLength: u32 }),
  /** CK_RSA_PKCS_PSS_PARAMS. */
  pss: struct({ hash: u32, mgf: u32, saltLength: u32 }),
  /** CK_RSA_PKCS_OAEP_PARAMS. */
  oaep: struct({ hash: u32, mgf: u32, label: bytes }),
  /** CK_EDDSA_PARAMS. */
  eddsa: struct({ prehash: u32, context: opaque(255) }),
  /** CK_ECDH1_DERIVE_PARAMS. */
  ecdh: struct({ kdf: u32, sharedData: bytes, publicData: opaque(1024) }),
  /** CK_RSA_AES_KEY_WRAP_PARAMS. */
  rsaAesWrap: struct({ aesBits: u32, hash: u32, mgf: u32, label: bytes }),
  /** CK_HKDF_PARAMS; `saltKey` is the UUID of a key or empty. */
  hkdf: struct({
    extract: u32,
    expand: u32,
    prf: u32,
    saltType: u32,
    salt: bytes,
    saltKey: opaque(16),
    info: bytes,
  }),
  /** CK_PKCS5_PBKD2_PARAMS2, and CK_PKCS5_PBKD2_PARAMS, which looks the same to us. */
  pbkdf2: struct({ prf: u32, salt: bytes, iterations: u32, password: bytes }),
  /** CK_SP800_108_KDF_PARAMS and CK_SP800_108_FEEDBACK_KDF_PARAMS without additional keys. */
  kdf108: struct({ prf: u32, iv: opaque(1024), parts: array(kdfPart, 64) }),
  /** CK_SIGN_ADDITIONAL_CONTEXT and CK_HASH_SIGN_ADDITIONAL_CONTEXT; `hash` 0 but of CKM_HASH_ML_DSA and CKM_HASH_SLH_DSA. */
  signature: struct({ hedge: u32, context: opaque(255), hash: u32 }),
  /** CK_MAC_GENERAL_PARAMS. */
  macLength: struct({ length: u32 }),
} as const;

/** `none`: whatever the application passes is not looked at. */
export type ParameterFormat = keyof typeof PARAMETER_SCHEMAS | 'none';

export type Parameter<F extends keyof typeof PARAMETER_SCHEMAS> = TypeFromSchema<(typeof PARAMETER_SCHEMAS)[F]>;

/**
 * Reads a parameter. The byte strings of the result are views of `parameter`.
 * @throws CkrError CKR_MECHANISM_PARAM_INVALID
 */
export function readParameter<F extends keyof typeof PARAMETER_SCHEMAS>(
  format: F,
  parameter: Uint8Array,
): Parameter<F> {
  const schema: Schema<unknown> = PARAMETER_SCHEMAS[format];
  const reader = new XdrReader(parameter);
  try {
    const value = schema.read(reader, '');
    if (reader.remaining > 0) throw new CkrError(CKR.MECHANISM_PARAM_INVALID, 'the parameter is too long');
    return value as Parameter<F>;
  } catch (error) {
    if (error instanceof WireError) throw new CkrError(CKR.MECHANISM_PARAM_INVALID, error.message);
    throw error;
  }
}

/** As {@link readParameter}; `undefined` if the application gave none. */
export function readOptionalParameter<F extends keyof typeof PARAMETER_SCHEMAS>(
  format: F,
  parameter: Uint8Array,
): Parameter<F> | undefined {
  return parameter.length === 0 ? undefined : readParameter(format, parameter);
}

/** The bytes of a parameter, as the C library makes them. */
export function writeParameter<F extends keyof typeof PARAMETER_SCHEMAS>(format: F, value: Parameter<F>): Uint8Array {
  const writer = new XdrWriter();
  (PARAMETER_SCHEMAS[format] as Schema<unknown>).write(writer, value, '');
  return writer.message();
}
