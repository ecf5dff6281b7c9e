/** Declarative field schemas: from one description come the TypeScript type, the decoder and the encoder of a message. */

import { type HalStatusName, WireError } from './status.ts';
import { type XdrReader, type XdrWriter } from './xdr.ts';

/** What a schema is made of, for documentation, generated headers and tests. Maxima in bytes or items. */
export type Shape =
  | { readonly type: 'u32' | 'uuid' }
  | { readonly type: 'opaque' | 'opaqueOrNil' | 'text'; readonly max: number }
  | { readonly type: 'array'; readonly item: Schema<unknown>; readonly max: number }
  | { readonly type: 'struct'; readonly fields: Readonly<Record<string, Schema<unknown>>> };

/**
 * One kind of field. `minSize` is the least number of bytes it takes on the wire; counts are checked against it.
 * `field` names the field in errors: only its own name, what is around it adds its part when an error passes.
 */
export interface Schema<T> {
  /** How the manual's protocol chapter names it. */
  readonly kind: string;
  readonly shape: Shape;
  readonly minSize: number;
  read(reader: XdrReader, field: string): T;
  write(writer: XdrWriter, value: T, field: string): void;
}

/** Named fields in wire order. */
export type Fields = Readonly<Record<string, Schema<never> | Schema<any>>>;

/** The value that a schema describes. */
export type TypeFromSchema<S> = S extends Schema<infer T> ? T : never;

/** The object that a list of fields describes. */
export type TypeFromFields<F extends Fields> = { -readonly [K in keyof F]: TypeFromSchema<F[K]> };

/** A length word that means "no value" (libhal `HAL_PKEY_ATTRIBUTE_NIL`). */
export const NIL = 0xffff_ffff;

/** Unsigned 32-bit number. */
export const u32: Schema<number> = {
  kind: 'u32',
  shape: { type: 'u32' },
  minSize: 4,
  read: (reader, field) => reader.u32(field),
  write(writer, value, field) {
    // Bit operations give negative numbers for handles with bit 31; written as they are they would come back as others.
    if (value >>> 0 !== value) throw new WireError(field, `${value} is no unsigned 32-bit number`, 'BAD_ARGUMENTS');
    writer.u32(value);
  },
};

/** Bytes, at most `max`; longer ones are refused with `tooLong`. Decoded values are views of the message. */
export function opaque(max: number, tooLong: HalStatusName = 'BAD_ARGUMENTS'): Schema<Uint8Array> {
  return {
    kind: `opaque<${max}>`,
    shape: { type: 'opaque', max },
    minSize: 4,
    read: (reader, field) => readOpaque(reader, field, reader.u32(field), max, tooLong),
    write: (writer, value, field) => writeOpaque(writer, field, value, max, tooLong),
  };
}

function readOpaque(reader: XdrReader, field: string, length: number, max: number, tooLong: HalStatusName): Uint8Array {
  // A length that lies beyond the message is a malformed message whatever the maximum.
  if (length > max && length <= reader.remaining) {
    throw new WireError(field, `${length} bytes, at most ${max} allowed`, tooLong);
  }
  return reader.bytes(field, length);
}

function writeOpaque(writer: XdrWriter, field: string, value: Uint8Array, max: number, tooLong: HalStatusName): void {
  if (value.length > max) throw new WireError(field, `${value.length} bytes, at most ${max} allowed`, tooLong);
  writer.opaque(value);
}

/** A UUID: an opaque of exactly 16 bytes; any other length is KEY_NAME_TOO_LONG. */
export const uuid: Schema<Uint8Array> = {
  kind: 'uuid',
  shape: { type: 'uuid' },
  minSize: 20,
  read(reader, field) {
    const length = reader.u32(field);
    if (length !== 16) throw new WireError(field, `a UUID of ${length} bytes`, 'KEY_NAME_TOO_LONG');
    return reader.bytes(field, 16);
  },
  write(writer, value, field) {
    if (value.length !== 16) throw new WireError(field, `a UUID of ${value.length} bytes`, 'KEY_NAME_TOO_LONG');
    writer.opaque(value);
  },
};

// Without ignoreBOM a leading U+FEFF would be swallowed and a label come back changed.
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
const encoder = new TextEncoder();

/** UTF-8 text, at most `max` bytes; malformed sequences become U+FFFD. */
export function text(max: number): Schema<string> {
  const bytes = opaque(max);
  return {
    kind: `text<${max}>`,
    shape: { type: 'text', max },
    minSize: 4,
    read: (reader, field) => decoder.decode(bytes.read(reader, field)),
    write: (writer, value, field) => bytes.write(writer, encoder.encode(value), field),
  };
}

/** An attribute value, or `null`: the length word {@link NIL} without data. */
export function opaqueOrNil(max: number): Schema<Uint8Array | null> {
  return {
    kind: `opaque<${max}> or NIL`,
    shape: { type: 'opaqueOrNil', max },
    minSize: 4,
    read(reader, field) {
      const length = reader.u32(field);
      return length === NIL ? null : readOpaque(reader, field, length, max, 'RESULT_TOO_LONG');
    },
    write(writer, value, field) {
      if (value === null) writer.u32(NIL);
      else writeOpaque(writer, field, value, max, 'RESULT_TOO_LONG');
    },
  };
}

/**
 * A count and as many items. A count above `max` is refused with BAD_ARGUMENTS, one that cannot fit the rest of the
 * message with `cannotFit`.
 */
export function array<T>(item: Schema<T>, max: number, cannotFit: HalStatusName = 'XDR_BUFFER_OVERFLOW'): Schema<T[]> {
  return {
    kind: `${item.kind}[${max}]`,
    shape: { type: 'array', item, max },
    minSize: 4,
    read(reader, field) {
      const count = reader.u32(field);
      if (count > Math.floor(reader.remaining / item.minSize)) {
        throw new WireError(field, `announces ${count} items, ${reader.remaining} bytes follow`, cannotFit);
      }
      if (count > max) throw new WireError(field, `${count} items, at most ${max} allowed`, 'BAD_ARGUMENTS');
      const items: T[] = [];
      try {
        for (let i = 0; i < count; i++) items.push(item.read(reader, ''));
      } catch (error) {
        throw error instanceof WireError ? error.within(`${field}[${items.length}]`) : error;
      }
      return items;
    },
    write(writer, value, field) {
      if (value.length > max) {
        throw new WireError(field, `${value.length} items, at most ${max} allowed`, 'BAD_ARGUMENTS');
      }
      writer.u32(value.length);
      let i = 0;
      try {
        for (; i < value.length; i++) item.write(writer, value[i] as T, '');
      } catch (error) {
        throw error instanceof WireError ? error.within(`${field}[${i}]`) : error;
      }
    },
  };
}

/** Fields one after the other. */
export function struct<F extends Fields>(fields: F): Schema<TypeFromFields<F>> {
  const names = Object.keys(fields);
  const schemas: Schema<unknown>[] = Object.values(fields);
  return {
    kind: `{ ${names.map((name, i) => `${name}: ${schemas[i]?.kind}`).join(', ')} }`,
    shape: { type: 'struct', fields },
    minSize: schemas.reduce((size, schema) => size + schema.minSize, 0),
    read(reader, field) {
      const value: Record<string, unknown> = {};
      try {
        for (let i = 0; i < names.length; i++) {
          const name = names[i] as string;
          value[name] = (schemas[i] as Schema<unknown>).read(reader, name);
        }
      } catch (error) {
        throw error instanceof WireError && field !== '' ? error.within(field) : error;
      }
      return value as TypeFromFields<F>;
    },
    write(writer, value, field) {
      try {
        for (let i = 0; i < names.length; i++) {
          const name = names[i] as string;
          (schemas[i] as Schema<unknown>).write(writer, (value as Record<string, unknown>)[name], name);
        }
      } catch (error) {
        throw error instanceof WireError && field !== '' ? error.within(field) : error;
      }
    },
  };
}
