/** Mechanisms that derive keys: from the number to the function of our crypto. */

import { CKF_MECHANISM, CKM, CKR } from '#src/cryptoki/constants.ts';
import { CKD, CKF_HKDF_SALT, CK_SP800_108 } from '#src/cryptoki/parameter-numbers.ts';
import { mechanismOf } from '#src/cryptoki/mechanisms.ts';
import { type Parameter, readParameter } from '#src/cryptoki/parameters.ts';
import { HASHES, type HashName } from '#src/crypto/hashes.ts';
import { hkdfExpand, hkdfExtract } from '#src/crypto/hkdf.ts';
import { kbkdf, type KbkdfField, type KbkdfMode, type KbkdfPrf } from '#src/crypto/kbkdf.ts';
import { agreeAndDerive } from '#src/crypto/key-agreement.ts';
import { wipe } from '#src/crypto/process-hardening.ts';
import { CkrError } from '#src/wire/status.ts';
import { type LoadedKey } from '../loaded-keys.ts';
import { hashOfMechanism } from './hash-functions.ts';

/** A mechanism with its parameter, ready to be applied. */
interface Derivation {
  /** UUID of a second key that takes part. */
  readonly saltKey?: Uint8Array;
  /** The caller wipes the result. @param length bytes wanted; `undefined` for as many as the mechanism gives */
  derive(base: LoadedKey, salt: LoadedKey | undefined, length: number | undefined): Promise<Uint8Array>;
}

/** @throws CkrError CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID */
export function derivation(number: number, parameter: Uint8Array): Derivation {
  const mechanism = mechanismOf(number);
  if (mechanism === undefined || (mechanism.flags & CKF_MECHANISM.DERIVE) === 0) {
    throw new CkrError(CKR.MECHANISM_INVALID, `mechanism 0x${number.toString(16)} does not derive`);
  }
  switch (number) {
    case CKM.ECDH1_DERIVE:
      return ecdh(readParameter('ecdh', parameter));
    case CKM.HKDF_DERIVE:
      return hkdf(readParameter('hkdf', parameter));
    case CKM.SP800_108_COUNTER_KDF:
      return keyBased('counter', readParameter('kdf108', parameter));
    case CKM.SP800_108_FEEDBACK_KDF:
      return keyBased('feedback', readParameter('kdf108', parameter));
    case CKM.SP800_108_DOUBLE_PIPELINE_KDF:
      return keyBased('double-pipeline', readParameter('kdf108', parameter));
    default:
      throw new CkrError(CKR.MECHANISM_INVALID, mechanism.name);
  }
}

/** ANSI X9.63 only; the functions of SP 800-56A are other ones. */
const KDF_HASHES = new Map<number, HashName>([
  [CKD.SHA1_KDF, 'sha1'],
  [CKD.SHA224_KDF, 'sha224'],
  [CKD.SHA256_KDF, 'sha256'],
  [CKD.SHA384_KDF, 'sha384'],
  [CKD.SHA512_KDF, 'sha512'],
  [CKD.SHA3_224_KDF, 'sha3-224'],
  [CKD.SHA3_256_KDF, 'sha3-256'],
  [CKD.SHA3_384_KDF, 'sha3-384'],
  [CKD.SHA3_512_KDF, 'sha3-512'],
]);

function ecdh({ kdf, sharedData, publicData }: Parameter<'ecdh'>): Derivation {
  const hash = KDF_HASHES.get(kdf);
  if (hash === undefined && kdf !== CKD.NULL) throw invalid(`key derivation function ${kdf}`);
  if (kdf === CKD.NULL && sharedData.length > 0) throw invalid('shared data without a function that takes it');
  return {
    async derive({ signingKey }, _salt, length) {
      if (hash !== undefined && length === undefined) throw incomplete();
      return agreeAndDerive(signingKey, publicData, hash, sharedData, length);
    },
  };
}

function hkdf({ extract, expand, prf, saltType, salt, saltKey, info }: Parameter<'hkdf'>): Derivation {
  const hash = hashOfMechanism(prf);
  const isKey = saltType === CKF_HKDF_SALT.KEY;
  if (extract === 0 && expand === 0) throw invalid('neither extract nor expand');
  if (extract !== 0) {
    if (!isKey && saltType !== CKF_HKDF_SALT.NULL && saltType !== CKF_HKDF_SALT.DATA) throw invalid('kind of salt');
    if (isKey !== saltKey.length > 0) throw invalid('a salt key is missing, or one too many');
  }
  if (isKey && saltKey.length !== 16) throw invalid('a salt key is missing');
  return {
    ...(isKey && extract !== 0 ? { saltKey } : {}),
    async derive({ secret }, saltOf, length) {
      const { size } = HASHES[hash];
      if (expand === 0) {
        if (length !== undefined && length !== size) throw new CkrError(CKR.KEY_SIZE_RANGE, 'extract gives one hash');
        return hkdfExtract(hash, saltBytes(saltType, salt, saltOf), secret);
      }
      const prk = extract === 0 ? secret : await hkdfExtract(hash, saltBytes(saltType, salt, saltOf), secret);
      try {
        return await hkdfExpand(hash, prk, info, length ?? size);
      } finally {
        if (prk !== secret) wipe(prk);
      }
    },
  };
}

function saltBytes(saltType: number, salt: Uint8Array, key: LoadedKey | undefined): Uint8Array | undefined {
  if (saltType === CKF_HKDF_SALT.KEY) return key?.secret;
  return saltType === CKF_HKDF_SALT.DATA ? salt : undefined;
}

function keyBased(mode: KbkdfMode, { prf: number, iv, parts }: Parameter<'kdf108'>): Derivation {
  const prf = prfOf(number);
  if (mode !== 'feedback' && iv.length > 0) throw invalid('only the feedback mode has an initial value');
  const fields = parts.map((part) => fieldOf(mode, part));
  return {
    async derive({ secret }, _salt, length) {
      if (length === undefined) throw incomplete();
      return kbkdf(mode, prf, secret, iv.length > 0 ? { fields, iv } : { fields }, length);
    },
  };
}

/** CK_SP800_108_PRF_TYPE is the number of a MAC mechanism. */
function prfOf(number: number): KbkdfPrf {
  const mechanism = mechanismOf(number);
  if (number === CKM.AES_CMAC) return { kind: 'cmac' };
  if (!mechanism?.name.endsWith('_HMAC')) throw invalid(`pseudo-random function 0x${number.toString(16)}`);
  const hash = mechanism.name.slice(0, -'_HMAC'.length) as 'SHA_1' | 'SHA256';
  return { kind: 'hmac', hash: hashOfMechanism(CKM[hash]) };
}

function fieldOf(mode: KbkdfMode, { type, value }: Parameter<'kdf108'>['parts'][number]): KbkdfField {
  switch (type) {
    case CK_SP800_108.ITERATION_VARIABLE: {
      // CK_SP800_108_COUNTER_FORMAT in the counter mode; else it is what the round before gave.
      if (mode !== 'counter') {
        if (value.length > 0) throw invalid('format of the iteration variable');
        return { kind: 'iteration', bits: 32 };
      }
      const [littleEndian, bits] = words(value, 2) as [number, number];
      return { kind: 'iteration', bits, littleEndian: littleEndian !== 0 };
    }
    case CK_SP800_108.COUNTER: {
      const [littleEndian, bits] = words(value, 2) as [number, number];
      return { kind: 'counter', bits, littleEndian: littleEndian !== 0 };
    }
    case CK_SP800_108.DKM_LENGTH: {
      const [method, littleEndian, bits] = words(value, 3) as [number, number, number];
      const isKeys = method === CK_SP800_108.DKM_LENGTH_SUM_OF_KEYS;
      if (!isKeys && method !== CK_SP800_108.DKM_LENGTH_SUM_OF_SEGMENTS) throw invalid('method of the length');
      return {
        kind: 'length',
        bits,
        littleEndian: littleEndian !== 0,
        method: isKeys ? 'keys' : 'segments',
      };
    }
    case CK_SP800_108.BYTE_ARRAY:
      return { kind: 'bytes', value };
    default:
      throw invalid(`part ${type}`);
  }
}

function words(value: Uint8Array, count: number): number[] {
  if (value.length !== 4 * count) throw invalid('format of a part');
  const view = new DataView(value.buffer, value.byteOffset, value.length);
  return Array.from({ length: count }, (_, i) => view.getUint32(4 * i));
}

function invalid(detail: string): CkrError {
  return new CkrError(CKR.MECHANISM_PARAM_INVALID, detail);
}

function incomplete(): CkrError {
  return new CkrError(CKR.TEMPLATE_INCOMPLETE, 'the length of the key is missing');
}
