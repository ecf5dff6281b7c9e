/** The little DER that attributes and keys need (X.690). Whether a key is good is for the device to say. */

import { CkrError } from '#src/wire/status.ts';
import { CKR } from './constants.ts';

export const TAG = {
  INTEGER: 0x02,
  BIT_STRING: 0x03,
  OCTET_STRING: 0x04,
  NULL: 0x05,
  OID: 0x06,
  PRINTABLE_STRING: 0x13,
  SEQUENCE: 0x30,
} as const;

/** The content of an element that must be all of `der`. @throws CkrError CKR_ATTRIBUTE_VALUE_INVALID */
export function contentOf(der: Uint8Array | undefined, tag: number): Uint8Array {
  if (!der || der[0] !== tag) throw invalid('DER of an unexpected type');
  const { start, end } = span(der, 0);
  if (end !== der.length) throw invalid('DER of an unexpected length');
  return der.subarray(start, end);
}

/** The elements, with their headers, that make up the content of a sequence. */
export function children(content: Uint8Array): Uint8Array[] {
  const elements: Uint8Array[] = [];
  for (let at = 0; at < content.length;) {
    const { end } = span(content, at);
    elements.push(content.subarray(at, end));
    at = end;
  }
  return elements;
}

/** Where the content of the element at `at` starts and ends. */
function span(der: Uint8Array, at: number): { start: number; end: number } {
  const first = der[at + 1] ?? 0x80;
  const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
  let length = first;
  if (first >= 0x80) {
    if (lengthBytes < 1 || lengthBytes > 2) throw invalid('DER of an unexpected length');
    length = 0;
    for (let i = 0; i < lengthBytes; i++) length = (length << 8) | (der[at + 2 + i] ?? 0);
  }
  const start = at + 2 + lengthBytes;
  if (start + length > der.length) throw invalid('DER is cut short');
  return { start, end: start + length };
}

/** A number without leading zeros. */
export function unsigned(der: Uint8Array | undefined): Uint8Array {
  const content = contentOf(der, TAG.INTEGER);
  return content[0] === 0 ? content.subarray(1) : content;
}

export function integer(number: Uint8Array): Uint8Array {
  return element(TAG.INTEGER, (number[0] ?? 0) < 0x80 ? number : concat(Uint8Array.of(0), number));
}

export function bitString(content: Uint8Array): Uint8Array {
  return element(TAG.BIT_STRING, concat(Uint8Array.of(0), content));
}

export function octetString(content: Uint8Array): Uint8Array {
  return element(TAG.OCTET_STRING, content);
}

export function sequence(...parts: Uint8Array[]): Uint8Array {
  return element(TAG.SEQUENCE, concat(...parts));
}

export function element(tag: number, content: Uint8Array): Uint8Array {
  const { length } = content;
  const header =
    length < 0x80 ? [tag, length] : length < 0x100 ? [tag, 0x81, length] : [tag, 0x82, length >>> 8, length & 0xff];
  return concat(Uint8Array.from(header), content);
}

export function concat(...parts: Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function invalid(why: string): CkrError {
  return new CkrError(CKR.ATTRIBUTE_VALUE_INVALID, why);
}
