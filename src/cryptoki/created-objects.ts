/** What C_CreateObject is asked for: from a template to what a device loads. */

import { KeyType } from '#src/wire/enumerations.ts';
import { CkrError } from '#src/wire/status.ts';
import { type ObjectDescription, objectDescription } from './attributes.ts';
import { certificateFacts } from './certificate.ts';
import { certificateCheckValue } from './check-value.ts';
import { CKA, CKC, CKK, CKO, CKR } from './constants.ts';
import { curveOfParams } from './curves.ts';
import { contentOf, TAG } from './der.ts';
import { givenNumber, missing, requiredNumber } from './given.ts';
import { checkSecretLength } from './new-objects.ts';
import { parameterSetOf } from './parameter-sets.ts';
import { ecPrivateKeyInfo, postQuantumPrivateKeyInfo, rsaPrivateKeyInfo } from './private-key-info.ts';
import {
  bitLength,
  ecPointOf,
  ecPublicKeyInfo,
  postQuantumPublicKeyInfo,
  rsaPublicKeyInfo,
  subjectPublicKey,
} from './public-key-info.ts';
import { type Role } from './roles.ts';
import { type AttributeMap, completeTemplate, keyFlags, parseTemplate } from './template.ts';
import { type Attribute, EMPTY, equalBytes, isTrue, ulongOf, ulongValue } from './values.ts';

/** A public or private key, as SubjectPublicKeyInfo or PKCS#8. */
export interface CreatedKey {
  readonly form: 'key';
  readonly der: Uint8Array;
  readonly flags: number;
  readonly attributes: AttributeMap;
  /** CKA_PUBLIC_KEY_INFO and CKA_EC_POINT that the template of a private key gave, for {@link checkPublicValue}. */
  readonly publicValue: ReadonlyMap<number, Uint8Array>;
}

/** A secret key, a certificate or a data object. */
export interface CreatedObject {
  readonly form: 'object';
  readonly type: KeyType;
  readonly bits: number;
  readonly flags: number;
  readonly attributes: AttributeMap;
  /** What must not be among the attributes: the value of a secret key or of a private data object; else empty. */
  readonly value: Uint8Array;
}

export type CreateRequest = CreatedKey | CreatedObject;

/**
 * Reads the template of a new object.
 * @throws CkrError CKR_TEMPLATE_INCONSISTENT for classes that are not created from templates, CKR_ATTRIBUTE_VALUE_INVALID for
 * unknown ones (NSS tries its trust objects), and those of {@link completeTemplate}
 */
export function createRequest(template: readonly Attribute[], role: Role): CreateRequest {
  const objectClass = requiredNumber(template, CKA.CLASS);
  switch (objectClass) {
    case CKO.PUBLIC_KEY:
      return publicKey(template, describeKey(template, objectClass), role);
    case CKO.PRIVATE_KEY:
      return privateKey(template, describeKey(template, objectClass), role);
    case CKO.SECRET_KEY:
      return secretKey(template, describeKey(template, objectClass), role);
    case CKO.CERTIFICATE:
      return certificate(template, role);
    case CKO.DATA:
      return data(template, role);
    case CKO.PROFILE:
    case CKO.MECHANISM:
    case CKO.HW_FEATURE:
    case CKO.DOMAIN_PARAMETERS:
      throw new CkrError(CKR.TEMPLATE_INCONSISTENT, `objects of class ${objectClass} are not created`);
    default:
      throw new CkrError(CKR.ATTRIBUTE_VALUE_INVALID, `class 0x${objectClass.toString(16)}`);
  }
}

function describeKey(template: readonly Attribute[], objectClass: number): ObjectDescription {
  const keyType = requiredNumber(template, CKA.KEY_TYPE);
  const description = objectDescription(objectClass, keyType);
  if (!description) throw new CkrError(CKR.ATTRIBUTE_VALUE_INVALID, `key type 0x${keyType.toString(16)}`);
  return description;
}

/** The attribute values that a template gives, complaining about those that are missing. */
function reader(template: readonly Attribute[], description: ObjectDescription): (type: number) => Uint8Array {
  const given = parseTemplate(template, description.rules);
  return (type) => {
    const found = given.get(type);
    if (!found) throw missing(type);
    return found;
  };
}

function publicKey(template: readonly Attribute[], description: ObjectDescription, role: Role): CreatedKey {
  const value = reader(template, description);
  const fixed: AttributeMap = new Map();
  let der: Uint8Array;
  switch (description.keyType) {
    case CKK.RSA: {
      const modulus = value(CKA.MODULUS);
      der = rsaPublicKeyInfo(modulus, value(CKA.PUBLIC_EXPONENT));
      fixed.set(CKA.MODULUS_BITS, ulongValue(bitLength(modulus)));
      break;
    }
    case CKK.EC:
    case CKK.EC_EDWARDS:
    case CKK.EC_MONTGOMERY:
      der = ecPublicKeyInfo(curveFor(value(CKA.EC_PARAMS), description), value(CKA.EC_POINT));
      break;
    default:
      der = postQuantumPublicKeyInfo(setFor(value(CKA.PARAMETER_SET), description), value(CKA.VALUE));
  }
  const attributes = completeTemplate(template, description, 'create', fixed, role);
  // A bare point is stored in the one form that programs expect to read; what the key tells by itself is not stored.
  if (attributes.has(CKA.EC_POINT)) attributes.set(CKA.EC_POINT, ecPointOf(der));
  if (attributes.has(CKA.PARAMETER_SET)) attributes.delete(CKA.VALUE);
  checkPublicValue(takePublicValue(attributes, [CKA.PUBLIC_KEY_INFO]), der);
  return { form: 'key', der, attributes, flags: keyFlags(attributes, description), publicValue: new Map() };
}

/**
 * Compares what a template said of the public key with the key (PKCS#11 3.1 section 4.9).
 * @param spki the SubjectPublicKeyInfo that follows from the key
 * @throws CkrError CKR_ATTRIBUTE_VALUE_INVALID
 */
export function checkPublicValue(given: ReadonlyMap<number, Uint8Array>, spki: Uint8Array): void {
  const info = given.get(CKA.PUBLIC_KEY_INFO);
  const point = given.get(CKA.EC_POINT);
  const isRight =
    (info === undefined || equalBytes(info, spki)) &&
    (point === undefined || equalBytes(point, ecPointOf(spki)) || equalBytes(point, subjectPublicKey(spki)));
  if (!isRight) throw new CkrError(CKR.ATTRIBUTE_VALUE_INVALID, 'the public value is not that of the key');
}

/** Takes attributes out that follow from the key by themselves; an empty one says nothing. */
function takePublicValue(attributes: AttributeMap, types: readonly number[]): Map<number, Uint8Array> {
  const taken = new Map<number, Uint8Array>();
  for (const type of types) {
    const value = attributes.get(type);
    if (value && value.length > 0) taken.set(type, value);
    attributes.delete(type);
  }
  return taken;
}

function privateKey(template: readonly Attribute[], description: ObjectDescription, role: Role): CreatedKey {
  const given = parseTemplate(template, description.rules);
  const value = reader(template, description);
  let der: Uint8Array;
  switch (description.keyType) {
    case CKK.RSA:
      der = rsaPrivateKeyInfo((type) => given.get(type));
      break;
    case CKK.EC:
    case CKK.EC_EDWARDS:
    case CKK.EC_MONTGOMERY:
      der = ecPrivateKeyInfo(curveFor(value(CKA.EC_PARAMS), description), value(CKA.VALUE));
      break;
    default: {
      const set = setFor(value(CKA.PARAMETER_SET), description);
      der = postQuantumPrivateKeyInfo(set, given.get(CKA.SEED), given.get(CKA.VALUE));
    }
  }
  const attributes = completeTemplate(template, description, 'create', new Map(), role);
  // The device computes the point; a wrong one that is given must not be believed.
  const publicValue = takePublicValue(attributes, [CKA.PUBLIC_KEY_INFO, CKA.EC_POINT]);
  return { form: 'key', der, attributes, flags: keyFlags(attributes, description), publicValue };
}

function curveFor(params: Uint8Array, { keyType }: ObjectDescription): ReturnType<typeof curveOfParams> {
  const curve = curveOfParams(params);
  if (curve.keyType !== keyType) throw new CkrError(CKR.TEMPLATE_INCONSISTENT, 'the curve is of another key type');
  return curve;
}

function setFor(number: Uint8Array, { keyType }: ObjectDescription): ReturnType<typeof parameterSetOf> {
  return parameterSetOf(keyType as number, ulongOf(number));
}

function secretKey(template: readonly Attribute[], description: ObjectDescription, role: Role): CreatedObject {
  const value = reader(template, description)(CKA.VALUE);
  checkSecretLength(description.keyType as number, value.length, CKR.ATTRIBUTE_VALUE_INVALID);
  const length = givenNumber(template, CKA.VALUE_LEN);
  if (length !== undefined && length !== value.length) {
    throw new CkrError(CKR.TEMPLATE_INCONSISTENT, 'CKA_VALUE_LEN is not the length of CKA_VALUE');
  }
  const attributes = completeTemplate(template, description, 'create', new Map(), role);
  attributes.delete(CKA.VALUE_LEN);
  const flags = keyFlags(attributes, description);
  return { form: 'object', type: KeyType.SECRET, bits: 8 * value.length, flags, attributes, value };
}

/** Subject, issuer and serial number are those of the certificate: taken from it if they are missing, compared if they are given. */
function certificate(template: readonly Attribute[], role: Role): CreatedObject {
  const description = objectDescription(CKO.CERTIFICATE, undefined) as ObjectDescription;
  if (requiredNumber(template, CKA.CERTIFICATE_TYPE) !== CKC.X_509) {
    throw new CkrError(CKR.ATTRIBUTE_VALUE_INVALID, 'only X.509 certificates');
  }
  const value = reader(template, description)(CKA.VALUE);
  const facts = certificateFacts(value);
  const attributes = completeTemplate(template, description, 'create', new Map(), role);
  for (const [type, fact] of facts) {
    const given = attributes.get(type);
    if (!given || given.length === 0) attributes.set(type, fact);
    else if (!equalBytes(given, fact) && !isBareSerialNumber(type, given, fact)) {
      throw new CkrError(
        CKR.TEMPLATE_INCONSISTENT,
        `attribute 0x${type.toString(16)} is not what the certificate says`,
      );
    }
  }
  const check = certificateCheckValue(value);
  const givenCheck = attributes.get(CKA.CHECK_VALUE) ?? check;
  // An empty one asks for none.
  if (givenCheck.length > 0 && !equalBytes(givenCheck, check)) {
    throw new CkrError(CKR.ATTRIBUTE_VALUE_INVALID, 'another CKA_CHECK_VALUE');
  }
  attributes.set(CKA.CHECK_VALUE, givenCheck);
  const flags = keyFlags(attributes, description);
  return { form: 'object', type: KeyType.CERTIFICATE, bits: 0, flags, attributes, value: EMPTY };
}

/** Java's SunPKCS11 gives the number without the DER around it, and searches for it so. It is kept as it was given. */
function isBareSerialNumber(type: number, given: Uint8Array, fact: Uint8Array): boolean {
  return type === CKA.SERIAL_NUMBER && equalBytes(given, contentOf(fact, TAG.INTEGER));
}

function data(template: readonly Attribute[], role: Role): CreatedObject {
  const description = objectDescription(CKO.DATA, undefined) as ObjectDescription;
  const attributes = completeTemplate(template, description, 'create', new Map(), role);
  const flags = keyFlags(attributes, description);
  const value = attributes.get(CKA.VALUE) ?? EMPTY;
  if (!isTrue(attributes.get(CKA.PRIVATE))) {
    return { form: 'object', type: KeyType.DATA, bits: 0, flags, attributes, value: EMPTY };
  }
  attributes.delete(CKA.VALUE);
  return { form: 'object', type: KeyType.DATA, bits: 0, flags, attributes, value };
}
