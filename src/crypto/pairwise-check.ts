/** The pairwise consistency test of FIPS 140-3: what one half of a new key does, the other half must undo or confirm. */

import { timingSafeEqual } from 'node:crypto';

import { KeyType } from '#src/wire/enumerations.ts';

import { EvpOperation } from './native.ts';
import { evp } from './evp.ts';
import { signMlDsa, verifyMlDsa } from './ml-dsa.ts';
import { decapsulate, encapsulate } from './ml-kem.ts';
import { type PqSignatureParameters } from './pq-signature.ts';
import { wipe } from './process-hardening.ts';
import { type SignatureScheme, type SigningKey } from './signing-key.ts';
import { signSlhDsa, verifySlhDsa } from './slh-dsa.ts';

const PROBE = new Uint8Array(32).fill(0x5a);
const HEDGED: PqSignatureParameters = { hedge: 'preferred', context: new Uint8Array(0) };

/** Whether both halves work together. */
export async function isPair(privateKey: SigningKey, publicKey: SigningKey): Promise<boolean> {
  switch (privateKey.type) {
    case KeyType.RSA_PRIVATE:
      return signs('rsa-pkcs1', privateKey, publicKey);
    case KeyType.EC_PRIVATE:
      return signs('ecdsa', privateKey, publicKey);
    case KeyType.ED_PRIVATE:
      return signs('eddsa', privateKey, publicKey);
    case KeyType.X_PRIVATE:
      // The public half is computed from the private one again.
      return (await evp(EvpOperation.CHECK_PAIR, privateKey, [], new Uint8Array(0))) !== undefined;
    case KeyType.ML_DSA_PRIVATE:
      return verifyMlDsa(publicKey, HEDGED, PROBE, await signMlDsa(privateKey, HEDGED, PROBE));
    case KeyType.SLH_DSA_PRIVATE:
      return verifySlhDsa(publicKey, HEDGED, PROBE, await signSlhDsa(privateKey, HEDGED, PROBE));
    case KeyType.ML_KEM_PRIVATE:
      return encapsulates(privateKey, publicKey);
    default:
      return false;
  }
}

async function signs(scheme: SignatureScheme, privateKey: SigningKey, publicKey: SigningKey): Promise<boolean> {
  return publicKey.verify(scheme, PROBE, await privateKey.sign(scheme, PROBE));
}

async function encapsulates(privateKey: SigningKey, publicKey: SigningKey): Promise<boolean> {
  const { ciphertext, secret } = await encapsulate(publicKey);
  const found = await decapsulate(privateKey, ciphertext);
  const equal = timingSafeEqual(secret, found);
  wipe(secret);
  wipe(found);
  return equal;
}
