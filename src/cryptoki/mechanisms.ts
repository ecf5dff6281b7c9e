/** The mechanism table: what C_GetMechanismInfo says, what the library does by itself, and which raw mechanism the appliance performs. */

import { CKF_MECHANISM, CKK, CKM } from './constants.ts';
import { equalBytes } from './values.ts';

export interface Mechanism {
  readonly mechanism: number;
  /** Without the prefix `CKM_`. */
  readonly name: keyof typeof CKM;
  /** The type of the keys it works on or makes, `undefined` for digests. */
  readonly keyType: number | undefined;
  /** CK_MECHANISM_INFO: bits for RSA and elliptic curves, 0 for digests. */
  readonly minKeySize: number;
  readonly maxKeySize: number;
  /** CKF_ flags of CK_MECHANISM_INFO. */
  readonly flags: number;
  /** Signing mechanisms: what the appliance is asked for. Hashing and DigestInfo are the library's. */
  readonly raw: number | undefined;
  /** Hashed signing mechanisms: the digest mechanism that the library applies first. */
  readonly digest: number | undefined;
  /** CKM_EC_KEY_PAIR_GEN and the like: the mechanism that objects report as CKA_KEY_GEN_MECHANISM. */
  readonly generates: number | undefined;
}

const { HW, DIGEST, SIGN, VERIFY, GENERATE_KEY_PAIR, EC_F_P, EC_NAMEDCURVE, EC_UNCOMPRESS, EC_CURVENAME } =
  CKF_MECHANISM;

/** PKCS#11 3.1 section 6.1.6: the manual of 2018 promises 1024 to 8192 bits. */
export const RSA_BITS = { min: 1024, max: 8192 } as const;

const RSA = { keyType: CKK.RSA, minKeySize: RSA_BITS.min, maxKeySize: RSA_BITS.max, keyFlags: HW } as const;
const EC = {
  keyType: CKK.EC,
  minKeySize: 256,
  maxKeySize: 521,
  keyFlags: HW | EC_F_P | EC_NAMEDCURVE | EC_UNCOMPRESS,
} as const;
const EDWARDS = {
  keyType: CKK.EC_EDWARDS,
  minKeySize: 255,
  maxKeySize: 448,
  keyFlags: HW | EC_F_P | EC_NAMEDCURVE | EC_UNCOMPRESS | EC_CURVENAME,
} as const;

type Family = typeof RSA | typeof EC | typeof EDWARDS;

function generation(name: keyof typeof CKM, family: Family): Mechanism {
  return row(name, family, GENERATE_KEY_PAIR, { generates: CKM[name] });
}

function signing(name: keyof typeof CKM, family: Family, raw: number, digest?: number): Mechanism {
  return row(name, family, SIGN | VERIFY, { raw, digest });
}

function digesting(name: keyof typeof CKM): Mechanism {
  return row(name, { keyType: undefined, minKeySize: 0, maxKeySize: 0, keyFlags: HW }, DIGEST, {});
}

function row(
  name: keyof typeof CKM,
  family: Family | { keyType: undefined; minKeySize: 0; maxKeySize: 0; keyFlags: number },
  flags: number,
  rest: { raw?: number; digest?: number | undefined; generates?: number },
): Mechanism {
  const { keyType, minKeySize, maxKeySize, keyFlags } = family;
  return {
    mechanism: CKM[name],
    name,
    keyType,
    minKeySize,
    maxKeySize,
    flags: keyFlags | flags,
    raw: rest.raw,
    digest: rest.digest,
    generates: rest.generates,
  };
}

/**
 * Every mechanism that is offered, one-shot and multi-part. Programs use whatever is listed, so only what is complete is here.
 * ECDSA_SHA1 and MD5 are for pkcs11-tool's own tests and RSAMD5.
 */
export const MECHANISMS: readonly Mechanism[] = [
  generation('RSA_PKCS_KEY_PAIR_GEN', RSA),
  signing('RSA_PKCS', RSA, CKM.RSA_PKCS),
  signing('MD5_RSA_PKCS', RSA, CKM.RSA_PKCS, CKM.MD5),
  signing('SHA1_RSA_PKCS', RSA, CKM.RSA_PKCS, CKM.SHA_1),
  signing('SHA224_RSA_PKCS', RSA, CKM.RSA_PKCS, CKM.SHA224),
  signing('SHA256_RSA_PKCS', RSA, CKM.RSA_PKCS, CKM.SHA256),
  signing('SHA384_RSA_PKCS', RSA, CKM.RSA_PKCS, CKM.SHA384),
  signing('SHA512_RSA_PKCS', RSA, CKM.RSA_PKCS, CKM.SHA512),
  generation('EC_KEY_PAIR_GEN', EC),
  signing('ECDSA', EC, CKM.ECDSA),
  signing('ECDSA_SHA1', EC, CKM.ECDSA, CKM.SHA_1),
  signing('ECDSA_SHA224', EC, CKM.ECDSA, CKM.SHA224),
  signing('ECDSA_SHA256', EC, CKM.ECDSA, CKM.SHA256),
  signing('ECDSA_SHA384', EC, CKM.ECDSA, CKM.SHA384),
  signing('ECDSA_SHA512', EC, CKM.ECDSA, CKM.SHA512),
  generation('EC_EDWARDS_KEY_PAIR_GEN', EDWARDS),
  // GnuTLS 3.7 generates Ed25519 keys with CKM_EDDSA, so C_GenerateKeyPair takes it as a synonym that is not advertised.
  { ...signing('EDDSA', EDWARDS, CKM.EDDSA), generates: CKM.EC_EDWARDS_KEY_PAIR_GEN },
  digesting('MD5'),
  digesting('SHA_1'),
  digesting('SHA224'),
  digesting('SHA256'),
  digesting('SHA384'),
  digesting('SHA512'),
];

const byNumber = new Map<number, Mechanism>(MECHANISMS.map((mechanism) => [mechanism.mechanism, mechanism]));

/** The description of a mechanism, `undefined` if the token does not have it. */
export function mechanismOf(mechanism: number): Mechanism | undefined {
  return byNumber.get(mechanism);
}

/** Bytes of a digest, and the DER of a DigestInfo before them (RFC 8017 section 9.2, note 1; MD5: RFC 2313 appendix). */
export const DIGESTS: ReadonlyMap<number, { readonly size: number; readonly digestInfo: Uint8Array }> = new Map([
  [CKM.MD5, { size: 16, digestInfo: bytes('3020300c06082a864886f70d020505000410') }],
  [CKM.SHA_1, { size: 20, digestInfo: bytes('3021300906052b0e03021a05000414') }],
  [CKM.SHA224, { size: 28, digestInfo: bytes('302d300d06096086480165030402040500041c') }],
  [CKM.SHA256, { size: 32, digestInfo: bytes('3031300d060960864801650304020105000420') }],
  [CKM.SHA384, { size: 48, digestInfo: bytes('3041300d060960864801650304020205000430') }],
  [CKM.SHA512, { size: 64, digestInfo: bytes('3051300d060960864801650304020305000440') }],
]);

/**
 * Whether a key that is restricted to `allowed` (CKA_ALLOWED_MECHANISMS) may perform a raw mechanism on `data`. A hashed mechanism
 * arrives as its raw one, so the restriction is read off the data: its DigestInfo, or its length.
 */
export function isAllowed(allowed: readonly number[], raw: number, data: Uint8Array): boolean {
  return allowed.some((number) => {
    if (number === raw) return true;
    const mechanism = mechanismOf(number);
    const digest = mechanism?.raw === raw ? DIGESTS.get(mechanism.digest ?? -1) : undefined;
    if (!digest) return false;
    if (raw !== CKM.RSA_PKCS) return data.length === digest.size;
    const { digestInfo, size } = digest;
    return data.length === digestInfo.length + size && equalBytes(data.subarray(0, digestInfo.length), digestInfo);
  });
}

function bytes(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (digits) => Number.parseInt(digits, 16));
}
