import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import fc from 'fast-check';

import { type Operation } from '#src/wire/operation.ts';
import { operations } from '#src/wire/operations.ts';
import { array, NIL, opaque, opaqueOrNil, type Schema, struct, text, u32, uuid } from '#src/wire/schema.ts';
import { HalStatus, type HalStatusName, WireError } from '#src/wire/status.ts';
import { XdrReader, XdrWriter } from '#src/wire/xdr.ts';
import { valueOf } from '#test/wire/schema-values.ts';

function encode<T>(schema: Schema<T>, value: T): Uint8Array {
  const writer = new XdrWriter();
  schema.write(writer, value, 'field');
  return writer.message();
}

function decode<T>(schema: Schema<T>, bytes: Uint8Array): T {
  return schema.read(new XdrReader(bytes), 'field');
}

function wire(status: HalStatusName, field = 'field'): (error: unknown) => boolean {
  return (error) => error instanceof WireError && error.status === HalStatus[status] && error.field === field;
}

/** Words as bytes. */
function words(...values: number[]): Uint8Array {
  const bytes = new Uint8Array(4 * values.length);
  values.forEach((value, i) => new DataView(bytes.buffer).setUint32(4 * i, value));
  return bytes;
}

/** Every schema in the operation table, at any depth. */
function allSchemas(): Set<Schema<unknown>> {
  const found = new Set<Schema<unknown>>();
  const visit = (schema: Schema<unknown>): void => {
    if (found.has(schema)) return;
    found.add(schema);
    if (schema.shape.type === 'array') visit(schema.shape.item);
    if (schema.shape.type === 'struct') Object.values(schema.shape.fields).forEach(visit);
  };
  for (const operation of Object.values<Operation>(operations)) {
    visit(operation.argsSchema);
    visit(operation.resultsSchema);
    if (operation.sizeSchema !== undefined) visit(operation.sizeSchema);
  }
  return found;
}

describe('every schema of the operation table', () => {
  it('round-trips, and is never shorter than its minimum', () => {
    for (const schema of allSchemas()) {
      fc.assert(
        fc.property(valueOf(schema), (value) => {
          const bytes = encode(schema, value);
          assert.ok(bytes.length >= schema.minSize);
          assert.deepStrictEqual(decode(schema, bytes), value);
        }),
        { numRuns: 20 },
      );
    }
  });

  it('refuses values above its maximum in both directions, and takes the maximum', () => {
    let checked = 0;
    for (const schema of allSchemas()) {
      const { shape } = schema;
      if (shape.type !== 'opaque' && shape.type !== 'opaqueOrNil' && shape.type !== 'text') continue;
      const status = shape.type === 'opaqueOrNil' ? 'RESULT_TOO_LONG' : 'BAD_ARGUMENTS';
      const value = (length: number): unknown =>
        shape.type === 'text' ? 'x'.repeat(length) : new Uint8Array(length).fill(0x78);
      assert.deepStrictEqual(decode(schema, encode(schema, value(shape.max))), value(shape.max));
      assert.throws(() => encode(schema, value(shape.max + 1)), wire(status));
      const tooLong = encode(opaque(shape.max + 1), new Uint8Array(shape.max + 1));
      assert.throws(() => decode(schema, tooLong), wire(status));
      assert.throws(() => decode(schema, tooLong.subarray(0, -4)), wire('XDR_BUFFER_OVERFLOW'));
      checked++;
    }
    assert.ok(checked >= 15, `${checked} schemas`);
  });

  it('refuses more items than its maximum in both directions', () => {
    let checked = 0;
    for (const schema of allSchemas()) {
      const { shape } = schema;
      if (shape.type !== 'array') continue;
      const [item] = fc.sample(valueOf(shape.item), { numRuns: 1, seed: 1 });
      const items = Array.from({ length: shape.max + 1 }, () => item);
      assert.throws(() => encode(schema, items), wire('BAD_ARGUMENTS'));
      assert.throws(() => decode(schema, encode(array(shape.item, shape.max + 1), items)), wire('BAD_ARGUMENTS'));
      items.pop();
      assert.equal((decode(schema, encode(schema, items)) as unknown[]).length, shape.max);
      checked++;
    }
    assert.ok(checked >= 8, `${checked} schemas`);
  });
});

describe('u32', () => {
  it('takes unsigned 32-bit numbers only', () => {
    for (const value of [0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff])
      assert.equal(decode(u32, encode(u32, value)), value);
    for (const value of [-1, 2 ** 32, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      assert.throws(() => encode(u32, value), wire('BAD_ARGUMENTS'));
    }
  });
});

describe('uuid', () => {
  it('has 16 bytes; every other length is KEY_NAME_TOO_LONG, missing bytes are not', () => {
    const value = new Uint8Array(16).fill(9);
    assert.deepEqual(encode(uuid, value), Uint8Array.of(0, 0, 0, 16, ...value));
    for (const length of [0, 15, 17, 20, 0xffff_ffff]) {
      assert.throws(
        () => decode(uuid, Uint8Array.of(...words(length), ...new Uint8Array(20))),
        wire('KEY_NAME_TOO_LONG'),
      );
    }
    for (const length of [0, 15, 17])
      assert.throws(() => encode(uuid, new Uint8Array(length)), wire('KEY_NAME_TOO_LONG'));
    assert.throws(() => decode(uuid, encode(uuid, value).subarray(0, 19)), wire('XDR_BUFFER_OVERFLOW'));
  });
});

describe('opaque', () => {
  it('is refused with the status its field asks for', () => {
    const schema = opaque(4, 'RPC_PACKET_OVERFLOW');
    assert.throws(() => encode(schema, new Uint8Array(5)), wire('RPC_PACKET_OVERFLOW'));
    assert.throws(() => decode(schema, words(8, 0, 0)), wire('RPC_PACKET_OVERFLOW'));
    assert.throws(() => decode(schema, words(8, 0)), wire('XDR_BUFFER_OVERFLOW'));
  });
});

describe('opaque or NIL', () => {
  it('tells no value from an empty one', () => {
    const schema = opaqueOrNil(8);
    assert.deepEqual(encode(schema, null), words(NIL));
    assert.deepEqual(encode(schema, new Uint8Array(0)), words(0));
    assert.equal(decode(schema, words(NIL)), null);
    assert.deepEqual(decode(schema, words(0)), new Uint8Array(0));
    assert.throws(() => decode(schema, words(NIL - 1)), wire('XDR_BUFFER_OVERFLOW'));
  });
});

describe('text', () => {
  it('counts bytes, not characters', () => {
    assert.deepEqual(encode(text(4), 'äö'), Uint8Array.of(0, 0, 0, 4, 0xc3, 0xa4, 0xc3, 0xb6));
    assert.throws(() => encode(text(4), 'äöü'), wire('BAD_ARGUMENTS'));
  });

  it('keeps a leading U+FEFF and replaces malformed sequences', () => {
    assert.equal(decode(text(8), encode(text(8), '\u{feff}x')), '\u{feff}x');
    assert.equal(decode(text(8), Uint8Array.of(0, 0, 0, 2, 0x78, 0xff)), 'x\u{fffd}');
  });
});

describe('array', () => {
  it('checks the count against the message before it reads an item', () => {
    let read = 0;
    const counted: Schema<number> = { ...u32, read: (reader, field) => ((read += 1), u32.read(reader, field)) };
    const schema = array(counted, 10);
    for (const count of [3, 10, 11, 0x4000_0000, 0xffff_ffff]) {
      assert.throws(() => decode(schema, words(count, 1, 2)), wire('XDR_BUFFER_OVERFLOW'));
    }
    assert.throws(() => decode(schema, words(11, ...Array.from({ length: 11 }, () => 0))), wire('BAD_ARGUMENTS'));
    assert.equal(read, 0);
    assert.deepEqual(decode(schema, words(2, 1, 2)), [1, 2]);
  });

  it('is refused with the status its field asks for if the count lies', () => {
    assert.throws(() => decode(array(u32, 4, 'RPC_PACKET_OVERFLOW'), words(2, 1)), wire('RPC_PACKET_OVERFLOW'));
  });

  it('of nothing ends at its maximum', () => {
    const schema = array(struct({}), 3);
    assert.deepEqual(decode(schema, words(3)), [{}, {}, {}]);
    assert.throws(() => decode(schema, words(0xffff_ffff)), wire('BAD_ARGUMENTS'));
  });
});

describe('struct', () => {
  it('says which field of which item is wrong', () => {
    const schema = array(struct({ id: uuid, parts: array(struct({ n: u32, value: opaque(4) }), 4) }), 4);
    const value = [
      { id: new Uint8Array(16), parts: [] },
      {
        id: new Uint8Array(16),
        parts: [
          { n: 1, value: new Uint8Array(4) },
          { n: 2, value: new Uint8Array(4) },
        ],
      },
    ];
    const bytes = encode(schema, value);
    assert.throws(() => decode(schema, bytes.subarray(0, -1)), wire('XDR_BUFFER_OVERFLOW', 'field[1].parts[1].value'));
    assert.throws(() => decode(schema, words(1, 16, 1, 2, 3, 4, 7)), wire('XDR_BUFFER_OVERFLOW', 'field[0].parts'));
    const lists = array(array(u32, 4), 4);
    assert.throws(() => encode(lists, [[1], [2, -1]]), wire('BAD_ARGUMENTS', 'field[1][1]'));
    const nested = struct({ inner: struct({ n: u32 }) });
    assert.throws(() => encode(nested, { inner: { n: -1 } }), wire('BAD_ARGUMENTS', 'field.inner.n'));
  });

  it('lets other errors of its fields pass as they are', () => {
    const bug = new RangeError('not ours');
    const broken: Schema<number> = {
      ...u32,
      read: () => {
        throw bug;
      },
      write: () => {
        throw bug;
      },
    };
    const schema = struct({ list: array(broken, 4) });
    assert.throws(() => decode(schema, words(1, 1)), bug);
    assert.throws(() => encode(schema, { list: [1] }), bug);
  });

  it('describes itself', () => {
    const schema = struct({ type: u32, value: opaqueOrNil(8), names: array(text(5), 3), id: uuid, data: opaque(7) });
    assert.equal(schema.kind, '{ type: u32, value: opaque<8> or NIL, names: text<5>[3], id: uuid, data: opaque<7> }');
    assert.equal(schema.minSize, 4 + 4 + 4 + 20 + 4);
  });
});
