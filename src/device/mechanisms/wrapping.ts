/** Mechanisms that wrap keys: from the number to the function of our crypto. */

import { CKF_MECHANISM, CKR } from '#src/cryptoki/constants.ts';
import { mechanismOf } from '#src/cryptoki/mechanisms.ts';
import { readOptionalParameter, readParameter } from '#src/cryptoki/parameters.ts';
import { type AesWrapMode, unwrapWithAes, wrapWithAes } from '#src/crypto/aes-key-wrap.ts';
import { DerReader } from '#src/crypto/der.ts';
import { wipe } from '#src/crypto/process-hardening.ts';
import { CryptoRefusal } from '#src/crypto/refusal.ts';
import { unwrapRsaAes, wrapRsaAes } from '#src/crypto/rsa-aes-wrap.ts';
import { decryptRsaOaep, decryptRsaPkcs1, encryptRsaOaep, encryptRsaPkcs1 } from '#src/crypto/rsa-encryption.ts';
import { KeyType } from '#src/wire/enumerations.ts';
import { CkrError } from '#src/wire/status.ts';
import { type LoadedKey } from '../loaded-keys.ts';
import { type NewObject } from '../new-object.ts';
import { oaepOf } from './parameters.ts';

/** What a wrapped key shall be: of a secret key its length too, 0 if it is not known. */
type Wanted = Pick<NewObject, 'type' | 'bits'>;

/** A mechanism with its parameter, ready to be applied. */
interface WrappingMethod {
  /** The parameter, read whole before anything secret is touched. */
  wrap(key: LoadedKey, plain: Uint8Array): Promise<Uint8Array>;
  /**
   * The caller wipes the result.
   * @param wanted what the wrapped key shall be
   */
  unwrap(key: LoadedKey, wrapped: Uint8Array, wanted: Wanted): Promise<Uint8Array>;
}

const AES_MODES = new Map<string, AesWrapMode>([
  ['AES_KEY_WRAP', 'kw'],
  ['AES_KEY_WRAP_PAD', 'kwp'],
  ['AES_KEY_WRAP_KWP', 'kwp'],
  ['AES_KEY_WRAP_PKCS7', 'pkcs7'],
]);

/** @throws CkrError CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID */
export function wrappingMethod(number: number, parameter: Uint8Array): WrappingMethod {
  const mechanism = mechanismOf(number);
  if (mechanism === undefined || (mechanism.flags & CKF_MECHANISM.WRAP) === 0) {
    throw new CkrError(CKR.MECHANISM_INVALID, `mechanism 0x${number.toString(16)} does not wrap`);
  }
  const mode = AES_MODES.get(mechanism.name);
  if (mode !== undefined) return aesMethod(mode, parameter);
  switch (mechanism.name) {
    case 'RSA_PKCS':
      return {
        wrap: async ({ signingKey }, plain) => encryptRsaPkcs1(signingKey, plain),
        unwrap: ({ signingKey }, wrapped) => unwrapping(async () => decryptRsaPkcs1(signingKey, wrapped)),
      };
    case 'RSA_PKCS_OAEP': {
      const oaep = oaepOf(readParameter('oaep', parameter));
      return {
        wrap: async ({ signingKey }, plain) => encryptRsaOaep(signingKey, oaep, plain),
        unwrap: ({ signingKey }, wrapped) => unwrapping(async () => decryptRsaOaep(signingKey, oaep, wrapped)),
      };
    }
    case 'RSA_AES_KEY_WRAP': {
      const { aesBits, ...rest } = readParameter('rsaAesWrap', parameter);
      const parameters = { aesBits, oaep: oaepOf(rest) };
      return {
        wrap: async ({ signingKey }, plain) => wrapRsaAes(signingKey, parameters, plain),
        unwrap: ({ signingKey }, wrapped) => unwrapping(async () => unwrapRsaAes(signingKey, parameters, wrapped)),
      };
    }
    default:
      throw new CkrError(CKR.MECHANISM_INVALID, mechanism.name);
  }
}

function aesMethod(mode: AesWrapMode, parameter: Uint8Array): WrappingMethod {
  const given = readOptionalParameter('iv', parameter)?.iv;
  const iv = given?.length === 0 ? undefined : given;
  return {
    wrap: async ({ secret }, plain) => {
      const padded = mode === 'kw' ? zeroPadded(plain) : plain;
      try {
        return wrapWithAes(secret, mode, padded, iv);
      } finally {
        if (padded !== plain) wipe(padded);
      }
    },
    unwrap: ({ secret }, wrapped, wanted) =>
      unwrapping(async () => {
        const plain = unwrapWithAes(secret, mode, wrapped, iv);
        return mode === 'kw' ? withoutPadding(plain, wanted) : plain;
      }),
  };
}

/** RFC 3394 takes whole blocks of 8 bytes; PKCS#11 fills them up with zeros. */
function zeroPadded(plain: Uint8Array): Uint8Array {
  const surplus = plain.length % 8;
  if (surplus === 0) return plain;
  const padded = new Uint8Array(plain.length + 8 - surplus);
  padded.set(plain);
  return padded;
}

/** The encoding of a private key tells where it ends, a secret key has the length that was asked for. Anything but zeros stays. */
function withoutPadding(plain: Uint8Array, { type, bits }: Wanted): Uint8Array {
  const end = type === KeyType.SECRET ? bits / 8 || plain.length : encodedLength(plain);
  if (end >= plain.length || plain.length - end >= 8 || plain.subarray(end).some((byte) => byte !== 0)) return plain;
  const key = plain.slice(0, end);
  wipe(plain);
  return key;
}

function encodedLength(der: Uint8Array): number {
  const reader = new DerReader(der);
  try {
    reader.sequence();
    return reader.offset;
  } catch {
    // No private key, as its reader will say.
    return der.length;
  }
}

/** What is wrong with a ciphertext is wrong with a wrapped key. */
async function unwrapping(work: () => Promise<Uint8Array>): Promise<Uint8Array> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof CryptoRefusal)) throw error;
    if (error.reason === 'encrypted-data') throw new CryptoRefusal('wrapped-key');
    if (error.reason === 'encrypted-data-length') throw new CryptoRefusal('wrapped-key-length');
    throw error;
  }
}
