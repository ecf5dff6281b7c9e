/** What C_GenerateKey, C_UnwrapKey, C_DeriveKey, C_EncapsulateKey and C_DecapsulateKey are asked for: from templates to new keys. */

import { Curve, KeyType } from '#src/wire/enumerations.ts';
import { CkrError } from '#src/wire/status.ts';
import { type Making } from './attribute-rules.ts';
import { readAttributeTemplate } from './attribute-templates.ts';
import { type ObjectDescription, objectDescription } from './attributes.ts';
import { CKA, CKF_MECHANISM, CKK, CKM, CKO, CKR } from './constants.ts';
import { curveOfParams } from './curves.ts';
import { givenNumber, missing } from './given.ts';
import { privateTypeOf } from './key-objects.ts';
import { AES_BYTES, mechanismOf, SECRET_BYTES } from './mechanisms.ts';
import { readParameter } from './parameters.ts';
import { type AttributeMap, completeTemplate, keyFlags } from './template.ts';
import { type Attribute, equalBytes, ulongValue } from './values.ts';

export interface NewObject {
  readonly type: KeyType;
  readonly curve: Curve;
  /** 0: the device finds out. */
  readonly bits: number;
  readonly flags: number;
  readonly attributes: AttributeMap;
}

/**
 * C_GenerateKey. Class and key type may be missing, they follow from the mechanism.
 * @throws CkrError CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID, and those of {@link completeTemplate}
 */
export function secretKeyRequest(mechanism: number, parameter: Uint8Array, template: readonly Attribute[]): NewObject {
  const row = mechanismOf(mechanism);
  if (!row || (row.flags & CKF_MECHANISM.GENERATE) === 0) throw new CkrError(CKR.MECHANISM_INVALID);
  if (row.parameter !== 'none') readParameter(row.parameter, parameter);
  const byMechanism = row.keyTypes[0] as number;
  const keyType = givenNumber(template, CKA.KEY_TYPE) ?? byMechanism;
  // The standard has generation of keys for one HMAC as generic secrets of another type.
  const hmac = mechanism === CKM.GENERIC_SECRET_KEY_GEN && isHmacType(keyType);
  if (!hmac && !row.keyTypes.includes(keyType)) throw inconsistent('the key type is not the one of the mechanism');
  const length = givenNumber(template, CKA.VALUE_LEN);
  if (length === undefined) throw missing(CKA.VALUE_LEN);
  return secret(template, keyType, 'generate', length);
}

/**
 * C_UnwrapKey: a secret key or a private key.
 * @param unwrapTemplate CKA_UNWRAP_TEMPLATE of the unwrapping key
 * @throws CkrError CKR_MECHANISM_INVALID, and those of {@link completeTemplate}
 */
export function unwrapRequest(
  mechanism: number,
  template: readonly Attribute[],
  unwrapTemplate: Uint8Array | undefined,
): NewObject {
  requireFlag(mechanism, CKF_MECHANISM.UNWRAP);
  const merged = merge(template, unwrapTemplate);
  const objectClass = givenNumber(merged, CKA.CLASS) ?? CKO.SECRET_KEY;
  const keyType = givenNumber(merged, CKA.KEY_TYPE);
  if (objectClass === CKO.SECRET_KEY) {
    // The length is found out by unwrapping; pkcs11-tool gives one nevertheless.
    return secret(merged, keyType ?? CKK.GENERIC_SECRET, 'unwrap', givenNumber(merged, CKA.VALUE_LEN));
  }
  if (objectClass !== CKO.PRIVATE_KEY) throw new CkrError(CKR.ATTRIBUTE_VALUE_INVALID, 'only keys are unwrapped');
  if (keyType === undefined) throw missing(CKA.KEY_TYPE);
  const type = privateTypeOf(keyType);
  const description = objectDescription(CKO.PRIVATE_KEY, keyType);
  if (type === undefined || !description) throw new CkrError(CKR.ATTRIBUTE_VALUE_INVALID, `key type ${keyType}`);
  const attributes = completeTemplate(merged, description, 'unwrap', kindOf(description));
  const params = attributes.get(CKA.EC_PARAMS);
  const curve = params === undefined ? Curve.NONE : curveOfParams(params).curve;
  return { type, curve, bits: 0, flags: keyFlags(attributes, description), attributes };
}

/**
 * C_DeriveKey: a secret key. Without CKA_VALUE_LEN it is as long as the mechanism makes it.
 * @param deriveTemplate CKA_DERIVE_TEMPLATE of the base key
 * @throws CkrError CKR_MECHANISM_INVALID, and those of {@link completeTemplate}
 */
export function deriveRequest(
  mechanism: number,
  template: readonly Attribute[],
  deriveTemplate: Uint8Array | undefined,
): NewObject {
  requireFlag(mechanism, CKF_MECHANISM.DERIVE);
  return derived(merge(template, deriveTemplate));
}

/** C_EncapsulateKey and C_DecapsulateKey; else as {@link deriveRequest}. */
export function sharedSecretRequest(
  mechanism: number,
  template: readonly Attribute[],
  keyTemplate: Uint8Array | undefined,
): NewObject {
  requireFlag(mechanism, CKF_MECHANISM.ENCAPSULATE);
  return derived(merge(template, keyTemplate));
}

function derived(template: readonly Attribute[]): NewObject {
  if ((givenNumber(template, CKA.CLASS) ?? CKO.SECRET_KEY) !== CKO.SECRET_KEY) {
    throw inconsistent('only secret keys are derived');
  }
  const keyType = givenNumber(template, CKA.KEY_TYPE) ?? CKK.GENERIC_SECRET;
  return secret(template, keyType, 'derive', givenNumber(template, CKA.VALUE_LEN));
}

/** @param length what CKA_VALUE_LEN says; without it the value tells */
function secret(
  template: readonly Attribute[],
  keyType: number,
  making: Making,
  length: number | undefined,
): NewObject {
  const description = objectDescription(CKO.SECRET_KEY, keyType);
  if (!description) throw new CkrError(CKR.ATTRIBUTE_VALUE_INVALID, `key type 0x${keyType.toString(16)}`);
  if (length !== undefined) checkSecretLength(keyType, length, CKR.ATTRIBUTE_VALUE_INVALID);
  const attributes = completeTemplate(template, description, making, kindOf(description));
  // The key tells its length by itself.
  attributes.delete(CKA.VALUE_LEN);
  const flags = keyFlags(attributes, description);
  return { type: KeyType.SECRET, curve: Curve.NONE, bits: 8 * (length ?? 0), flags, attributes };
}

/** @throws CkrError `error` if no secret key of the type has so many bytes */
export function checkSecretLength(keyType: number, length: number, error: number): void {
  const fits =
    keyType === CKK.AES ? AES_BYTES.includes(length) : length >= SECRET_BYTES.min && length <= SECRET_BYTES.max;
  if (!fits) throw new CkrError(error, `${length} bytes`);
}

function kindOf({ class: objectClass, keyType }: ObjectDescription): AttributeMap {
  return new Map([
    [CKA.CLASS, ulongValue(objectClass)],
    [CKA.KEY_TYPE, ulongValue(keyType as number)],
  ]);
}

/** A template with what the key that is used prescribes (PKCS#11 3.2 section 4.10). */
function merge(template: readonly Attribute[], prescribed: Uint8Array | undefined): readonly Attribute[] {
  if (prescribed === undefined) return template;
  const added = readAttributeTemplate(prescribed).filter(({ type, value }) => {
    const given = template.find((attribute) => attribute.type === type);
    if (given && !equalBytes(given.value, value)) {
      throw inconsistent(`attribute 0x${type.toString(16)} is not as the key that is used prescribes`);
    }
    return !given;
  });
  return [...template, ...added];
}

function requireFlag(mechanism: number, flag: number): void {
  const row = mechanismOf(mechanism);
  if (!row || (row.flags & flag) === 0) throw new CkrError(CKR.MECHANISM_INVALID);
}

function isHmacType(keyType: number): boolean {
  return HMAC_TYPES.has(keyType);
}

const HMAC_TYPES: ReadonlySet<number> = new Set(
  Object.entries(CKK).flatMap(([name, number]) => (name.endsWith('_HMAC') ? [number] : [])),
);

function inconsistent(why: string): CkrError {
  return new CkrError(CKR.TEMPLATE_INCONSISTENT, why);
}
