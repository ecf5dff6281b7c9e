/** Known answers of the algorithms with key pairs. */

import { Curve } from '#src/wire/enumerations.ts';

import { type CurveParameters, curveParameters } from './curves.ts';
import { signEdDsa } from './eddsa.ts';
import { digest } from './hashes.ts';
import { agree } from './key-agreement.ts';
import { type KnownAnswer } from './known-answers.ts';
import {
  KNOWN_OAEP_CIPHERTEXT,
  KNOWN_PKCS1_CIPHERTEXT,
  KNOWN_PSS_SIGNATURE,
  KNOWN_RSA_KEY,
  KNOWN_RSA_SIGNATURE,
} from './known-rsa.ts';
import { signMlDsa } from './ml-dsa.ts';
import { decapsulate, encapsulateWith } from './ml-kem.ts';
import { EvpOperation, native } from './native.ts';
import { postQuantumSecrets, writePostQuantumPrivateKey } from './post-quantum-key.ts';
import { writeCurveKey } from './private-key.ts';
import { ecPublicKey } from './public-key.ts';
import { decryptRsaOaep, decryptRsaPkcs1 } from './rsa-encryption.ts';
import { signRsaDigest, verifyRsaPss } from './rsa-signature.ts';
import { SigningKey } from './signing-key.ts';
import { signSlhDsa } from './slh-dsa.ts';

const hex = (text: string): Buffer => Buffer.from(text, 'hex');
const NO_BYTES = new Uint8Array(0);
const DETERMINISTIC = { hedge: 'deterministic', context: NO_BYTES } as const;

/** Runs with a key that is destroyed afterwards. */
async function withKey<T>(key: SigningKey, use: (key: SigningKey) => T | Promise<T>): Promise<T> {
  try {
    return await use(key);
  } finally {
    key.destroy();
  }
}

const rsaKey = (): SigningKey => SigningKey.fromPkcs8(KNOWN_RSA_KEY);
const sha256 = (...parts: readonly Uint8Array[]): Uint8Array => digest('sha256', ...parts);
const yes = (value: boolean): Uint8Array => Uint8Array.of(Number(value));

function curveKey(curve: Curve, secret: string): SigningKey {
  return SigningKey.fromPkcs8(writeCurveKey(curveParameters(curve) as CurveParameters, hex(secret)));
}

function verifies(curve: Curve, point: string, hashValue: Uint8Array, signature: string): Promise<Uint8Array> {
  const { spki } = ecPublicKey(curveParameters(curve) as CurveParameters, hex(point));
  return withKey(SigningKey.fromSpki(spki), (key) => yes(key.verify('ecdsa', hashValue, hex(signature))));
}

function agrees(curve: Curve, secret: string, publicKey: string): Promise<Uint8Array> {
  return withKey(curveKey(curve, secret), (key) => agree(key, hex(publicKey)));
}

const RSA_ANSWERS: readonly KnownAnswer[] = [
  {
    name: 'RSA PKCS#1 signature',
    compute: () =>
      withKey(rsaKey(), async (key) => sha256(await signRsaDigest(key, 'sha256', sha256(Buffer.from('abc'))))),
    expected: KNOWN_RSA_SIGNATURE,
  },
  {
    name: 'RSA-PSS',
    compute: () =>
      withKey(rsaKey(), async (key) => {
        const parameters = { hash: 'sha256', mgf: 'sha256', saltLength: 32 } as const;
        return yes(await verifyRsaPss(key, parameters, sha256(), KNOWN_PSS_SIGNATURE));
      }),
    expected: '01',
  },
  {
    name: 'RSA-OAEP',
    compute: () =>
      withKey(rsaKey(), (key) =>
        decryptRsaOaep(key, { hash: 'sha256', mgf: 'sha1', label: NO_BYTES }, KNOWN_OAEP_CIPHERTEXT),
      ),
    expected: '54657374',
  },
  {
    name: 'RSA PKCS#1 decryption',
    compute: () => withKey(rsaKey(), (key) => decryptRsaPkcs1(key, KNOWN_PKCS1_CIPHERTEXT)),
    expected: '616263',
  },
];

const CURVE_ANSWERS: readonly KnownAnswer[] = [
  {
    // RFC 6979 appendix A.2.5, SHA-256 of "sample".
    name: 'ECDSA P-256',
    compute: () =>
      verifies(
        Curve.P256,
        '0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb67903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299',
        sha256(Buffer.from('sample')),
        'efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8',
      ),
    expected: '01',
  },
  {
    // The private key 1, so that the base point is the public key; deterministic as RFC 6979 has it.
    name: 'ECDSA secp256k1',
    compute: () =>
      verifies(
        Curve.SECP256K1,
        '0479be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8',
        sha256(Buffer.from('Satoshi Nakamoto')),
        '934b1ea10a4b3c1757e2b0c017d0b6143ce3c9a7e6a4a49860d7a6ab210ee3d82442ce9d2b916064108014783e923ec36b49743e2ffa1c4496f01a512aafd9e5',
      ),
    expected: '01',
  },
  {
    // RFC 5903 section 8.1.
    name: 'ECDH P-256',
    compute: () =>
      agrees(
        Curve.P256,
        'c88f01f510d9ac3f70a292daa2316de544e9aab8afe84049c62a9c57862d1433',
        '04d12dfb5289c8d4f81208b70270398c342296970a0bccb74c736fc7554494bf6356fbf3ca366cc23e8157854c13c58d6aac23f046ada30f8353e74f33039872ab',
      ),
    expected: 'd6840f6b42f6edafd13116e0e12565202fef8e9ece7dce03812464d04b9442de',
  },
  {
    // RFC 7027 appendix A.1.
    name: 'ECDH brainpoolP256r1',
    compute: () =>
      agrees(
        Curve.BRAINPOOL_P256R1,
        '81db1ee100150ff2ea338d708271be38300cb54241d79950f77b063039804f1d',
        '048d2d688c6cf93e1160ad04cc4429117dc2c41825e1e9fca0addd34e6f1b39f7b990c57520812be512641e47034832106bc7d3e8dd0e4c7f1136d7006547cec6a',
      ),
    expected: '89afc39d41d3b327814b80940b042590f96556ec91e6ae7939bce31f3a18bf2b',
  },
  {
    // RFC 7748 section 6.1.
    name: 'X25519',
    compute: () =>
      agrees(
        Curve.X25519,
        '5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb',
        '8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a',
      ),
    expected: '4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742',
  },
  {
    // RFC 7748 section 6.2.
    name: 'X448',
    compute: () =>
      agrees(
        Curve.X448,
        '9a8f4925d1519f5775cf46b04b5800d4ee9ee8bae8bc5565d498c28dd9c9baf574a9419744897391006382a6f127ab1d9ac2d8c0a598726b',
        '3eb7a829b0cd20f5bcfc0b599b6feccf6da4627107bdb0d4f345b43027d8b972fc3e34fb4232a13ca706dcb57aec3dae07bdc1c67bf33609',
      ),
    expected:
      '07fff4181ac6cc95ec1c16a94a0f74d12da232ce40a77552281d282bb60c0b56fd2464c335543936521c24403085d59a449a5037514a879d',
  },
  {
    // RFC 8032 section 7.1, test 1.
    name: 'Ed25519',
    compute: () =>
      withKey(curveKey(Curve.ED25519, '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60'), (key) =>
        signEdDsa(key, undefined, NO_BYTES),
      ),
    expected:
      'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
  },
  {
    // RFC 8032 section 7.3.
    name: 'Ed25519ph',
    compute: () =>
      withKey(curveKey(Curve.ED25519, '833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42'), (key) =>
        signEdDsa(key, { prehash: true, context: NO_BYTES }, Buffer.from('abc')),
      ),
    expected:
      '98a70222f0b8121aa9d30f813d683f809e462b469c7ff87639499bb94e6dae4131f85042463c2a355a2003d062adf5aaa10b8c61e636062aaad11c2a26083406',
  },
  {
    // RFC 8032 section 7.4, with a context.
    name: 'Ed448',
    compute: () =>
      withKey(
        curveKey(
          Curve.ED448,
          'c4eab05d357007c632f3dbb48489924d552b08fe0c353a0d4a1f00acda2c463afbea67c5e8d2877c5e3bc397a659949ef8021e954e0a12274e',
        ),
        (key) => signEdDsa(key, { prehash: false, context: Buffer.from('foo') }, Uint8Array.of(3)),
      ),
    expected:
      'd4f8f6131770dd46f40867d6fd5d5055de43541f8c5e35abbcd001b32a89f7d2151f7647f11d8ca2ae279fb842d607217fce6e042f6815ea00' +
      '0c85741de5c8da1144a6a1aba7f96de42505d7a7298524fda538fccbbb754f578c1cad10d54d0d5428407e85dcbc98a49155c13764e66c3c00',
  },
];

function generated(name: string, seed: string): Uint8Array {
  const pkcs8 = native.evp(EvpOperation.GENERATE, name, ['seed', hex(seed)], NO_BYTES, NO_BYTES);
  return pkcs8 ? (postQuantumSecrets(pkcs8).value ?? NO_BYTES) : NO_BYTES;
}

const ML_KEM_SEED = new Uint8Array(64).fill(0x2a);

const POST_QUANTUM_ANSWERS: readonly KnownAnswer[] = [
  {
    // Wycheproof mldsa_44_sign_seed, 1; SHA-256 of the signature.
    name: 'ML-DSA-44',
    compute: () =>
      withKey(
        SigningKey.fromPkcs8(writePostQuantumPrivateKey(Curve.ML_DSA_44, { seed: new Uint8Array(32).fill(0x2a) })),
        async (key) => sha256(await signMlDsa(key, DETERMINISTIC, Buffer.from('Hello world'))),
      ),
    expected: '8cd6fc03daa72e87210a4e721523e84c14f27733789075e65736744d4787fdd5',
  },
  {
    // SHA-256 of ciphertext, secret and the secret of an implicit rejection, by an implementation that passes the accumulated vectors
    // of C2SP CCTV.
    name: 'ML-KEM-768',
    compute: () =>
      withKey(
        SigningKey.fromPkcs8(writePostQuantumPrivateKey(Curve.ML_KEM_768, { seed: ML_KEM_SEED })),
        async (key) => {
          const { ciphertext, secret } = await encapsulateWith(key, ['ikme', ML_KEM_SEED.subarray(32)]);
          const found = await decapsulate(key, ciphertext);
          if (!Buffer.from(found).equals(secret)) return NO_BYTES;
          return sha256(ciphertext, secret, await decapsulate(key, new Uint8Array(ciphertext.length)));
        },
      ),
    expected: '8685b386dd48412872d83a3daf6b4c3d04ba424981ef7c2a1c17541500fd3a35',
  },
  {
    // NIST ACVP SLH-DSA-keyGen-FIPS205, tcId 21.
    name: 'SLH-DSA-SHA2-128f key',
    compute: () =>
      generated(
        'SLH-DSA-SHA2-128f',
        'e2bdaa37c8cffe5e8d5676c23267890c31441758f573285881cdc82ab911dd8472dc8d26df6ef708f4c41af9fd04b65a',
      ),
    expected:
      'e2bdaa37c8cffe5e8d5676c23267890c31441758f573285881cdc82ab911dd8472dc8d26df6ef708f4c41af9fd04b65a8927927229891d47a60d67ecef3d2c17',
  },
  {
    // NIST ACVP SLH-DSA-keyGen-FIPS205, tcId 31.
    name: 'SLH-DSA-SHAKE-128f key',
    compute: () =>
      generated(
        'SLH-DSA-SHAKE-128f',
        'bbc74306f75dc2daf7372b3c9841a4d6852c17b459f1692b8e9a1a0dace5ba26380c99304a0ddd32f344b95144e1fdef',
      ),
    expected:
      'bbc74306f75dc2daf7372b3c9841a4d6852c17b459f1692b8e9a1a0dace5ba26380c99304a0ddd32f344b95144e1fdef60bbc2340e08770fb41a80a76cb08e34',
  },
  {
    // With the key of tcId 21; SHA-256 of the signature, which is that of noble-post-quantum 0.7.1 too.
    name: 'SLH-DSA-SHA2-128f',
    compute: () =>
      withKey(
        SigningKey.fromPkcs8(
          writePostQuantumPrivateKey(Curve.SLH_DSA_SHA2_128F, {
            value: hex(
              'e2bdaa37c8cffe5e8d5676c23267890c31441758f573285881cdc82ab911dd8472dc8d26df6ef708f4c41af9fd04b65a8927927229891d47a60d67ecef3d2c17',
            ),
          }),
        ),
        async (key) => sha256(await signSlhDsa(key, DETERMINISTIC, Buffer.from('abc'))),
      ),
    expected: '5ce44ef3132fd1a6ccafcfb7a505252d12b09253c569806a7e664246d9876805',
  },
];

export const KEY_ANSWERS: readonly KnownAnswer[] = [...RSA_ANSWERS, ...CURVE_ANSWERS, ...POST_QUANTUM_ANSWERS];
