/** Reading single attributes of a template. */

import { CkrError } from '#src/wire/status.ts';
import { CKR } from './constants.ts';
import { type Attribute, ulongOf } from './values.ts';

/** The CK_ULONG of an attribute, `undefined` if the template has none. @throws CkrError CKR_ATTRIBUTE_VALUE_INVALID */
export function givenNumber(template: readonly Attribute[], type: number): number | undefined {
  const found = template.find((attribute) => attribute.type === type);
  if (!found) return undefined;
  const value = ulongOf(found.value);
  if (value === undefined) throw new CkrError(CKR.ATTRIBUTE_VALUE_INVALID, `attribute 0x${type.toString(16)}`);
  return Number(value);
}

/** @throws CkrError CKR_TEMPLATE_INCOMPLETE, CKR_ATTRIBUTE_VALUE_INVALID */
export function requiredNumber(template: readonly Attribute[], type: number): number {
  const value = givenNumber(template, type);
  if (value === undefined) throw missing(type);
  return value;
}

export function missing(type: number): CkrError {
  return new CkrError(CKR.TEMPLATE_INCOMPLETE, `attribute 0x${type.toString(16)} is missing`);
}
