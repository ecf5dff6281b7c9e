/** Values of any schema, made from its shape, for property tests. */

import fc from 'fast-check';

import { type Schema } from '#src/wire/schema.ts';
import { padded } from '#src/wire/xdr.ts';

const word = fc.oneof(
  fc.integer({ min: 0, max: 0xffff_ffff }),
  fc.constantFrom(0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff),
);

/** Arbitrary values a schema can carry. Long values are rare so that thousands of messages take seconds. */
export function valueOf(schema: Schema<unknown>): fc.Arbitrary<unknown> {
  const { shape } = schema;
  switch (shape.type) {
    case 'u32':
      return word;
    case 'uuid':
      return fc.uint8Array({ minLength: 16, maxLength: 16 });
    case 'opaque':
      return bytes(shape.max);
    case 'opaqueOrNil':
      return fc.option(bytes(shape.max), { nil: null });
    case 'text':
      return fc
        .oneof(fc.string({ unit: 'grapheme', maxLength: shape.max }), fc.constantFrom('', '\u{feff}x', '\0'))
        .filter((text) => new TextEncoder().encode(text).length <= shape.max);
    case 'array':
      return fc.array(valueOf(shape.item), { maxLength: Math.min(shape.max, 5) });
    case 'struct':
      return fieldsOf(schema);
  }
}

/** Arbitrary objects of a struct. */
export function fieldsOf(schema: Schema<unknown>): fc.Arbitrary<Record<string, unknown>> {
  if (schema.shape.type !== 'struct') throw new TypeError('not a struct');
  const fields = Object.entries(schema.shape.fields).map(([name, field]) => [name, valueOf(field)] as const);
  return fc.record(Object.fromEntries(fields), { noNullPrototype: true });
}

function bytes(max: number): fc.Arbitrary<Uint8Array> {
  return fc.oneof(
    { weight: 20, arbitrary: fc.uint8Array({ maxLength: Math.min(max, 40) }) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: Math.min(max, 5000) }) },
  );
}

/** A length or count word in an encoded message. */
export interface LengthWord {
  readonly kind: 'length' | 'lengthOrNil' | 'uuid' | 'count';
  readonly offset: number;
}

/** Where an encoded value has its length and count words; also returns where the value ends. */
export function lengthWords(
  schema: Schema<unknown>,
  value: unknown,
  offset: number,
): { words: LengthWord[]; end: number } {
  const { shape } = schema;
  switch (shape.type) {
    case 'u32':
      return { words: [], end: offset + 4 };
    case 'uuid':
      return { words: [{ kind: 'uuid', offset }], end: offset + 20 };
    case 'opaque':
    case 'text': {
      const { length } = typeof value === 'string' ? new TextEncoder().encode(value) : (value as Uint8Array);
      return { words: [{ kind: 'length', offset }], end: offset + 4 + padded(length) };
    }
    case 'opaqueOrNil': {
      const length = value === null ? 0 : padded((value as Uint8Array).length);
      return { words: [{ kind: 'lengthOrNil', offset }], end: offset + 4 + length };
    }
    case 'array': {
      const items = (value as unknown[]).map((item) => [shape.item, item] as const);
      return inOrder([{ kind: 'count', offset }], items, offset + 4);
    }
    case 'struct': {
      const items = Object.entries(shape.fields).map(
        ([name, field]) => [field, (value as Record<string, unknown>)[name]] as const,
      );
      return inOrder([], items, offset);
    }
  }
}

function inOrder(
  words: LengthWord[],
  items: (readonly [Schema<unknown>, unknown])[],
  offset: number,
): { words: LengthWord[]; end: number } {
  let end = offset;
  for (const [schema, value] of items) {
    const inner = lengthWords(schema, value, end);
    words.push(...inner.words);
    end = inner.end;
  }
  return { words, end };
}
