/** OpenSSL's operations with keys, on the thread pool. */

import { type KeyType } from '#src/wire/enumerations.ts';
import { HalError } from '#src/wire/status.ts';

import { EvpOperation, type EvpParameters, native } from './native.ts';
import { CryptoRefusal } from './refusal.ts';
import { type SigningKey } from './signing-key.ts';

const NO_BYTES = new Uint8Array(0);

/** Requires a key of one of these types. */
export function requireType(key: SigningKey, ...types: readonly KeyType[]): void {
  if (!types.includes(key.type)) throw new CryptoRefusal('key-type', `key type ${key.type}`);
}

/** The result of an operation, `undefined` if OpenSSL refuses. */
export async function evp(
  operation: EvpOperation,
  key: SigningKey,
  parameters: EvpParameters,
  input: Uint8Array,
): Promise<Uint8Array | undefined> {
  return native.evpOnPool(operation, key.handle, parameters, input, NO_BYTES);
}

/** Makes a signature over a hash or padded value, or over a message; it is verified before it comes back. */
export async function evpSign(
  kind: 'hash' | 'message',
  key: SigningKey,
  parameters: EvpParameters,
  input: Uint8Array,
): Promise<Uint8Array> {
  if (!key.isPrivate) throw new CryptoRefusal('key-type', 'a public key cannot sign');
  const signature = await evp(OPERATIONS[kind].sign, key, parameters, input);
  if (!signature) throw new HalError('ASSERTION_FAILED', 'no valid signature came about, nothing was released');
  return signature;
}

/** Whether a signature is right; anything but one of the right length and value is `false`. */
export async function evpVerify(
  kind: 'hash' | 'message',
  key: SigningKey,
  parameters: EvpParameters,
  input: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  if (signature.length !== key.signatureLength) return false;
  const done = await native.evpOnPool(OPERATIONS[kind].verify, key.handle, parameters, input, signature);
  return done !== undefined;
}

const OPERATIONS = {
  hash: { sign: EvpOperation.SIGN, verify: EvpOperation.VERIFY },
  message: { sign: EvpOperation.SIGN_MESSAGE, verify: EvpOperation.VERIFY_MESSAGE },
} as const;
