/** Every mechanism against values of others: RFCs, NIST, Wycheproof. What has none is listed, with the reason. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { digest } from '#src/crypto/hashes.ts';
import { SigningKey } from '#src/crypto/signing-key.ts';
import { digestNamed } from '#src/cryptoki/digests.ts';
import { type Mechanism, MECHANISMS } from '#src/cryptoki/mechanisms.ts';
import { writeParameter } from '#src/cryptoki/parameters.ts';
import { type LoadedKey } from '#src/device/loaded-keys.ts';
import { hashName } from '#src/device/mechanisms/hash-functions.ts';
import { signatureMethod } from '#src/device/mechanisms/signatures.ts';

type DigestName = Parameters<typeof digestNamed>[0];

/** A signature, a MAC or a hash; all values are hex. */
interface Vector {
  /** The name without CKM_. */
  readonly mechanism: string;
  readonly source: string;
  readonly message: string;
  readonly signature?: string;
  readonly hash?: string;
  /** SubjectPublicKeyInfo. */
  readonly publicKey?: string;
  readonly secret?: string;
  /** Of PSS. */
  readonly mgf?: DigestName;
  readonly saltLength?: number;
}

const vectors = JSON.parse(readFileSync(new URL('mechanisms.json', import.meta.url), 'utf8')) as readonly Vector[];

/** Where else values of others are: mechanisms, file below `test`, words in it. */
const ELSEWHERE: readonly [mechanisms: RegExp, file: string, words: string][] = [
  [/^RSA_PKCS$/, 'crypto/signing-key-rsa.test.ts', 'RSA gives the signature that a vendor device gives'],
  [/^RSA_PKCS_OAEP$/, 'crypto/rsa-encryption.test.ts', 'Wycheproof rsa_oaep_2048_sha256_mgf1sha1'],
  [/^RSA_PKCS_PSS$/, 'crypto/rsa-signature.test.ts', 'Wycheproof rsa_pss_2048_sha256_mgf1_32'],
  [/^ECDH1_DERIVE$/, 'crypto/key-agreement.test.ts', 'RFC 5903'],
  [/^EDDSA$/, 'crypto/eddsa.test.ts', 'RFC 8032 sections 7.1 to 7.5'],
  [/^ML_DSA$/, 'crypto/ml-dsa.test.ts', 'Wycheproof mldsa_44_sign_seed'],
  [/^ML_DSA_KEY_PAIR_GEN$/, 'crypto/ml-dsa.test.ts', 'NIST ACVP ML-DSA-keyGen-FIPS204'],
  [/^(HASH_)?SLH_DSA/, 'crypto/slh-dsa.test.ts', 'HashSLH-DSA with all hashes give the signatures of NIST ACVP'],
  [/^ML_KEM/, 'crypto/ml-kem.test.ts', 'C2SP CCTV'],
  [/^AES_(ECB|CBC|CTR)$/, 'crypto/aes.test.ts', 'SP 800-38A'],
  [/^AES_GCM$/, 'crypto/aes-aead.test.ts', 'GCM gives the examples of its authors'],
  [/^AES_CCM$/, 'crypto/aes-aead.test.ts', 'SP 800-38C'],
  [/^AES_CMAC/, 'crypto/mac.test.ts', 'RFC 4493 and SP 800-38B'],
  [/^AES_KEY_WRAP/, 'crypto/aes-key-wrap.test.ts', 'RFC 3394 and RFC 5649'],
  [/^HKDF_DERIVE$/, 'crypto/kdf.test.ts', 'RFC 5869'],
  [/^SP800_108_/, 'crypto/kbkdf.test.ts', 'NIST CAVP'],
  [/^PKCS5_PBKD2$/, 'crypto/kdf.test.ts', 'RFC 6070 and RFC 7914'],
];

const RANDOM = 'makes random keys; the pairs are tried on each other';
const COMPARED = 'no published value at hand: compared with node:crypto, which has the same OpenSSL below it';
const PARTS = 'its parts have values: see';

/** Those without a value of others. */
const WITHOUT: Readonly<Record<string, string>> = {
  RSA_PKCS_KEY_PAIR_GEN: RANDOM,
  EC_KEY_PAIR_GEN: RANDOM,
  EC_EDWARDS_KEY_PAIR_GEN: RANDOM,
  EC_MONTGOMERY_KEY_PAIR_GEN: RANDOM,
  AES_KEY_GEN: RANDOM,
  GENERIC_SECRET_KEY_GEN: RANDOM,
  HKDF_KEY_GEN: RANDOM,
  RSA_X_509: `${PARTS} RSA_PKCS, which is this with a padding`,
  RSA_AES_KEY_WRAP: `${PARTS} RSA_PKCS_OAEP and AES_KEY_WRAP_PAD`,
  MD5_RSA_PKCS: `${PARTS} MD5 and SHA1_RSA_PKCS`,
  ECDSA: `${PARTS} ECDSA_SHA256, which hashes before`,
  ECDSA_SHA3_224: `${PARTS} SHA3_224 and ECDSA_SHA3_256; Wycheproof has it for secp224r1 only`,
  AES_CBC_PAD: `${PARTS} AES_CBC; the padding is read by node:crypto`,
  SHA3_224_RSA_PKCS_PSS: COMPARED,
  SHA3_256_RSA_PKCS_PSS: COMPARED,
  SHA3_384_RSA_PKCS_PSS: COMPARED,
  SHA3_512_RSA_PKCS_PSS: COMPARED,
};
for (const { name } of MECHANISMS.filter((each) => each.name.startsWith('HASH_ML_DSA'))) {
  Object.assign(WITHOUT, { [name]: `${PARTS} HASH_SLH_DSA, which encodes alike, and the internal function of ML_DSA` });
}

const hex = (text: string): Buffer => Buffer.from(text, 'hex');

function mechanismNamed(name: string): Mechanism {
  return MECHANISMS.find((each) => each.name === name) ?? assert.fail(`no mechanism ${name}`);
}

function parameterOf({ mechanism, signature, mgf, saltLength }: Vector): Uint8Array {
  const { digest: hash } = mechanismNamed(mechanism);
  if (mgf !== undefined && saltLength !== undefined && hash !== undefined) {
    const numbers = { hash: digestNamed(hash).mechanism ?? 0, mgf: digestNamed(mgf).mgf ?? 0 };
    return writeParameter('pss', { ...numbers, saltLength });
  }
  if (mechanism.endsWith('_GENERAL')) return writeParameter('macLength', { length: (signature ?? '').length / 2 });
  return new Uint8Array(0);
}

/** What the device gets: the library hashes the message if the mechanism has a hash. */
function inputOf({ mechanism, message }: Vector): Uint8Array {
  const { digest: hash } = mechanismNamed(mechanism);
  return hash === undefined ? hex(message) : digest(hashName(digestNamed(hash)), hex(message));
}

describe('mechanisms', () => {
  for (const vector of vectors) {
    test(`CKM_${vector.mechanism}: ${vector.source}`, async () => {
      if (vector.hash !== undefined) {
        const name = vector.mechanism === 'SHA_1' ? 'SHA1' : (vector.mechanism as DigestName);
        assert.equal(digest(hashName(digestNamed(name)), hex(vector.message)).toHex(), vector.hash);
        return;
      }
      const { publicKey, secret, signature = '' } = vector;
      const key = {
        ...(publicKey !== undefined && { signingKey: SigningKey.fromSpki(hex(publicKey)) }),
        ...(secret !== undefined && { secret: hex(secret) }),
      } as unknown as LoadedKey;
      const method = signatureMethod(mechanismNamed(vector.mechanism).mechanism, parameterOf(vector));
      assert.equal(await method.verify(key, inputOf(vector), hex(signature)), true);
      const changed = hex(signature);
      changed[3] = (changed[3] as number) ^ 1;
      assert.equal(await method.verify(key, inputOf(vector), changed), false);
      if (secret !== undefined) assert.equal((await method.sign(key, inputOf(vector))).toHex(), signature);
    });
  }

  test('each has a value of others, or is listed as one without', () => {
    const here = new Set(vectors.map(({ mechanism }) => mechanism));
    for (const { name } of MECHANISMS) {
      const elsewhere = ELSEWHERE.filter(([mechanisms]) => mechanisms.test(name));
      for (const [, file, words] of elsewhere) {
        assert.ok(readFileSync(new URL(`../${file}`, import.meta.url), 'utf8').includes(words), `${name}: ${words}`);
      }
      const hasValue = here.has(name) || elsewhere.length > 0;
      assert.equal(Object.hasOwn(WITHOUT, name), !hasValue, `CKM_${name}`);
    }
    for (const name of Object.keys(WITHOUT)) mechanismNamed(name);
  });
});
