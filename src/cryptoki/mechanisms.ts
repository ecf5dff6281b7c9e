/**
 * The mechanism table: what C_GetMechanismInfo says, which part the library does by itself, which parameter goes with it. From here
 * come the table of the C library, the checks of the devices and the chapter of the manual. Programs use whatever is listed, so
 * only what is complete is here.
 */

import { CKF_MECHANISM, CKK, CKM } from './constants.ts';
import { type DigestName } from './digests.ts';
import { type ParameterFormat } from './parameters.ts';

export interface Mechanism {
  readonly mechanism: number;
  /** Without the prefix `CKM_`. */
  readonly name: keyof typeof CKM;
  /** The types of the keys it works on or makes; none for digests. */
  readonly keyTypes: readonly number[];
  /** CK_MECHANISM_INFO: bits for RSA, curves and generated generic secrets, else bytes; 0 for digests. */
  readonly minKeySize: number;
  readonly maxKeySize: number;
  /** CKF_ flags of CK_MECHANISM_INFO. */
  readonly flags: number;
  /** The hash that the library applies before it asks the appliance. */
  readonly digest: DigestName | undefined;
  readonly parameter: ParameterFormat;
  /**
   * How data in parts comes to the appliance: as its `digest`; as the `message`, collected by the library; in `blocks`, chained by the
   * library. `once`: the standard knows no parts.
   */
  readonly parts: 'digest' | 'message' | 'blocks' | 'once';
  /** Off where the policy forbids outdated cryptography. */
  readonly legacy: boolean;
  /** CKM_EC_KEY_PAIR_GEN and the like: the mechanism that objects report as CKA_KEY_GEN_MECHANISM. */
  readonly generates: number | undefined;
  /** Where the algorithm is defined. */
  readonly standard: string;
}

const {
  HW,
  MESSAGE_ENCRYPT,
  MESSAGE_DECRYPT,
  MESSAGE_SIGN,
  MESSAGE_VERIFY,
  MULTI_MESSAGE,
  ENCRYPT,
  DECRYPT,
  DIGEST,
  SIGN,
  SIGN_RECOVER,
  VERIFY,
  VERIFY_RECOVER,
  GENERATE,
  GENERATE_KEY_PAIR,
  WRAP,
  UNWRAP,
  DERIVE,
  ENCAPSULATE,
  DECAPSULATE,
  EC_F_P,
  EC_NAMEDCURVE,
  EC_UNCOMPRESS,
  EC_CURVENAME,
} = CKF_MECHANISM;

type Name = keyof typeof CKM;
type Options = Partial<Omit<Mechanism, 'mechanism' | 'name' | 'flags'>>;
/** Keys of one kind: their sizes, flags and standard. */
interface Family extends Pick<Mechanism, 'keyTypes' | 'minKeySize' | 'maxKeySize' | 'standard'> {
  readonly keyFlags: number;
}

/** The manual of 2018 promises 1024 to 8192 bits. */
export const RSA_BITS = { min: 1024, max: 8192 } as const;
/** Bytes of secret keys that are not AES keys. */
export const SECRET_BYTES = { min: 1, max: 8192 } as const;
/** Bytes of AES keys (FIPS 197). */
export const AES_BYTES: readonly number[] = [16, 24, 32];

const RSA: Family = {
  keyTypes: [CKK.RSA],
  minKeySize: RSA_BITS.min,
  maxKeySize: RSA_BITS.max,
  keyFlags: HW,
  standard: 'RFC 8017',
};
const EC: Family = {
  keyTypes: [CKK.EC],
  minKeySize: 256,
  maxKeySize: 521,
  keyFlags: HW | EC_F_P | EC_NAMEDCURVE | EC_UNCOMPRESS,
  standard: 'FIPS 186-5',
};
const EDWARDS: Family = {
  keyTypes: [CKK.EC_EDWARDS],
  minKeySize: 255,
  maxKeySize: 448,
  keyFlags: HW | EC_F_P | EC_NAMEDCURVE | EC_UNCOMPRESS | EC_CURVENAME,
  standard: 'RFC 8032',
};
const MONTGOMERY: Family = { ...EDWARDS, keyTypes: [CKK.EC_MONTGOMERY], standard: 'RFC 7748' };
/** CK_MECHANISM_INFO of post-quantum mechanisms has the bytes of public keys. */
const ML_DSA: Family = family([CKK.ML_DSA], 1312, 2592, 'FIPS 204');
const SLH_DSA: Family = family([CKK.SLH_DSA], 32, 64, 'FIPS 205');
const ML_KEM: Family = family([CKK.ML_KEM], 800, 1568, 'FIPS 203');
const AES: Family = family([CKK.AES], 16, 32, 'FIPS 197');
const HASH: Family = family([], 0, 0, 'FIPS 180-4');
const SHA3: Family = { ...HASH, standard: 'FIPS 202' };

function family(keyTypes: readonly number[], minKeySize: number, maxKeySize: number, standard: string): Family {
  return { keyTypes, minKeySize, maxKeySize, keyFlags: HW, standard };
}

function row(name: Name, { keyFlags, ...keys }: Family, flags: number, options: Options = {}): Mechanism {
  return {
    mechanism: CKM[name],
    name,
    ...keys,
    flags: keyFlags | flags,
    digest: undefined,
    parameter: 'none',
    parts: 'once',
    legacy: false,
    generates: undefined,
    ...options,
  };
}

function generation(name: Name, keys: Family, flags: number = GENERATE_KEY_PAIR, options: Options = {}): Mechanism {
  return row(name, keys, flags, { generates: CKM[name], ...options });
}

/** The message-based functions of 3.0 are the library's work, so they go with every mechanism that signs. */
const SIGNING = SIGN | VERIFY | MESSAGE_SIGN | MESSAGE_VERIFY | MULTI_MESSAGE;
const AEAD = ENCRYPT | DECRYPT | MESSAGE_ENCRYPT | MESSAGE_DECRYPT | MULTI_MESSAGE;
const RECOVER = SIGN_RECOVER | VERIFY_RECOVER;

/** Signs what the application gives. */
function signing(name: Name, keys: Family, options: Options = {}): Mechanism {
  return row(name, keys, SIGNING, { parts: 'message', ...options });
}

/** Signs the hash that the library makes. */
function hashing(name: Name, keys: Family, digest: DigestName, options: Options = {}): Mechanism {
  return row(name, keys, SIGNING, { digest, parts: 'digest', ...options });
}

function digesting(name: Name, digest: DigestName, keys: Family, options: Options = {}): Mechanism {
  return row(name, keys, DIGEST, { digest, parts: 'digest', ...options });
}

const LEGACY = { legacy: true } as const;
const PSS = { parameter: 'pss' } as const;
const CONTEXT = { parameter: 'signature' } as const;

type HashOfHmac = Exclude<DigestName, 'MD5' | 'SHAKE128' | 'SHAKE256'>;

function hmac(hash: HashOfHmac): Mechanism[] {
  const name = hash === 'SHA1' ? 'SHA_1' : hash;
  const keys = family([CKK.GENERIC_SECRET, CKK[`${name}_HMAC`]], 1, SECRET_BYTES.max, 'FIPS 198-1');
  return [signing(`${name}_HMAC`, keys), signing(`${name}_HMAC_GENERAL`, keys, { parameter: 'macLength' })];
}

const POST_QUANTUM_HASHES = [
  'SHA224',
  'SHA256',
  'SHA384',
  'SHA512',
  'SHA3_224',
  'SHA3_256',
  'SHA3_384',
  'SHA3_512',
  'SHAKE128',
  'SHAKE256',
] as const;

const RSA_HASHES = ['SHA224', 'SHA256', 'SHA384', 'SHA512', 'SHA3_224', 'SHA3_256', 'SHA3_384', 'SHA3_512'] as const;

const SECRET = family([CKK.GENERIC_SECRET], 8 * SECRET_BYTES.min, 8 * SECRET_BYTES.max, 'PKCS#11 3.2 section 6.8');
const KDF108 = {
  ...family([CKK.GENERIC_SECRET, CKK.AES], SECRET_BYTES.min, SECRET_BYTES.max, 'SP 800-108r1'),
};

export const MECHANISMS: readonly Mechanism[] = [
  generation('RSA_PKCS_KEY_PAIR_GEN', RSA, GENERATE_KEY_PAIR, { standard: 'FIPS 186-5' }),
  row('RSA_PKCS', RSA, SIGNING | RECOVER | ENCRYPT | DECRYPT | WRAP | UNWRAP, { parts: 'message' }),
  row('RSA_X_509', RSA, SIGNING | RECOVER | ENCRYPT | DECRYPT, { parts: 'message' }),
  row('RSA_PKCS_OAEP', RSA, ENCRYPT | DECRYPT | WRAP | UNWRAP, { parts: 'message', parameter: 'oaep' }),
  row('RSA_AES_KEY_WRAP', RSA, WRAP | UNWRAP, { parameter: 'rsaAesWrap', standard: 'RFC 8017 and RFC 5649' }),
  hashing('MD5_RSA_PKCS', RSA, 'MD5', LEGACY),
  hashing('SHA1_RSA_PKCS', RSA, 'SHA1', LEGACY),
  ...RSA_HASHES.map((hash) => hashing(`${hash}_RSA_PKCS`, RSA, hash)),
  signing('RSA_PKCS_PSS', RSA, PSS),
  hashing('SHA1_RSA_PKCS_PSS', RSA, 'SHA1', { ...PSS, ...LEGACY }),
  ...RSA_HASHES.map((hash) => hashing(`${hash}_RSA_PKCS_PSS`, RSA, hash, PSS)),

  generation('EC_KEY_PAIR_GEN', EC),
  signing('ECDSA', EC),
  hashing('ECDSA_SHA1', EC, 'SHA1', LEGACY),
  ...RSA_HASHES.map((hash) => hashing(`ECDSA_${hash}`, EC, hash)),
  row('ECDH1_DERIVE', { ...EC, keyTypes: [CKK.EC, CKK.EC_MONTGOMERY], minKeySize: 255 }, DERIVE, {
    parameter: 'ecdh',
    standard: 'SP 800-56A and RFC 7748',
  }),
  generation('EC_EDWARDS_KEY_PAIR_GEN', EDWARDS),
  // GnuTLS 3.7 generates Ed25519 keys with CKM_EDDSA, so C_GenerateKeyPair takes it as a synonym that is not advertised.
  signing('EDDSA', EDWARDS, { parameter: 'eddsa', generates: CKM.EC_EDWARDS_KEY_PAIR_GEN }),
  generation('EC_MONTGOMERY_KEY_PAIR_GEN', MONTGOMERY),

  generation('ML_DSA_KEY_PAIR_GEN', ML_DSA),
  signing('ML_DSA', ML_DSA, CONTEXT),
  row('HASH_ML_DSA', ML_DSA, SIGNING, CONTEXT),
  ...POST_QUANTUM_HASHES.map((hash) => hashing(`HASH_ML_DSA_${hash}`, ML_DSA, hash, CONTEXT)),
  generation('SLH_DSA_KEY_PAIR_GEN', SLH_DSA),
  signing('SLH_DSA', SLH_DSA, CONTEXT),
  row('HASH_SLH_DSA', SLH_DSA, SIGNING, CONTEXT),
  ...POST_QUANTUM_HASHES.map((hash) => hashing(`HASH_SLH_DSA_${hash}`, SLH_DSA, hash, CONTEXT)),
  generation('ML_KEM_KEY_PAIR_GEN', ML_KEM),
  row('ML_KEM', ML_KEM, ENCAPSULATE | DECAPSULATE),

  generation('AES_KEY_GEN', AES, GENERATE),
  row('AES_ECB', AES, ENCRYPT | DECRYPT, { parts: 'blocks', standard: 'SP 800-38A' }),
  row('AES_CBC', AES, ENCRYPT | DECRYPT, { parts: 'blocks', parameter: 'iv', standard: 'SP 800-38A' }),
  row('AES_CBC_PAD', AES, ENCRYPT | DECRYPT, { parts: 'blocks', parameter: 'iv', standard: 'SP 800-38A and RFC 5652' }),
  row('AES_CTR', AES, ENCRYPT | DECRYPT, { parts: 'blocks', parameter: 'ctr', standard: 'SP 800-38A' }),
  row('AES_GCM', AES, AEAD, { parts: 'message', parameter: 'gcm', standard: 'SP 800-38D' }),
  row('AES_CCM', AES, AEAD, { parts: 'message', parameter: 'ccm', standard: 'SP 800-38C' }),
  signing('AES_CMAC', AES, { standard: 'SP 800-38B' }),
  signing('AES_CMAC_GENERAL', AES, { parameter: 'macLength', standard: 'SP 800-38B' }),
  row('AES_KEY_WRAP', AES, WRAP | UNWRAP, { parameter: 'iv', standard: 'SP 800-38F and RFC 3394' }),
  row('AES_KEY_WRAP_PAD', AES, WRAP | UNWRAP, { parameter: 'iv', standard: 'SP 800-38F and RFC 5649' }),
  row('AES_KEY_WRAP_KWP', AES, WRAP | UNWRAP, { parameter: 'iv', standard: 'SP 800-38F and RFC 5649' }),

  generation('GENERIC_SECRET_KEY_GEN', SECRET, GENERATE),
  ...(['SHA1', 'SHA224', 'SHA256', 'SHA384', 'SHA512', 'SHA512_224', 'SHA512_256'] as const).flatMap(hmac),
  ...(['SHA3_224', 'SHA3_256', 'SHA3_384', 'SHA3_512'] as const).flatMap(hmac),
  row('HKDF_DERIVE', family([CKK.GENERIC_SECRET, CKK.HKDF], 1, SECRET_BYTES.max, 'RFC 5869'), DERIVE, {
    parameter: 'hkdf',
  }),
  generation('HKDF_KEY_GEN', { ...SECRET, keyTypes: [CKK.HKDF] }, GENERATE),
  row('SP800_108_COUNTER_KDF', KDF108, DERIVE, { parameter: 'kdf108' }),
  row('SP800_108_FEEDBACK_KDF', KDF108, DERIVE, { parameter: 'kdf108' }),
  row('SP800_108_DOUBLE_PIPELINE_KDF', KDF108, DERIVE, { parameter: 'kdf108' }),
  generation('PKCS5_PBKD2', family([CKK.GENERIC_SECRET, CKK.AES], 8, 8 * SECRET_BYTES.max, 'RFC 8018'), GENERATE, {
    parameter: 'pbkdf2',
  }),

  digesting('MD5', 'MD5', { ...HASH, standard: 'RFC 1321' }, LEGACY),
  digesting('SHA_1', 'SHA1', HASH),
  ...(['SHA224', 'SHA256', 'SHA384', 'SHA512', 'SHA512_224', 'SHA512_256'] as const).map((hash) =>
    digesting(hash, hash, HASH),
  ),
  ...(['SHA3_224', 'SHA3_256', 'SHA3_384', 'SHA3_512'] as const).map((hash) => digesting(hash, hash, SHA3)),
];

const byNumber = new Map<number, Mechanism>(MECHANISMS.map((mechanism) => [mechanism.mechanism, mechanism]));

/** The description of a mechanism, `undefined` if the token does not have it. */
export function mechanismOf(mechanism: number): Mechanism | undefined {
  return byNumber.get(mechanism);
}

/** RSA keys below 2048 bits are outdated whatever the mechanism (SP 800-131A). */
const LEGACY_RSA_BITS = 2048;

/** Whether a policy without outdated cryptography refuses a mechanism on a key of so many bits. */
export function isLegacy(mechanism: Mechanism, keyType: number, bits: number): boolean {
  return mechanism.legacy || (keyType === CKK.RSA && bits < LEGACY_RSA_BITS);
}
