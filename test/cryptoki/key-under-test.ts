/** Keys as devices describe them, made from templates as programs send them. */

import { CKA, CKK, CKM, CKO } from '#src/cryptoki/constants.ts';
import { createRequest } from '#src/cryptoki/created-objects.ts';
import { keyPairRequest } from '#src/cryptoki/key-pair.ts';
import { type KeyView, keyViewOf } from '#src/cryptoki/key-view.ts';
import { checkNewKey } from '#src/cryptoki/new-key-rules.ts';
import {
  deriveRequest,
  type NewObject,
  secretKeyRequest,
  sharedSecretRequest,
  unwrapRequest,
} from '#src/cryptoki/new-objects.ts';
import { type Origin, originAttributes, pairOriginAttributes } from '#src/cryptoki/origin.ts';
import { CKF_HKDF_SALT } from '#src/cryptoki/parameter-numbers.ts';
import { writeParameter } from '#src/cryptoki/parameters.ts';
import { DEFAULT_POLICY, type Policy } from '#src/cryptoki/separation.ts';
import { type Attribute, EMPTY } from '#src/cryptoki/values.ts';
import { KeyType } from '#src/wire/enumerations.ts';
import { template, type Template } from '#test/token/templates.ts';

/** What a test may choose; the rest is as by default. */
export interface Choice {
  readonly policy?: Policy;
  readonly role?: 'user' | 'so';
  readonly mechanism?: number;
  readonly parameter?: Uint8Array;
}

const NONE = new Uint8Array(0);
const EXPANSION = writeParameter('hkdf', {
  extract: 0,
  expand: 1,
  prf: CKM.SHA256,
  saltType: CKF_HKDF_SALT.NULL,
  salt: NONE,
  saltKey: NONE,
  info: NONE,
});

export const STANDARD: Policy = { ...DEFAULT_POLICY, keySeparation: 'standard' };

function finish(
  origin: Origin,
  made: NewObject,
  sources: readonly KeyView[],
  choice: Choice,
  bits = made.bits,
): KeyView {
  const { policy = DEFAULT_POLICY, role = 'user', mechanism = 0, parameter = EMPTY } = choice;
  const view = keyViewOf({ ...made, bits });
  const attributes = new Map([...made.attributes, ...originAttributes(origin, view, { mechanism, sources })]);
  const complete = { ...view, attributes };
  checkNewKey(origin, complete, { mechanism, parameter, sources, role, policy });
  return complete;
}

/** C_GenerateKey of an AES key of 256 bits, or of another kind. */
export function generated(values: Template, choice: Choice = {}): KeyView {
  const { mechanism = CKM.AES_KEY_GEN } = choice;
  const made = secretKeyRequest(mechanism, EMPTY, template({ VALUE_LEN: 32, ...values }));
  return finish('generate', made, [], { ...choice, mechanism });
}

/** C_GenerateKey of a generic secret. */
export function generatedSecret(values: Template, choice: Choice = {}): KeyView {
  return generated(values, { mechanism: CKM.GENERIC_SECRET_KEY_GEN, ...choice });
}

/** C_CreateObject of a secret key. */
export function imported(values: Template, choice: Choice = {}): KeyView {
  const given = { CLASS: CKO.SECRET_KEY, KEY_TYPE: CKK.AES, VALUE: `0x${'42'.repeat(32)}`, ...values };
  const { type, bits, flags, attributes } = createRequest(
    template(given),
    choice.role ?? 'user',
  ) as unknown as NewObject;
  return finish('create', { type, bits, flags, attributes, curve: 0 }, [], choice);
}

/** C_UnwrapKey of a secret key of 32 bytes, or of a private key. */
export function unwrapped(unwrappingKey: KeyView, values: Template, choice: Choice = {}): KeyView {
  const { mechanism = CKM.AES_KEY_WRAP_PAD } = choice;
  const made = unwrapRequest(
    mechanism,
    template({ KEY_TYPE: CKK.AES, ...values }),
    unwrappingKey.attributes.get(CKA.UNWRAP_TEMPLATE),
  );
  return finish('unwrap', made, [unwrappingKey], { ...choice, mechanism }, made.bits || 256);
}

/** C_DeriveKey from one key or more. */
export function derived(sources: readonly KeyView[], values: Template, choice: Choice = {}): KeyView {
  const { mechanism = CKM.HKDF_DERIVE, parameter = EXPANSION } = choice;
  const made = deriveRequest(mechanism, template(values), sources[0]?.attributes.get(CKA.DERIVE_TEMPLATE));
  return finish('derive', made, sources, { ...choice, mechanism, parameter }, made.bits || 256);
}

/** C_DecapsulateKey. */
export function decapsulated(privateKey: KeyView, values: Template): KeyView {
  const prescribed = privateKey.attributes.get(CKA.DECAPSULATE_TEMPLATE);
  const made = sharedSecretRequest(CKM.ML_KEM, template(values), prescribed);
  return finish('decapsulate', made, [privateKey], { mechanism: CKM.ML_KEM }, made.bits || 256);
}

export interface Pair {
  readonly publicKey: KeyView;
  readonly privateKey: KeyView;
}

/** C_GenerateKeyPair of RSA keys, or of others. */
export function generatedPair(publicValues: Template, privateValues: Template, choice: Choice = {}): Pair {
  const { mechanism = CKM.RSA_PKCS_KEY_PAIR_GEN, policy = DEFAULT_POLICY } = choice;
  const size: Template = mechanism === CKM.RSA_PKCS_KEY_PAIR_GEN ? { MODULUS_BITS: 4096 } : {};
  const publicTemplate: Attribute[] = template({ ...size, ...publicValues });
  const request = keyPairRequest(mechanism, publicTemplate, template(privateValues));
  const { type, curve, bits } = request;
  const privateKey = keyViewOf({ type, curve, bits, ...request.privateKey });
  const publicKey = keyViewOf({ type: publicTypeOf(type), curve, bits, ...request.publicKey });
  const origin = pairOriginAttributes(privateKey, publicKey, mechanism);
  const complete = {
    privateKey: { ...privateKey, attributes: new Map([...privateKey.attributes, ...origin.privateKey]) },
    publicKey: { ...publicKey, attributes: new Map([...publicKey.attributes, ...origin.publicKey]) },
  };
  for (const half of Object.values(complete)) {
    checkNewKey('generate', half, { mechanism, sources: [], role: 'user', policy });
  }
  return complete;
}

function publicTypeOf(type: KeyType): KeyType {
  return (type + 1) as KeyType;
}

/** A key with attributes changed as an administrator with a debugger could not even do it. */
export function altered(key: KeyView, values: Template): KeyView {
  const changes = template(values).map(({ type, value }): [number, Uint8Array] => [type, Uint8Array.from(value)]);
  return { ...key, attributes: new Map([...key.attributes, ...changes]) };
}
