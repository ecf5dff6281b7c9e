/** Declarative field schemas: from one description come the TypeScript type, the decoder and the encoder of a message. */

import { type HalStatusName, WireError } from './status.ts';
import { type XdrReader, type XdrWriter } from './xdr.ts';

/** One kind of field. `minSize` is the least number of bytes it takes on the wire; counts are checked against it. */
export interface Schema<T> {
  /** How the manual's protocol chapter names it. */
  readonly kind: string;
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
  minSize: 4,
  read: (reader, field) => reader.u32(field),
  write: (writer, value) => writer.u32(value),
};

/** Bytes, at most `max`; longer ones are refused with `tooLong`. Decoded values are views of the message. */
export function opaque(max: number, tooLong: HalStatusName = 'BAD_ARGUMENTS'): Schema<Uint8Array> {
  return {
    kind: `opaque<${max}>`,
    minSize: 4,
    read(reader, field) {
      const length = reader.u32(field);
      if (length > max && length <= reader.remaining) {
        throw new WireError(field, `${length} bytes, at most ${max} allowed`, tooLong);
      }
      return reader.bytes(field, length);
    },
    write(writer, value, field) {
      if (value.length > max) throw new WireError(field, `${value.length} bytes, at most ${max} allowed`, tooLong);
      writer.opaque(value);
    },
  };
}

/** A UUID: an opaque of exactly 16 bytes; any other length is KEY_NAME_TOO_LONG. */
export const uuid: Schema<Uint8Array> = {
  kind: 'uuid',
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

const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** UTF-8 text, at most `max` bytes; malformed sequences become U+FFFD. */
export function text(max: number): Schema<string> {
  const bytes = opaque(max);
  return {
    kind: `text<${max}>`,
    minSize: 4,
    read: (reader, field) => decoder.decode(bytes.read(reader, field)),
    write: (writer, value, field) => bytes.write(writer, encoder.encode(value), field),
  };
}

/** An attribute value, or `null`: the length word {@link NIL} without data. */
export function opaqueOrNil(max: number): Schema<Uint8Array | null> {
  const bytes = opaque(max);
  return {
    kind: `opaque<${max}> or NIL`,
    minSize: 4,
    read(reader, field) {
      const length = reader.u32(field);
      if (length === NIL) return null;
      if (length > max && length <= reader.remaining) {
        throw new WireError(field, `${length} bytes, at most ${max} allowed`, 'RESULT_TOO_LONG');
      }
      return reader.bytes(field, length);
    },
    write(writer, value, field) {
      if (value === null) writer.u32(NIL);
      else bytes.write(writer, value, field);
    },
  };
}

/** A count and as many items. A count that cannot fit the rest of the message, or is above `max`, is refused. */
export function array<T>(item: Schema<T>, max: number): Schema<T[]> {
  return {
    kind: `${item.kind}[${max}]`,
    minSize: 4,
    read(reader, field) {
      const count = reader.u32(field);
      if (count > Math.floor(reader.remaining / item.minSize)) {
        throw new WireError(field, `announces ${count} items, ${reader.remaining} bytes follow`);
      }
      if (count > max) throw new WireError(field, `${count} items, at most ${max} allowed`, 'BAD_ARGUMENTS');
      const items: T[] = [];
      for (let i = 0; i < count; i++) items.push(item.read(reader, `${field}[${i}]`));
      return items;
    },
    write(writer, value, field) {
      if (value.length > max)
        throw new WireError(field, `${value.length} items, at most ${max} allowed`, 'BAD_ARGUMENTS');
      writer.u32(value.length);
      for (let i = 0; i < value.length; i++) item.write(writer, value[i] as T, field);
    },
  };
}

/** Fields one after the other. */
export function struct<F extends Fields>(fields: F): Schema<TypeFromFields<F>> {
  const entries = Object.entries(fields) as [string, Schema<unknown>][];
  return {
    kind: `{ ${entries.map(([name, schema]) => `${name}: ${schema.kind}`).join(', ')} }`,
    minSize: entries.reduce((size, [, schema]) => size + schema.minSize, 0),
    read(reader, field) {
      const value: Record<string, unknown> = {};
      for (const [name, schema] of entries) value[name] = schema.read(reader, field === '' ? name : `${field}.${name}`);
      return value as TypeFromFields<F>;
    },
    write(writer, value, field) {
      for (const [name, schema] of entries) {
        schema.write(writer, (value as Record<string, unknown>)[name], field === '' ? name : `${field}.${name}`);
      }
    },
  };
}
