/** What C_CreateObject is asked for: from a template to the public key to load and its attributes. */

import { CkrError } from '#src/wire/status.ts';
import { objectDescription } from './attributes.ts';
import { CK_UNAVAILABLE_INFORMATION, CKA, CKK, CKO, CKR, VENDOR_DEFINED } from './constants.ts';
import { curveOfParams } from './curves.ts';
import { type KeyHalf } from './key-pair.ts';
import { bitLength, ecPointOf, ecPublicKeyInfo, rsaPublicKeyInfo } from './public-key-info.ts';
import { completeTemplate, keyFlags, parseTemplate } from './template.ts';
import { type Attribute, FALSE, ulongOf, ulongValue } from './values.ts';

export interface PublicKeyRequest extends KeyHalf {
  readonly spki: Uint8Array;
}

/**
 * Reads the template of a public key.
 * @throws CkrError CKR_TEMPLATE_INCONSISTENT for classes that are not created from templates here, CKR_ATTRIBUTE_VALUE_INVALID for
 * unknown ones (NSS tries its trust objects), and those of {@link completeTemplate}
 */
export function publicKeyRequest(template: readonly Attribute[]): PublicKeyRequest {
  const objectClass = number(template, CKA.CLASS);
  if (objectClass >= VENDOR_DEFINED || !Object.values<number>(CKO).includes(objectClass)) {
    throw new CkrError(CKR.ATTRIBUTE_VALUE_INVALID, `class 0x${objectClass.toString(16)}`);
  }
  if (objectClass !== CKO.PUBLIC_KEY) throw new CkrError(CKR.TEMPLATE_INCONSISTENT, 'only public keys are created');
  const keyType = number(template, CKA.KEY_TYPE);
  const description = objectDescription(objectClass, keyType);
  if (!description) throw new CkrError(CKR.ATTRIBUTE_VALUE_INVALID, `key type 0x${keyType.toString(16)}`);

  const fixed: [number, Uint8Array][] = [
    [CKA.LOCAL, FALSE],
    [CKA.KEY_GEN_MECHANISM, ulongValue(CK_UNAVAILABLE_INFORMATION)],
  ];
  const given = parseTemplate(template, description.rules);
  const value = (type: number): Uint8Array => {
    const found = given.get(type);
    if (!found) throw new CkrError(CKR.TEMPLATE_INCOMPLETE, `attribute 0x${type.toString(16)} is missing`);
    return found;
  };
  let spki: Uint8Array;
  if (keyType === CKK.RSA) {
    const modulus = value(CKA.MODULUS);
    spki = rsaPublicKeyInfo(modulus, value(CKA.PUBLIC_EXPONENT));
    fixed.push([CKA.MODULUS_BITS, ulongValue(bitLength(modulus))]);
  } else {
    const curve = curveOfParams(value(CKA.EC_PARAMS));
    if (curve.keyType !== keyType) throw new CkrError(CKR.TEMPLATE_INCONSISTENT, 'the curve is of another key type');
    spki = ecPublicKeyInfo(curve, value(CKA.EC_POINT));
  }
  const attributes = completeTemplate(template, description, 'create', new Map(fixed));
  // A bare point is stored in the one form that programs expect to read.
  if (keyType !== CKK.RSA) attributes.set(CKA.EC_POINT, ecPointOf(spki));
  return { spki, attributes, flags: keyFlags(attributes, description) };
}

function number(template: readonly Attribute[], type: number): number {
  const found = template.find((attribute) => attribute.type === type);
  if (!found) throw new CkrError(CKR.TEMPLATE_INCOMPLETE, `attribute 0x${type.toString(16)} is missing`);
  const value = ulongOf(found.value);
  if (value === undefined) throw new CkrError(CKR.ATTRIBUTE_VALUE_INVALID, `attribute 0x${type.toString(16)}`);
  return Number(value);
}
