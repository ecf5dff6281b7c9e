/**
 * Stored form of a key's attributes, version 1: the byte 1, then for each attribute its type and length (32 bits,
 * big-endian) and its value.
 */

import { HalError } from '#src/wire/status.ts';
import { type Attribute } from './stored-key.ts';

const VERSION = 1;
const ENTRY_HEADER = 8;

/** Bytes that {@link encodeAttributes} would produce. */
export function attributesSize(attributes: readonly Attribute[]): number {
  return attributes.reduce((size, { value }) => size + ENTRY_HEADER + value.length, 1);
}

export function encodeAttributes(attributes: readonly Attribute[]): Uint8Array {
  const bytes = new Uint8Array(attributesSize(attributes));
  const view = new DataView(bytes.buffer);
  bytes[0] = VERSION;
  let offset = 1;
  for (const { type, value } of attributes) {
    view.setUint32(offset, type);
    view.setUint32(offset + 4, value.length);
    bytes.set(value, offset + ENTRY_HEADER);
    offset += ENTRY_HEADER + value.length;
  }
  return bytes;
}

/** @throws HalError BAD_ATTRIBUTE_LENGTH if the bytes are damaged */
export function decodeAttributes(bytes: Uint8Array): Attribute[] {
  if (bytes[0] !== VERSION) throw new HalError('BAD_ATTRIBUTE_LENGTH', `attributes of version ${bytes[0]}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const attributes: Attribute[] = [];
  let offset = 1;
  while (offset < bytes.length) {
    if (offset + ENTRY_HEADER > bytes.length) throw new HalError('BAD_ATTRIBUTE_LENGTH', 'an attribute is cut off');
    const type = view.getUint32(offset);
    const end = offset + ENTRY_HEADER + view.getUint32(offset + 4);
    if (end > bytes.length) throw new HalError('BAD_ATTRIBUTE_LENGTH', `attribute 0x${type.toString(16)} is cut off`);
    attributes.push({ type, value: bytes.subarray(offset + ENTRY_HEADER, end) });
    offset = end;
  }
  return attributes;
}
