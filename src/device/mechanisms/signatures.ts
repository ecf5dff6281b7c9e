/** Signature and MAC mechanisms: from the number to the function of our crypto. */

import { CKF_MECHANISM, CKM, CKR } from '#src/cryptoki/constants.ts';
import { digestNamed } from '#src/cryptoki/digests.ts';
import { type Mechanism, mechanismOf } from '#src/cryptoki/mechanisms.ts';
import { type Parameter, readOptionalParameter, readParameter } from '#src/cryptoki/parameters.ts';
import { CKH } from '#src/cryptoki/parameter-numbers.ts';
import { type EdDsaParameters, signEdDsa, verifyEdDsa } from '#src/crypto/eddsa.ts';
import { type HashName } from '#src/crypto/hashes.ts';
import { cmac, hmac, verifyCmac, verifyHmac } from '#src/crypto/mac.ts';
import { signMlDsa, verifyMlDsa } from '#src/crypto/ml-dsa.ts';
import { type Hedge, type PqSignatureParameters } from '#src/crypto/pq-signature.ts';
import {
  signRsaDigest,
  signRsaPss,
  signRsaRaw,
  verifyRsaDigest,
  verifyRsaPss,
  verifyRsaRaw,
} from '#src/crypto/rsa-signature.ts';
import { type SigningKey } from '#src/crypto/signing-key.ts';
import { signSlhDsa, verifySlhDsa } from '#src/crypto/slh-dsa.ts';
import { CkrError } from '#src/wire/status.ts';
import { type LoadedKey } from '../loaded-keys.ts';
import { hashName, hashOfMechanism } from './hash-functions.ts';
import { pssOf } from './parameters.ts';

type MaybeAsync<T> = T | Promise<T>;

/** A mechanism with its parameter, ready to be applied. */
interface SignatureMethod {
  sign(key: LoadedKey, data: Uint8Array): MaybeAsync<Uint8Array>;
  verify(key: LoadedKey, data: Uint8Array, signature: Uint8Array): MaybeAsync<boolean>;
}

/**
 * @throws CkrError CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID
 */
export function signatureMethod(number: number, parameter: Uint8Array): SignatureMethod {
  const mechanism = mechanismOf(number);
  if (mechanism === undefined || (mechanism.flags & CKF_MECHANISM.SIGN) === 0) {
    throw new CkrError(CKR.MECHANISM_INVALID, `mechanism 0x${number.toString(16)} does not sign`);
  }
  const { name } = mechanism;
  if (name === 'EDDSA') return edDsa(parameter);
  if (name.includes('ML_DSA')) return postQuantum(mechanism, parameter, signMlDsa, verifyMlDsa);
  if (name.includes('SLH_DSA')) return postQuantum(mechanism, parameter, signSlhDsa, verifySlhDsa);
  if (name.endsWith('_HMAC') || name.endsWith('_HMAC_GENERAL')) return hmacMethod(mechanism, parameter);
  if (name.startsWith('AES_CMAC')) return cmacMethod(mechanism, parameter);
  if (name.endsWith('RSA_PKCS_PSS')) return pssMethod(mechanism, parameter);
  if (name === 'RSA_X_509') return asymmetric(signRsaRaw, verifyRsaRaw);
  if (name === 'RSA_PKCS') return raw('rsa-pkcs1');
  if (name.endsWith('_RSA_PKCS')) return rsaDigest(libraryHash(mechanism));
  if (name.startsWith('ECDSA')) return ecdsa(mechanism);
  throw new CkrError(CKR.MECHANISM_INVALID, name);
}

function asymmetric(
  sign: (key: SigningKey, data: Uint8Array) => MaybeAsync<Uint8Array>,
  verify: (key: SigningKey, data: Uint8Array, signature: Uint8Array) => MaybeAsync<boolean>,
): SignatureMethod {
  return {
    sign: ({ signingKey }, data) => sign(signingKey, data),
    verify: ({ signingKey }, data, signature) => verify(signingKey, data, signature),
  };
}

/** What the signing key does by itself. */
function raw(scheme: 'rsa-pkcs1' | 'ecdsa'): SignatureMethod {
  return asymmetric(
    (key, data) => key.sign(scheme, data),
    (key, data, signature) => key.verify(scheme, data, signature),
  );
}

function rsaDigest(hash: HashName): SignatureMethod {
  return asymmetric(
    (key, value) => signRsaDigest(key, hash, value),
    (key, value, signature) => verifyRsaDigest(key, hash, value, signature),
  );
}

function pssMethod(mechanism: Mechanism, parameter: Uint8Array): SignatureMethod {
  const pss = pssOf(parameter);
  // The hash of the parameter and of the mechanism are the same (PKCS#11 3.2 section 6.1.10).
  if (mechanism.digest !== undefined && libraryHash(mechanism) !== pss.hash) {
    throw new CkrError(CKR.MECHANISM_PARAM_INVALID, 'another hash than that of the mechanism');
  }
  return asymmetric(
    (key, value) => signRsaPss(key, pss, value),
    (key, value, signature) => verifyRsaPss(key, pss, value, signature),
  );
}

function ecdsa(mechanism: Mechanism): SignatureMethod {
  if (mechanism.digest === undefined) return raw('ecdsa');
  const { size } = digestNamed(mechanism.digest);
  const method = raw('ecdsa');
  const check = (value: Uint8Array): void => {
    if (value.length !== size) throw new CkrError(CKR.DATA_LEN_RANGE, `a hash of ${value.length} bytes`);
  };
  return {
    sign(key, value) {
      check(value);
      return method.sign(key, value);
    },
    verify(key, value, signature) {
      check(value);
      return method.verify(key, value, signature);
    },
  };
}

function edDsa(parameter: Uint8Array): SignatureMethod {
  const given = readOptionalParameter('eddsa', parameter);
  const parameters: EdDsaParameters | undefined = given && { prehash: given.prehash !== 0, context: given.context };
  return asymmetric(
    (key, message) => signEdDsa(key, parameters, message),
    (key, message, signature) => verifyEdDsa(key, parameters, message, signature),
  );
}

const HEDGES = new Map<number, Hedge>([
  [CKH.HEDGE_PREFERRED, 'preferred'],
  [CKH.HEDGE_REQUIRED, 'required'],
  [CKH.DETERMINISTIC_REQUIRED, 'deterministic'],
]);
const NO_CONTEXT: Parameter<'signature'> = { hedge: CKH.HEDGE_PREFERRED, context: new Uint8Array(0), hash: 0 };

function postQuantum(
  mechanism: Mechanism,
  parameter: Uint8Array,
  sign: (key: SigningKey, parameters: PqSignatureParameters, input: Uint8Array) => Promise<Uint8Array>,
  verify: (
    key: SigningKey,
    parameters: PqSignatureParameters,
    input: Uint8Array,
    signature: Uint8Array,
  ) => Promise<boolean>,
): SignatureMethod {
  const { hedge: number, context, hash } = readOptionalParameter('signature', parameter) ?? NO_CONTEXT;
  const hedge = HEDGES.get(number);
  if (hedge === undefined) throw new CkrError(CKR.MECHANISM_PARAM_INVALID, `hedge ${number}`);
  const parameters = { hedge, context, ...prehash(mechanism, hash) };
  return asymmetric(
    (key, input) => sign(key, parameters, input),
    (key, input, signature) => verify(key, parameters, input, signature),
  );
}

/** The hash function of HashML-DSA and HashSLH-DSA: the mechanism's, or, of those without one, the parameter's. */
function prehash(mechanism: Mechanism, number: number): { hash?: HashName } {
  const isChosen = mechanism.mechanism === CKM.HASH_ML_DSA || mechanism.mechanism === CKM.HASH_SLH_DSA;
  if (isChosen) return { hash: hashOfMechanism(number) };
  if (number !== 0) throw new CkrError(CKR.MECHANISM_PARAM_INVALID, 'the mechanism has a hash of its own');
  return mechanism.digest === undefined ? {} : { hash: libraryHash(mechanism) };
}

function hmacMethod(mechanism: Mechanism, parameter: Uint8Array): SignatureMethod {
  const hash = hashName(digestNamed(hashOfHmac(mechanism)));
  const length = macLength(mechanism, parameter);
  return {
    sign: ({ secret }, data) => hmac(hash, secret, data, length),
    verify: ({ secret }, data, mac) => verifyHmac(hash, secret, data, mac, length),
  };
}

/** CKM_SHA_1_HMAC is the one whose hash is called otherwise. */
function hashOfHmac({ name }: Mechanism): Parameters<typeof digestNamed>[0] {
  const hash = name.slice(0, name.indexOf('_HMAC'));
  return (hash === 'SHA_1' ? 'SHA1' : hash) as Parameters<typeof digestNamed>[0];
}

function cmacMethod(mechanism: Mechanism, parameter: Uint8Array): SignatureMethod {
  const length = macLength(mechanism, parameter);
  return {
    sign: ({ secret }, data) => cmac(secret, data, length),
    verify: ({ secret }, data, mac) => verifyCmac(secret, data, mac, length),
  };
}

/** Of the _GENERAL mechanisms; `undefined` is the whole MAC. */
function macLength(mechanism: Mechanism, parameter: Uint8Array): number | undefined {
  return mechanism.parameter === 'macLength' ? readParameter('macLength', parameter).length : undefined;
}

function libraryHash({ digest, name }: Mechanism): HashName {
  if (digest === undefined) throw new CkrError(CKR.MECHANISM_INVALID, name);
  return hashName(digestNamed(digest));
}
