/** Numbers of the protocol (libhal `hal.h`). Values from 16 on are ours: key types and curves the vendor does not have. */

/** The protocol version that every known device and appliance reports (libhal `RPC_VERSION`, 1.1.1.0). */
export const PROTOCOL_VERSION = 0x0101_0100;

/** `hal_user_t`. */
export const User = { NONE: 0, NORMAL: 1, SO: 2, WHEEL: 3 } as const;
export type User = (typeof User)[keyof typeof User];

/** Role names as the console spells them, by number. */
export const USER_NAMES = ['none', 'user', 'so', 'wheel'] as const;

/** `hal_key_type_t`; stored form PKCS#8 for private keys, SubjectPublicKeyInfo for public ones. */
export const KeyType = {
  NONE: 0,
  RSA_PRIVATE: 1,
  RSA_PUBLIC: 2,
  EC_PRIVATE: 3,
  EC_PUBLIC: 4,
  HASHSIG_PRIVATE: 5,
  HASHSIG_PUBLIC: 6,
  HASHSIG_LMS: 7,
  HASHSIG_LMOTS: 8,
  /** Edwards curves (RFC 8032, RFC 8410). */
  ED_PRIVATE: 16,
  ED_PUBLIC: 17,
  /** X25519 and X448 (RFC 7748, RFC 8410). */
  X_PRIVATE: 18,
  X_PUBLIC: 19,
  /** FIPS 204, 205 and 203; the parameter set is the key's `curve`. */
  ML_DSA_PRIVATE: 20,
  ML_DSA_PUBLIC: 21,
  SLH_DSA_PRIVATE: 22,
  SLH_DSA_PUBLIC: 23,
  ML_KEM_PRIVATE: 24,
  ML_KEM_PUBLIC: 25,
  /** Bytes; CKA_KEY_TYPE tells what for. */
  SECRET: 32,
  /** No keys: an X.509 certificate, bytes of an application. */
  CERTIFICATE: 48,
  DATA: 49,
} as const;
export type KeyType = (typeof KeyType)[keyof typeof KeyType];

/** `hal_curve_name_t`; ours from 16 on, which are parameter sets of post-quantum algorithms too. */
export const Curve = {
  NONE: 0,
  P256: 1,
  P384: 2,
  P521: 3,
  ED25519: 16,
  ED448: 17,
  X25519: 18,
  X448: 19,
  SECP256K1: 20,
  BRAINPOOL_P256R1: 21,
  BRAINPOOL_P320R1: 22,
  BRAINPOOL_P384R1: 23,
  BRAINPOOL_P512R1: 24,
  ML_DSA_44: 32,
  ML_DSA_65: 33,
  ML_DSA_87: 34,
  ML_KEM_512: 40,
  ML_KEM_768: 41,
  ML_KEM_1024: 42,
  SLH_DSA_SHA2_128S: 48,
  SLH_DSA_SHAKE_128S: 49,
  SLH_DSA_SHA2_128F: 50,
  SLH_DSA_SHAKE_128F: 51,
  SLH_DSA_SHA2_192S: 52,
  SLH_DSA_SHAKE_192S: 53,
  SLH_DSA_SHA2_192F: 54,
  SLH_DSA_SHAKE_192F: 55,
  SLH_DSA_SHA2_256S: 56,
  SLH_DSA_SHAKE_256S: 57,
  SLH_DSA_SHA2_256F: 58,
  SLH_DSA_SHAKE_256F: 59,
} as const;
export type Curve = (typeof Curve)[keyof typeof Curve];

/** `hal_key_flags_t`. PUBLIC means "usable without login", not "public key". Flags never change after creation. */
export const KeyFlags = {
  DIGITALSIGNATURE: 0x01,
  KEYENCIPHERMENT: 0x02,
  DATAENCIPHERMENT: 0x04,
  TOKEN: 0x08,
  PUBLIC: 0x10,
  EXPORTABLE: 0x20,
} as const;

/** Every flag a caller may set; others give BAD_ARGUMENTS. */
export const ALL_KEY_FLAGS = 0x3f;

/** `hal_digest_algorithm_t`. */
export const DigestAlgorithm = {
  NONE: 0,
  SHA1: 1,
  SHA224: 2,
  SHA256: 3,
  SHA512_224: 4,
  SHA512_256: 5,
  SHA384: 6,
  SHA512: 7,
} as const;
export type DigestAlgorithm = (typeof DigestAlgorithm)[keyof typeof DigestAlgorithm];

/** States of PKEY_MATCH paging (`HAL_PKEY_MATCH_...`, libhal `rpc_pkey.c`). */
export const MatchState = { START: 0, TOKEN: 1, VOLATILE: 2, DONE: 3 } as const;

/** State of a device's master key memory. */
export const MasterKeyState = { NOT_SET: 0, SET: 1, FAILED: 2 } as const;
export type MasterKeyState = (typeof MasterKeyState)[keyof typeof MasterKeyState];

/** What a master key that is about to be set would do to the keys that exist. */
export const MasterKeyVerdict = { NO_KEYS: 0, SAME: 1, DIFFERENT: 2 } as const;

/** What the appliance can do at the moment, for TOKEN_INFO. */
export const ApplianceState = { OPERATIONAL: 0, LOCKED: 1, NO_MASTER_KEY: 2, TAMPER: 3, NO_DEVICE: 4 } as const;
export type ApplianceState = (typeof ApplianceState)[keyof typeof ApplianceState];

/** Sizes of the protocol in bytes. */
export const Limits = {
  /** Longest decoded request accepted from a vendor client. */
  request: 65_536,
  /** Longest decoded message on a connection of our own client or to a device. */
  ownMessage: 1_048_576,
  pinMin: 4,
  pinMax: 4096,
  attributes: 256,
  attributeValue: 65_536,
  /** Objects or keys in one page of OBJECT_FIND and KEY_LIST. */
  page: 1024,
  /** Longest input of one signature (messages for EdDSA, digests else). */
  signInput: 1_000_000,
  /** Longest GET_RANDOM of a device (libhal: 16384 less the reply's header). */
  random: 16_368,
} as const;
