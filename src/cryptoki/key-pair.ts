/** What C_GenerateKeyPair is asked for: from a mechanism and two templates to the keys to make and their attributes. */

import { Curve, KeyType } from '#src/wire/enumerations.ts';
import { Bug, CkrError } from '#src/wire/status.ts';
import { type ObjectDescription } from './attributes.ts';
import { CKA, CKF_MECHANISM, CKK, CKR } from './constants.ts';
import { curveOfParams } from './curves.ts';
import { objectOfKeyType } from './key-objects.ts';
import { mechanismOf, RSA_BITS } from './mechanisms.ts';
import { parameterSetOf } from './parameter-sets.ts';
import { type AttributeMap, completeTemplate, keyFlags, parseTemplate } from './template.ts';
import { type Attribute, boolValue, EMPTY, isTrue, normalise, TRUE, ulongOf, ulongValue } from './values.ts';

export interface KeyHalf {
  /** Complete, except for what only the finished key can tell. */
  readonly attributes: AttributeMap;
  readonly flags: number;
}

export interface KeyPairRequest {
  /** Of the private key. */
  readonly type: KeyType;
  readonly curve: Curve;
  readonly bits: number;
  /** RSA: the public exponent; empty for curves. */
  readonly exponent: Uint8Array;
  readonly privateKey: KeyHalf;
  readonly publicKey: KeyHalf;
  /** Neither template has a CKA_ID: both halves get one that is derived from the public key. */
  readonly deriveId: boolean;
}

/** 65537, the only exponent that devices generate, big-endian. */
const EXPONENT = Uint8Array.of(1, 0, 1);

/**
 * Reads the request of an application. Class and key type may be missing, they follow from the mechanism; attributes may be in any order.
 * @throws CkrError CKR_MECHANISM_INVALID, CKR_CURVE_NOT_SUPPORTED, and those of {@link completeTemplate}
 */
export function keyPairRequest(
  mechanism: number,
  publicTemplate: readonly Attribute[],
  privateTemplate: readonly Attribute[],
): KeyPairRequest {
  const { keyTypes: [keyType] = [], generates, flags = 0 } = mechanismOf(mechanism) ?? {};
  // Only GnuTLS's synonym signs as well.
  if (keyType === undefined || generates === undefined || (flags & CKF_MECHANISM.GENERATE) !== 0) {
    throw new CkrError(CKR.MECHANISM_INVALID);
  }
  const kind = kindOf(keyType, publicTemplate);
  const publicDescription = describe(kind.publicType);
  const privateDescription = describe(kind.type);

  // Both templates are checked before the halves are compared, so that each mistake has its own return value.
  const privateGiven = parseTemplate(privateTemplate, privateDescription.rules);
  const publicGiven = parseTemplate(publicTemplate, publicDescription.rules);
  const common: [number, Uint8Array][] = [
    [CKA.KEY_TYPE, ulongValue(keyType)],
    [CKA.LOCAL, TRUE],
    [CKA.KEY_GEN_MECHANISM, ulongValue(generates)],
    ...kind.parameters,
  ];
  const publicAttributes = completeTemplate(
    publicTemplate,
    publicDescription,
    'generate',
    new Map([...common, ...kind.publicParameters, [CKA.CLASS, ulongValue(publicDescription.class)]]),
  );
  const privateAttributes = completeTemplate(
    privateTemplate,
    privateDescription,
    'generate',
    new Map([
      ...common,
      [CKA.CLASS, ulongValue(privateDescription.class)],
      [CKA.ALWAYS_SENSITIVE, privateGiven.get(CKA.SENSITIVE) ?? TRUE],
      [CKA.NEVER_EXTRACTABLE, boolValue(!isTrue(privateGiven.get(CKA.EXTRACTABLE)))],
    ]),
  );

  // One CKA_ID is meant for both: libp11 looks for the public half by the CKA_ID of the private one.
  const id = privateGiven.get(CKA.ID) ?? publicGiven.get(CKA.ID);
  if (id && !publicGiven.has(CKA.ID)) publicAttributes.set(CKA.ID, id);
  if (id && !privateGiven.has(CKA.ID)) privateAttributes.set(CKA.ID, id);
  return {
    type: kind.type,
    curve: kind.curve,
    bits: kind.bits,
    exponent: kind.exponent,
    privateKey: { attributes: privateAttributes, flags: keyFlags(privateAttributes, privateDescription) },
    publicKey: { attributes: publicAttributes, flags: keyFlags(publicAttributes, publicDescription) },
    deriveId: id === undefined,
  };
}

interface KeyKind {
  readonly type: KeyType;
  readonly publicType: KeyType;
  readonly curve: Curve;
  readonly bits: number;
  readonly exponent: Uint8Array;
  /** Attributes of both halves, and of the public one only, that describe the kind of key. */
  readonly parameters: [number, Uint8Array][];
  readonly publicParameters: [number, Uint8Array][];
}

function kindOf(keyType: number, publicTemplate: readonly Attribute[]): KeyKind {
  switch (keyType) {
    case CKK.RSA:
      return rsaKind(publicTemplate);
    case CKK.EC:
    case CKK.EC_EDWARDS:
    case CKK.EC_MONTGOMERY:
      return curveKind(publicTemplate, keyType);
    default:
      return parameterSetKind(publicTemplate, keyType);
  }
}

function rsaKind(publicTemplate: readonly Attribute[]): KeyKind {
  const bits = ulongOf(required(publicTemplate, CKA.MODULUS_BITS));
  if (bits === undefined || bits < RSA_BITS.min || bits > RSA_BITS.max || bits % 8n !== 0n) {
    throw new CkrError(CKR.ATTRIBUTE_VALUE_INVALID, 'CKA_MODULUS_BITS is 1024 to 8192 in steps of 8');
  }
  return {
    type: KeyType.RSA_PRIVATE,
    publicType: KeyType.RSA_PUBLIC,
    curve: Curve.NONE,
    bits: Number(bits),
    exponent: EXPONENT,
    parameters: [[CKA.PUBLIC_EXPONENT, EXPONENT]],
    publicParameters: [[CKA.MODULUS_BITS, ulongValue(bits)]],
  };
}

function curveKind(publicTemplate: readonly Attribute[], keyType: number): KeyKind {
  const params = normalise('bytes', required(publicTemplate, CKA.EC_PARAMS));
  const curve = curveOfParams(params);
  if (curve.keyType !== keyType) throw new CkrError(CKR.CURVE_NOT_SUPPORTED, 'the curve is of another family');
  return {
    type: curve.privateType,
    publicType: curve.publicType,
    curve: curve.curve,
    bits: curve.bits,
    exponent: EMPTY,
    // As it was given: pkcs11-tool and pkcs11-provider name Edwards curves by PrintableString and compare.
    parameters: [[CKA.EC_PARAMS, params]],
    publicParameters: [],
  };
}

function parameterSetKind(publicTemplate: readonly Attribute[], keyType: number): KeyKind {
  const number = normalise('ulong', required(publicTemplate, CKA.PARAMETER_SET));
  const set = parameterSetOf(keyType, ulongOf(number));
  return {
    type: set.privateType,
    publicType: set.publicType,
    curve: set.curve,
    bits: 8 * set.publicKeySize,
    exponent: EMPTY,
    parameters: [[CKA.PARAMETER_SET, number]],
    publicParameters: [],
  };
}

function required(template: readonly Attribute[], type: number): Uint8Array {
  const found = template.find((attribute) => attribute.type === type);
  if (!found) throw new CkrError(CKR.TEMPLATE_INCOMPLETE, `attribute 0x${type.toString(16)} is missing`);
  return found.value;
}

function describe(type: KeyType): ObjectDescription {
  const description = objectOfKeyType(type);
  if (!description) throw new Bug(`no object for key type ${type}`);
  return description;
}
