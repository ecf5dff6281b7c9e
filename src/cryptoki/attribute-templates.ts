/** Values of CKA_WRAP_TEMPLATE and the like: arrays of attributes, in XDR as templates of requests are. */

import { array, opaque, struct, u32 } from '#src/wire/schema.ts';
import { CkrError, WireError } from '#src/wire/status.ts';
import { XdrReader, XdrWriter } from '#src/wire/xdr.ts';
import { CKR } from './constants.ts';
import { type Attribute } from './values.ts';

const schema = array(struct({ type: u32, value: opaque(8192) }), 64);

/** CKF_ARRAY_ATTRIBUTE: the value is an array itself. An array in an array is a way to keep a device busy. */
const ARRAY_OF_ATTRIBUTES = 0x4000_0200;
const ARRAY_MASK = 0x4000_ff00;

/** @throws CkrError CKR_ATTRIBUTE_VALUE_INVALID */
export function readAttributeTemplate(value: Uint8Array): Attribute[] {
  if (value.length === 0) return [];
  const reader = new XdrReader(value);
  try {
    const attributes = schema.read(reader, 'template');
    if (reader.remaining > 0) throw new CkrError(CKR.ATTRIBUTE_VALUE_INVALID, 'the template is too long');
    if (attributes.some(({ type }) => isArray(type))) {
      throw new CkrError(CKR.ATTRIBUTE_VALUE_INVALID, 'a template in a template');
    }
    return attributes;
  } catch (error) {
    if (error instanceof WireError) throw new CkrError(CKR.ATTRIBUTE_VALUE_INVALID, error.message);
    throw error;
  }
}

export function writeAttributeTemplate(attributes: readonly Attribute[]): Uint8Array {
  const writer = new XdrWriter();
  schema.write(writer, [...attributes], 'template');
  return writer.message();
}

function isArray(type: number): boolean {
  return (type & ARRAY_MASK) === ARRAY_OF_ATTRIBUTES || type === 0x4000_062a || type === 0x4000_062b;
}
