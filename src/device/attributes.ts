/** Rules for the attributes of a key. */

import { attributesSize } from '#src/store/attributes-v1.ts';
import { type Attribute } from '#src/store/stored-key.ts';
import { Limits } from '#src/wire/enumerations.ts';
import { HalError } from '#src/wire/status.ts';

/** Most bytes of attributes per key: a page of KEY_LIST with one such key still fits a message. */
const MAX_SIZE = 262_144;

/** A change of one attribute; `null` deletes it (libhal `HAL_PKEY_ATTRIBUTE_NIL`). */
export interface AttributeChange {
  readonly type: number;
  readonly value: Uint8Array | null;
}

/**
 * The attributes after changes, applied in order; values are copied.
 * @throws HalError RESULT_TOO_LONG if there would be too many
 */
export function changeAttributes(attributes: readonly Attribute[], changes: readonly AttributeChange[]): Attribute[] {
  const values = new Map(attributes.map(({ type, value }) => [type, value]));
  for (const { type, value } of changes) {
    if (value === null) values.delete(type);
    else values.set(type, value.slice());
  }
  const changed = [...values].map(([type, value]) => ({ type, value }));
  if (changed.length > Limits.attributes || attributesSize(changed) > MAX_SIZE) {
    throw new HalError('RESULT_TOO_LONG', 'too many attributes');
  }
  return changed;
}
