/** AES of the fake appliance, by node:crypto: what ENCRYPT and DECRYPT do for a whole request. */

import { createCipheriv, createDecipheriv } from 'node:crypto';

import { CKM, CKR } from '#src/cryptoki/constants.ts';
import { readParameter } from '#src/cryptoki/parameters.ts';
import { CkrError } from '#src/wire/status.ts';

interface Cipher {
  readonly mechanism: number;
  readonly parameter: Uint8Array;
  readonly data: Uint8Array;
}

function modeOf({ mechanism, parameter }: Cipher): { mode: string; iv: Uint8Array | null } {
  switch (mechanism) {
    case CKM.AES_ECB:
      return { mode: 'ecb', iv: null };
    case CKM.AES_CBC:
    case CKM.AES_CBC_PAD:
      return { mode: 'cbc', iv: readParameter('iv', parameter).iv };
    case CKM.AES_CTR:
      return { mode: 'ctr', iv: readParameter('ctr', parameter).block };
    default:
      throw new CkrError(CKR.MECHANISM_INVALID);
  }
}

export function encryptAes(key: Uint8Array, request: Cipher): Buffer {
  if (request.mechanism === CKM.AES_GCM) {
    const { iv, aad, tagBits } = readParameter('gcm', request.parameter);
    const cipher = createCipheriv('aes-256-gcm', key, iv, { authTagLength: tagBits / 8 }).setAAD(aad);
    return Buffer.concat([cipher.update(request.data), cipher.final(), cipher.getAuthTag()]);
  }
  const { mode, iv } = modeOf(request);
  const cipher = createCipheriv(`aes-256-${mode}`, key, iv);
  cipher.setAutoPadding(request.mechanism === CKM.AES_CBC_PAD);
  return Buffer.concat([cipher.update(request.data), cipher.final()]);
}

export function decryptAes(key: Uint8Array, request: Cipher): Buffer {
  if (request.mechanism === CKM.AES_GCM) {
    const { iv, aad, tagBits } = readParameter('gcm', request.parameter);
    const end = request.data.length - tagBits / 8;
    const decipher = createDecipheriv('aes-256-gcm', key, iv, { authTagLength: tagBits / 8 }).setAAD(aad);
    decipher.setAuthTag(request.data.subarray(end));
    return Buffer.concat([decipher.update(request.data.subarray(0, end)), decipher.final()]);
  }
  const { mode, iv } = modeOf(request);
  const decipher = createDecipheriv(`aes-256-${mode}`, key, iv);
  decipher.setAutoPadding(request.mechanism === CKM.AES_CBC_PAD);
  return Buffer.concat([decipher.update(request.data), decipher.final()]);
}
