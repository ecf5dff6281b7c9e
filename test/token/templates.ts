/** Shorthand for templates. */

import { CKA } from '#src/cryptoki/constants.ts';
import { type Attribute, ulongValue } from '#src/cryptoki/values.ts';

export type Value = boolean | number | string | Uint8Array;

/** Booleans are CK_BBOOL, numbers CK_ULONG, text starting with `0x` hexadecimal bytes, other text itself. */
export function bytesOf(value: Value): Uint8Array {
  if (value instanceof Uint8Array) return value;
  if (typeof value === 'boolean') return Uint8Array.of(value ? 1 : 0);
  if (typeof value === 'number') return ulongValue(value);
  return value.startsWith('0x') ? Buffer.from(value.slice(2), 'hex') : Buffer.from(value);
}

export type Template = Partial<Record<keyof typeof CKA, Value>>;

export function template(values: Template): Attribute[] {
  return Object.entries(values).map(([name, value]) => ({
    type: CKA[name as keyof typeof CKA],
    value: bytesOf(value),
  }));
}

export const P256 = '0x06082a8648ce3d030107';
export const P521 = '0x06052b81040023';
export const ED25519 = '0x06032b6570';
