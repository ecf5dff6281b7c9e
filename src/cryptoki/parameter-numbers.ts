/** Numbers in mechanism parameters and of parameter sets (OASIS PKCS #11 Specification 3.2, header `pkcs11t.h`). */

/** Mask generation functions of RSA, CKG_MGF1_. */
export const CKG_MGF1 = {
  SHA1: 1,
  SHA256: 2,
  SHA384: 3,
  SHA512: 4,
  SHA224: 5,
  SHA3_224: 6,
  SHA3_256: 7,
  SHA3_384: 8,
  SHA3_512: 9,
} as const;

/** Key derivation functions of CKM_ECDH1_DERIVE, CKD_: those of ANSI X9.63 and of SP 800-56A. */
export const CKD = {
  NULL: 0x01,
  SHA1_KDF: 0x02,
  SHA224_KDF: 0x05,
  SHA256_KDF: 0x06,
  SHA384_KDF: 0x07,
  SHA512_KDF: 0x08,
  SHA3_224_KDF: 0x0a,
  SHA3_256_KDF: 0x0b,
  SHA3_384_KDF: 0x0c,
  SHA3_512_KDF: 0x0d,
  SHA1_KDF_SP800: 0x0e,
  SHA224_KDF_SP800: 0x0f,
  SHA256_KDF_SP800: 0x10,
  SHA384_KDF_SP800: 0x11,
  SHA512_KDF_SP800: 0x12,
  SHA3_224_KDF_SP800: 0x13,
  SHA3_256_KDF_SP800: 0x14,
  SHA3_384_KDF_SP800: 0x15,
  SHA3_512_KDF_SP800: 0x16,
} as const;

/** Sources of OAEP labels and of PBKDF2 salts, CKZ_. */
export const CKZ = { DATA_SPECIFIED: 1, SALT_SPECIFIED: 1 } as const;

/** Pseudo-random functions of CKM_PKCS5_PBKD2, CKP_PKCS5_PBKD2_. */
export const CKP_PKCS5_PBKD2 = {
  HMAC_SHA1: 1,
  HMAC_SHA224: 3,
  HMAC_SHA256: 4,
  HMAC_SHA384: 5,
  HMAC_SHA512: 6,
  HMAC_SHA512_224: 7,
  HMAC_SHA512_256: 8,
} as const;

/** Parameter sets of FIPS 204, 203 and 205, CKP_; each algorithm counts from 1. */
export const CKP = {
  ML_DSA_44: 1,
  ML_DSA_65: 2,
  ML_DSA_87: 3,
  ML_KEM_512: 1,
  ML_KEM_768: 2,
  ML_KEM_1024: 3,
  SLH_DSA_SHA2_128S: 1,
  SLH_DSA_SHAKE_128S: 2,
  SLH_DSA_SHA2_128F: 3,
  SLH_DSA_SHAKE_128F: 4,
  SLH_DSA_SHA2_192S: 5,
  SLH_DSA_SHAKE_192S: 6,
  SLH_DSA_SHA2_192F: 7,
  SLH_DSA_SHAKE_192F: 8,
  SLH_DSA_SHA2_256S: 9,
  SLH_DSA_SHAKE_256S: 10,
  SLH_DSA_SHA2_256F: 11,
  SLH_DSA_SHAKE_256F: 12,
} as const;

/** Profiles of CKO_PROFILE objects, CKP_. */
export const CKP_PROFILE = {
  BASELINE_PROVIDER: 1,
  EXTENDED_PROVIDER: 2,
  AUTHENTICATION_TOKEN: 3,
  PUBLIC_CERTIFICATES_TOKEN: 4,
  COMPLETE_PROVIDER: 5,
  HKDF_TLS_TOKEN: 6,
} as const;

/** Whether a post-quantum signature may or must have fresh randomness in it, CKH_. */
export const CKH = { HEDGE_PREFERRED: 0, HEDGE_REQUIRED: 1, DETERMINISTIC_REQUIRED: 2 } as const;

/** Where the salt of HKDF comes from, CKF_HKDF_SALT_. */
export const CKF_HKDF_SALT = { NULL: 1, DATA: 2, KEY: 4 } as const;

/** Parts of the input of an SP 800-108 function, CK_SP800_108_. */
export const CK_SP800_108 = {
  ITERATION_VARIABLE: 1,
  COUNTER: 2,
  DKM_LENGTH: 3,
  BYTE_ARRAY: 4,
  KEY_HANDLE: 5,
  DKM_LENGTH_SUM_OF_KEYS: 1,
  DKM_LENGTH_SUM_OF_SEGMENTS: 2,
} as const;
