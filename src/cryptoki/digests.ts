/** The hash functions: their PKCS#11 numbers, lengths, and what stands before a hash in an RSA signature. */

import { CKM } from './constants.ts';
import { CKG_MGF1 } from './parameter-numbers.ts';

export interface Digest {
  /** As in names of mechanisms, and `DIGEST_` before it in the C library. */
  readonly name: DigestName;
  /** CKM_ of C_DigestInit and of `hashAlg` in parameters; `undefined` for SHAKE, which is only part of other mechanisms. */
  readonly mechanism: number | undefined;
  /** Bytes. Of SHAKE as FIPS 204 section 5.4.1 and FIPS 205 section 10.2.2 take them. */
  readonly size: number;
  /** As OpenSSL calls it. */
  readonly openssl: string;
  /** The object identifier in DER, as DigestInfo, HashML-DSA and HashSLH-DSA have it. */
  readonly oid: Uint8Array;
  /** DER of the DigestInfo before the hash (RFC 8017 section 9.2, note 1; MD5: RFC 2313 appendix); empty for SHAKE. */
  readonly digestInfo: Uint8Array;
  /** CKG_MGF1_ with this hash. */
  readonly mgf: number | undefined;
}

export type DigestName =
  | 'MD5'
  | 'SHA1'
  | 'SHA224'
  | 'SHA256'
  | 'SHA384'
  | 'SHA512'
  | 'SHA512_224'
  | 'SHA512_256'
  | 'SHA3_224'
  | 'SHA3_256'
  | 'SHA3_384'
  | 'SHA3_512'
  | 'SHAKE128'
  | 'SHAKE256';

const NIST_HASH = [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02];

function digest(
  name: DigestName,
  openssl: string,
  mechanism: number | undefined,
  size: number,
  oid: readonly number[],
  mgf?: number,
): Digest {
  const tagged = [0x06, oid.length, ...oid];
  const algorithm = [0x30, tagged.length + 2, ...tagged, 0x05, 0x00];
  const digestInfo = [0x30, algorithm.length + 2 + size, ...algorithm, 0x04, size];
  return {
    name,
    openssl,
    mechanism,
    size,
    oid: Uint8Array.from(tagged),
    digestInfo: Uint8Array.from(mechanism === undefined ? [] : digestInfo),
    mgf,
  };
}

export const DIGESTS: readonly Digest[] = [
  digest('MD5', 'md5', CKM.MD5, 16, [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02, 0x05]),
  digest('SHA1', 'sha1', CKM.SHA_1, 20, [0x2b, 0x0e, 0x03, 0x02, 0x1a], CKG_MGF1.SHA1),
  digest('SHA224', 'sha224', CKM.SHA224, 28, [...NIST_HASH, 4], CKG_MGF1.SHA224),
  digest('SHA256', 'sha256', CKM.SHA256, 32, [...NIST_HASH, 1], CKG_MGF1.SHA256),
  digest('SHA384', 'sha384', CKM.SHA384, 48, [...NIST_HASH, 2], CKG_MGF1.SHA384),
  digest('SHA512', 'sha512', CKM.SHA512, 64, [...NIST_HASH, 3], CKG_MGF1.SHA512),
  digest('SHA512_224', 'sha512-224', CKM.SHA512_224, 28, [...NIST_HASH, 5]),
  digest('SHA512_256', 'sha512-256', CKM.SHA512_256, 32, [...NIST_HASH, 6]),
  digest('SHA3_224', 'sha3-224', CKM.SHA3_224, 28, [...NIST_HASH, 7], CKG_MGF1.SHA3_224),
  digest('SHA3_256', 'sha3-256', CKM.SHA3_256, 32, [...NIST_HASH, 8], CKG_MGF1.SHA3_256),
  digest('SHA3_384', 'sha3-384', CKM.SHA3_384, 48, [...NIST_HASH, 9], CKG_MGF1.SHA3_384),
  digest('SHA3_512', 'sha3-512', CKM.SHA3_512, 64, [...NIST_HASH, 10], CKG_MGF1.SHA3_512),
  digest('SHAKE128', 'shake128', undefined, 32, [...NIST_HASH, 11]),
  digest('SHAKE256', 'shake256', undefined, 64, [...NIST_HASH, 12]),
];

const byName = new Map(DIGESTS.map((entry) => [entry.name, entry]));
const byMechanism = new Map(
  DIGESTS.flatMap((entry) => (entry.mechanism === undefined ? [] : [[entry.mechanism, entry]])),
);
const byMgf = new Map(DIGESTS.flatMap((entry) => (entry.mgf === undefined ? [] : [[entry.mgf, entry]])));

export function digestNamed(name: DigestName): Digest {
  return byName.get(name) as Digest;
}

/** The hash function of a digest mechanism, as `hashAlg` and `prfHashMechanism` give it. */
export function digestOf(mechanism: number): Digest | undefined {
  return byMechanism.get(mechanism);
}

/** The hash function in a mask generation function. */
export function digestOfMgf(mgf: number): Digest | undefined {
  return byMgf.get(mgf);
}
