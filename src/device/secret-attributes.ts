/** The attributes that are the secret of a key (PKCS#11 3.2 sections 6.1.3, 6.3.4, 6.67 and following). */

import { CKA } from '#src/cryptoki/constants.ts';
import { readPrivateKey } from '#src/crypto/private-key.ts';
import { postQuantumSecrets } from '#src/crypto/post-quantum-key.ts';
import { type Attribute } from '#src/store/stored-key.ts';
import { KeyType } from '#src/wire/enumerations.ts';

/** In the order of RSAPrivateKey from the private exponent on. */
const RSA_SECRETS = [
  CKA.PRIVATE_EXPONENT,
  CKA.PRIME_1,
  CKA.PRIME_2,
  CKA.EXPONENT_1,
  CKA.EXPONENT_2,
  CKA.COEFFICIENT,
] as const;

/** Copies, to be wiped by the caller. @param secret PKCS#8, or the value of a secret key */
export function secretAttributes(type: KeyType, secret: Uint8Array): Attribute[] {
  if (type === KeyType.SECRET) return [{ type: CKA.VALUE, value: secret.slice() }];
  const fields = readPrivateKey(secret);
  switch (fields.kind) {
    case 'rsa': {
      const secrets = fields.numbers.slice(2);
      return RSA_SECRETS.map((attribute, i) => ({ type: attribute, value: (secrets[i] as Uint8Array).slice() }));
    }
    case 'curve':
      return [{ type: CKA.VALUE, value: fields.secret.slice() }];
    case 'post-quantum': {
      const { value, seed } = postQuantumSecrets(secret);
      const parts: Attribute[] = [];
      if (value) parts.push({ type: CKA.VALUE, value: value.slice() });
      if (seed) parts.push({ type: CKA.SEED, value: seed.slice() });
      return parts;
    }
  }
}
