/** Keys for the tests of the post-quantum algorithms. */

import { writePostQuantumPrivateKey, type PostQuantumSecrets } from '#src/crypto/post-quantum-key.ts';
import { postQuantumParameters, type PostQuantumParameters } from '#src/crypto/post-quantum.ts';
import { validatePrivateKey } from '#src/crypto/private-key.ts';
import { parsePublicKey } from '#src/crypto/public-key.ts';
import { SigningKey } from '#src/crypto/signing-key.ts';
import { type Curve } from '#src/wire/enumerations.ts';

export interface Pair {
  readonly parameters: PostQuantumParameters;
  readonly privateKey: SigningKey;
  readonly publicKey: SigningKey;
  readonly pkcs8: Uint8Array;
  /** The raw public key. */
  readonly value: Uint8Array;
}

/** Both halves of a key from its secret parts. */
export function pairOf(curve: Curve, secrets: PostQuantumSecrets): Pair {
  const { pkcs8, spki } = validatePrivateKey(writePostQuantumPrivateKey(curve, secrets));
  return {
    parameters: postQuantumParameters(curve) as PostQuantumParameters,
    privateKey: SigningKey.fromPkcs8(pkcs8),
    publicKey: SigningKey.fromSpki(spki),
    pkcs8,
    value: parsePublicKey(spki).value as Uint8Array,
  };
}
