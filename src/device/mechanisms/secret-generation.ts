/** Mechanisms that make secret keys out of nothing, or of a password. */

import { CKM, CKR } from '#src/cryptoki/constants.ts';
import { CKP_PKCS5_PBKD2 } from '#src/cryptoki/parameter-numbers.ts';
import { readParameter } from '#src/cryptoki/parameters.ts';
import { type HashName } from '#src/crypto/hashes.ts';
import { pbkdf2 } from '#src/crypto/pbkdf2.ts';
import { wipe } from '#src/crypto/process-hardening.ts';
import { randomSecret } from '#src/crypto/secret-key.ts';
import { CkrError } from '#src/wire/status.ts';

const PBKDF2_HASHES = new Map<number, HashName>([
  [CKP_PKCS5_PBKD2.HMAC_SHA1, 'sha1'],
  [CKP_PKCS5_PBKD2.HMAC_SHA224, 'sha224'],
  [CKP_PKCS5_PBKD2.HMAC_SHA256, 'sha256'],
  [CKP_PKCS5_PBKD2.HMAC_SHA384, 'sha384'],
  [CKP_PKCS5_PBKD2.HMAC_SHA512, 'sha512'],
  [CKP_PKCS5_PBKD2.HMAC_SHA512_224, 'sha512-224'],
  [CKP_PKCS5_PBKD2.HMAC_SHA512_256, 'sha512-256'],
]);

/**
 * The value of a new secret key, to be wiped by the caller.
 * @throws CkrError CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID
 */
export async function generateSecret(mechanism: number, parameter: Uint8Array, length: number): Promise<Uint8Array> {
  switch (mechanism) {
    case CKM.AES_KEY_GEN:
    case CKM.GENERIC_SECRET_KEY_GEN:
    case CKM.HKDF_KEY_GEN:
      return randomSecret(length);
    case CKM.PKCS5_PBKD2: {
      const { prf, salt, iterations, password } = readParameter('pbkdf2', parameter);
      const hash = PBKDF2_HASHES.get(prf);
      if (hash === undefined) throw new CkrError(CKR.MECHANISM_PARAM_INVALID, `pseudo-random function ${prf}`);
      try {
        return await pbkdf2(hash, password, salt, iterations, length);
      } finally {
        wipe(password);
      }
    }
    default:
      throw new CkrError(CKR.MECHANISM_INVALID, `mechanism 0x${mechanism.toString(16)} makes no secret key`);
  }
}
