/** Encryption mechanisms: from the number to the function of our crypto. */

import { CKF_MECHANISM, CKR } from '#src/cryptoki/constants.ts';
import { mechanismOf } from '#src/cryptoki/mechanisms.ts';
import { readParameter } from '#src/cryptoki/parameters.ts';
import { decryptCcm, decryptGcm, encryptCcm, encryptGcm } from '#src/crypto/aes-aead.ts';
import {
  aesCtr,
  decryptAesCbc,
  decryptAesCbcPad,
  decryptAesEcb,
  encryptAesCbc,
  encryptAesCbcPad,
  encryptAesEcb,
} from '#src/crypto/aes.ts';
import {
  decryptRsaOaep,
  decryptRsaPkcs1,
  decryptRsaRaw,
  encryptRsaOaep,
  encryptRsaPkcs1,
  encryptRsaRaw,
} from '#src/crypto/rsa-encryption.ts';
import { type SigningKey } from '#src/crypto/signing-key.ts';
import { CkrError } from '#src/wire/status.ts';
import { type LoadedKey } from '../loaded-keys.ts';
import { oaepOf } from './parameters.ts';

/** A mechanism with its parameter, ready to be applied. */
interface Cipher {
  encrypt(key: LoadedKey, data: Uint8Array): Promise<Uint8Array>;
  decrypt(key: LoadedKey, data: Uint8Array): Promise<Uint8Array>;
}

/** @throws CkrError CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID */
export function cipherOf(number: number, parameter: Uint8Array): Cipher {
  const mechanism = mechanismOf(number);
  if (mechanism === undefined || (mechanism.flags & CKF_MECHANISM.ENCRYPT) === 0) {
    throw new CkrError(CKR.MECHANISM_INVALID, `mechanism 0x${number.toString(16)} does not encrypt`);
  }
  switch (mechanism.name) {
    case 'RSA_PKCS':
      return asymmetric(encryptRsaPkcs1, decryptRsaPkcs1);
    case 'RSA_X_509':
      return asymmetric(encryptRsaRaw, decryptRsaRaw);
    case 'RSA_PKCS_OAEP': {
      const oaep = oaepOf(readParameter('oaep', parameter));
      return asymmetric(
        (key, data) => encryptRsaOaep(key, oaep, data),
        (key, data) => decryptRsaOaep(key, oaep, data),
      );
    }
    case 'AES_ECB':
      return symmetric(encryptAesEcb, decryptAesEcb);
    case 'AES_CBC':
    case 'AES_CBC_PAD': {
      const { iv } = readParameter('iv', parameter);
      const isPadded = mechanism.name === 'AES_CBC_PAD';
      return symmetric(
        (key, data) => (isPadded ? encryptAesCbcPad : encryptAesCbc)(key, iv, data),
        (key, data) => (isPadded ? decryptAesCbcPad : decryptAesCbc)(key, iv, data),
      );
    }
    case 'AES_CTR': {
      const ctr = readParameter('ctr', parameter);
      const work = (key: Uint8Array, data: Uint8Array) => aesCtr(key, ctr, data);
      return symmetric(work, work);
    }
    case 'AES_GCM': {
      const gcm = readParameter('gcm', parameter);
      return symmetric(
        (key, data) => encryptGcm(key, gcm, data),
        (key, data) => decryptGcm(key, gcm, data),
      );
    }
    case 'AES_CCM': {
      const ccm = readParameter('ccm', parameter);
      return symmetric(
        (key, data) => encryptCcm(key, ccm, data),
        (key, data) => decryptCcm(key, ccm, data),
      );
    }
    default:
      throw new CkrError(CKR.MECHANISM_INVALID, mechanism.name);
  }
}

type Work<K> = (key: K, data: Uint8Array) => Uint8Array | Promise<Uint8Array>;

function asymmetric(encrypt: Work<SigningKey>, decrypt: Work<SigningKey>): Cipher {
  return {
    encrypt: async ({ signingKey }, data) => encrypt(signingKey, data),
    decrypt: async ({ signingKey }, data) => decrypt(signingKey, data),
  };
}

function symmetric(encrypt: Work<Uint8Array>, decrypt: Work<Uint8Array>): Cipher {
  return {
    encrypt: async ({ secret }, data) => encrypt(secret, data),
    decrypt: async ({ secret }, data) => decrypt(secret, data),
  };
}
