/** EdDSA with its variants (RFC 8032 sections 5.1 and 5.2): Ed25519, Ed25519ctx, Ed25519ph, Ed448 with a context, Ed448ph. */

import { Curve, KeyType } from '#src/wire/enumerations.ts';

import { evpSign, evpVerify, requireType } from './evp.ts';
import { type EvpParameters } from './native.ts';
import { CryptoRefusal } from './refusal.ts';
import { type SigningKey } from './signing-key.ts';

/** CK_EDDSA_PARAMS of PKCS#11 3.1 section 6.3.16. */
export interface EdDsaParameters {
  /** The message is hashed first: Ed25519ph, Ed448ph. */
  readonly prehash: boolean;
  /** At most 255 bytes. On Ed25519 without prehash, a context that is not empty means Ed25519ctx. */
  readonly context: Uint8Array;
}

const MAX_CONTEXT = 255;

/** Signs a message; without parameters it is Ed25519 or Ed448 without context. @throws CryptoRefusal parameter, key-type */
export async function signEdDsa(
  key: SigningKey,
  parameters: EdDsaParameters | undefined,
  message: Uint8Array,
): Promise<Uint8Array> {
  requireType(key, KeyType.ED_PRIVATE);
  const variant = evpParameters(key, parameters);
  return variant ? evpSign('message', key, variant, message) : key.sign('eddsa', message);
}

/** @throws CryptoRefusal parameter, key-type */
export async function verifyEdDsa(
  key: SigningKey,
  parameters: EdDsaParameters | undefined,
  message: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  requireType(key, KeyType.ED_PRIVATE, KeyType.ED_PUBLIC);
  const variant = evpParameters(key, parameters);
  return variant ? evpVerify('message', key, variant, message, signature) : key.verify('eddsa', message, signature);
}

/** `undefined` for Ed25519 and Ed448 without a context, the hot path. */
function evpParameters(key: SigningKey, parameters: EdDsaParameters | undefined): EvpParameters | undefined {
  if (!parameters || (!parameters.prehash && parameters.context.length === 0)) return undefined;
  const { prehash, context } = parameters;
  if (context.length > MAX_CONTEXT) throw new CryptoRefusal('parameter', `context of ${context.length} bytes`);
  const pure = key.curve === Curve.ED25519 ? 'Ed25519ctx' : 'Ed448';
  const hashed = key.curve === Curve.ED25519 ? 'Ed25519ph' : 'Ed448ph';
  return ['instance', prehash ? hashed : pure, 'context-string', context];
}
