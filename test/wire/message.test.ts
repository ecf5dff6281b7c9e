import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import fc from 'fast-check';

import { Limits } from '#src/wire/enumerations.ts';
import {
  type ArgsOf,
  decodeArgs,
  decodeResults,
  decodeSizeResults,
  encodeError,
  encodeReply,
  encodeRequest,
  encodeSizeReply,
  readHeader,
  readStatus,
  type ResultsOf,
  setClient,
} from '#src/wire/message.ts';
import { type Operation } from '#src/wire/operation.ts';
import { operationOf, type OperationName, operations } from '#src/wire/operations.ts';
import { type Schema } from '#src/wire/schema.ts';
import {
  Bug,
  CKR_STATUS_BASE,
  CkrError,
  HalError,
  HalStatus,
  type HalStatusName,
  WireError,
} from '#src/wire/status.ts';
import { fieldsOf, lengthWords } from '#test/wire/schema-values.ts';

const names = Object.keys(operations) as OperationName[];
const client = fc.integer({ min: 0, max: 0xffff_ffff });

/** A message of every operation in one direction, with the code that reads and writes it. */
interface Direction {
  readonly title: string;
  readonly start: number;
  schema(name: OperationName): Schema<unknown>;
  encode(name: OperationName, client: number, value: unknown): Uint8Array;
  decode(name: OperationName, message: Uint8Array): unknown;
}

const directions: Direction[] = [
  {
    title: 'requests',
    start: 8,
    schema: (name) => (operations[name] as Operation).argsSchema,
    encode: (name, number, value) => encodeRequest(name, number, value as ArgsOf<OperationName>),
    decode: decodeArgs,
  },
  {
    title: 'replies',
    start: 12,
    schema: (name) => (operations[name] as Operation).resultsSchema,
    encode: (name, number, value) => encodeReply(name, number, value as ResultsOf<OperationName>),
    decode: decodeResults,
  },
];

/** Runs a decoder on bytes of a peer: a value, or the error. Anything but a WireError fails the test. */
function attempt(decode: () => unknown): { value: unknown } | { error: WireError } {
  try {
    return { value: decode() };
  } catch (error) {
    assert.ok(error instanceof WireError, `threw ${String(error)}`);
    return { error };
  }
}

for (const { title, start, schema, encode, decode } of directions) {
  describe(`${title} of every operation`, () => {
    for (const name of names) {
      const message = fc
        .tuple(client, fieldsOf(schema(name)))
        .map(([number, value]) => ({ number, value, bytes: encode(name, number, value) }));

      it(`${name}: survives the way there, damaged ones are refused`, () => {
        fc.assert(
          fc.property(message, fc.uint8Array({ maxLength: 9 }), ({ number, value, bytes }, garbage) => {
            // Round trip; trailing bytes do not matter.
            assert.deepEqual(readHeader(bytes), { code: operations[name].code, client: number });
            assert.equal(bytes.length % 4, 0);
            assert.ok(bytes.length >= start + schema(name).minSize);
            assert.deepStrictEqual(decode(name, bytes), value);
            assert.deepStrictEqual(decode(name, Buffer.concat([bytes, garbage])), value);
          }),
          { numRuns: 25 },
        );
      });

      it(`${name}: is refused when cut anywhere`, () => {
        fc.assert(
          fc.property(message, ({ number, bytes }) => {
            const step = Math.max(1, Math.floor((bytes.length - start) / 300));
            for (let cut = start; cut < bytes.length; cut += cut > bytes.length - 8 ? 1 : step) {
              const outcome = attempt(() => decode(name, bytes.subarray(0, cut)));
              // Only padding behind the last opaque may be missing.
              if ('error' in outcome) assert.ok(outcome.error.field !== '');
              else assert.deepEqual(encode(name, number, outcome.value), bytes);
              if (cut <= bytes.length - 4) assert.ok('error' in outcome, `cut to ${cut} of ${bytes.length}`);
            }
          }),
          { numRuns: 8 },
        );
      });

      it(`${name}: is refused when a length or count lies`, () => {
        fc.assert(
          fc.property(message, ({ value, bytes }) => {
            const { words, end } = lengthWords(schema(name), value, start);
            assert.equal(end, bytes.length);
            for (const { kind, offset } of words) {
              const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
              const truth = view.getUint32(offset);
              for (const lie of [0xffff_ffff, 0xffff_fffe, 0xffff_fffc, 0x8000_0000, 0x7fff_ffff, bytes.length]) {
                view.setUint32(offset, lie);
                const outcome = attempt(() => decode(name, bytes));
                if (kind === 'lengthOrNil' && lie === 0xffff_ffff) continue;
                assert.ok('error' in outcome, `${lie} at ${offset}`);
                assert.equal(outcome.error.status, HalStatus[statusOfLie(name, kind, title)]);
              }
              // One more or less shifts everything behind; it must not do worse than give other values or a WireError.
              for (const lie of [truth + 1, truth - 1, truth + 4, 0]) {
                view.setUint32(offset, lie);
                attempt(() => decode(name, bytes));
              }
              view.setUint32(offset, truth);
            }
          }),
          { numRuns: 8 },
        );
      });

      it(`${name}: arbitrary bytes give a value or a WireError`, () => {
        const body = fc.oneof(
          fc.uint8Array({ maxLength: 200 }),
          // Small words get further into a message than random ones.
          fc.array(fc.nat(20), { maxLength: 60 }).map((words) => {
            const bytes = new Uint8Array(4 * words.length);
            words.forEach((word, i) => new DataView(bytes.buffer).setUint32(4 * i, word));
            return bytes;
          }),
        );
        fc.assert(
          fc.property(body, (bytes) => {
            const framed = new Uint8Array(start + bytes.length);
            framed.set(bytes, start);
            attempt(() => decode(name, framed));
            if (title === 'requests') attempt(() => decode(name, bytes));
          }),
          { numRuns: 60 },
        );
      });
    }
  });
}

function statusOfLie(name: OperationName, kind: string, title: string): HalStatusName {
  if (kind === 'uuid') return 'KEY_NAME_TOO_LONG';
  // The vendor's device answers 29 to this one.
  if (kind === 'count' && name === 'PKEY_SET_ATTRIBUTES' && title === 'requests') return 'RPC_PACKET_OVERFLOW';
  return 'XDR_BUFFER_OVERFLOW';
}

describe('replies to size queries', () => {
  const withSizeQuery = names.filter((name) => (operations[name] as Operation).sizeQuery !== undefined);

  it('exist for two functions', () => {
    assert.deepEqual(withSizeQuery, ['HASH_GET_DIGEST_ALGORITHM_ID', 'PKEY_GET_ATTRIBUTES']);
  });

  it('carry the lengths', () => {
    fc.assert(
      fc.property(
        client,
        fc.nat(),
        fc.array(fc.record({ type: client, length: client }, { noNullPrototype: true })),
        (word, length, attributes) => {
          const id = encodeSizeReply('HASH_GET_DIGEST_ALGORITHM_ID', word, { length });
          assert.equal(id.length, 16);
          assert.deepStrictEqual(decodeSizeResults('HASH_GET_DIGEST_ALGORITHM_ID', id), { length });
          const lengths = encodeSizeReply('PKEY_GET_ATTRIBUTES', word, { attributes });
          assert.equal(lengths.length, 16 + 8 * attributes.length);
          assert.deepStrictEqual(decodeSizeResults('PKEY_GET_ATTRIBUTES', lengths), { attributes });
        },
      ),
    );
  });

  it('report errors as any reply', () => {
    assert.throws(
      () => decodeSizeResults('PKEY_GET_ATTRIBUTES', encodeError(28, 0, HalStatus.ATTRIBUTE_NOT_FOUND)),
      (error) => error instanceof HalError && error.status === HalStatus.ATTRIBUTE_NOT_FOUND,
    );
  });

  it('are a bug for other functions', () => {
    assert.throws(() => encodeSizeReply('LOGIN' as 'PKEY_GET_ATTRIBUTES', 0, { attributes: [] }), Bug);
  });
});

describe('error replies', () => {
  it('have 12 bytes and give back the status', () => {
    fc.assert(
      fc.property(fc.constantFrom(...names), client, fc.integer({ min: 1, max: 50 }), (name, word, status) => {
        const { code } = operations[name];
        const reply = encodeError(code, word, status);
        assert.equal(reply.length, 12);
        assert.deepEqual(readHeader(reply), { code, client: word });
        assert.equal(readStatus(reply), status);
        assert.throws(
          () => decodeResults(name, reply),
          (error) => error instanceof HalError && error.status === status,
        );
      }),
    );
  });

  it('carry a CK_RV to our own functions only', () => {
    const status = CKR_STATUS_BASE + 0x8000_0001;
    for (const name of ['SIGN', 'KEY_SIGN'] as const) {
      assert.throws(
        () => decodeResults(name, encodeError(operations[name].code, 1, status)),
        (error) => error instanceof CkrError && error.ckr === 0x8000_0001,
      );
    }
    for (const name of ['LOGIN', 'PKEY_SIGN'] as const) {
      assert.throws(
        () => decodeResults(name, encodeError(operations[name].code, 1, status)),
        (error) => error instanceof HalError && error.status === HalStatus.RPC_PROTOCOL_ERROR,
      );
    }
  });

  it('of an unknown status, and replies without one, are protocol errors', () => {
    for (const reply of [
      encodeError(3, 1, 51),
      encodeError(3, 1, 0xffff_ffff),
      new Uint8Array(11),
      new Uint8Array(0),
    ]) {
      assert.throws(
        () => decodeResults('LOGIN', reply),
        (error) => error instanceof HalError && error.status === HalStatus.RPC_PROTOCOL_ERROR,
      );
    }
  });
});

describe('message', () => {
  it('has no header below 8 bytes', () => {
    for (let length = 0; length < 8; length++) assert.equal(readHeader(new Uint8Array(length)), undefined);
    assert.deepEqual(readHeader(Uint8Array.fromHex('ffffffff80000000')), { code: 0xffff_ffff, client: 0x8000_0000 });
  });

  it('gets another client word and nothing else changes', () => {
    fc.assert(
      fc.property(client, client, (first, second) => {
        const message = encodeRequest('LOGIN', first, { user: 1, pin: new Uint8Array(5) });
        setClient(message, second);
        assert.deepEqual(message, encodeRequest('LOGIN', second, { user: 1, pin: new Uint8Array(5) }));
      }),
    );
  });

  it('stays as it is while others are written', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 4000 }), { minLength: 2, maxLength: 20 }), (inputs) => {
        const messages = inputs.map((data, i) => encodeRequest('HASH_UPDATE', i, { hash: i, data }));
        messages.forEach((message, i) => {
          assert.deepStrictEqual(decodeArgs('HASH_UPDATE', message), { hash: i, data: inputs[i] });
          assert.equal(readHeader(message)?.client, i);
        });
      }),
    );
  });

  it('is whole after one that failed half way', () => {
    const good = encodeRequest('LOGIN', 7, { user: 1, pin: new Uint8Array(4) });
    assert.throws(() => encodeRequest('LOGIN', 8, { user: 1, pin: new Uint8Array(5000) }), WireError);
    assert.deepEqual(encodeRequest('LOGIN', 7, { user: 1, pin: new Uint8Array(4) }), good);
  });

  it('longer than any decoder takes is refused where it is made', () => {
    const attributes = Array.from({ length: 17 }, (_, type) => ({
      type,
      value: new Uint8Array(Limits.attributeValue),
    }));
    assert.throws(
      () => encodeReply('OBJECT_GET', 1, { attributes }),
      (error) => error instanceof WireError && error.status === HalStatus.RPC_PACKET_OVERFLOW,
    );
    const data = new Uint8Array(Limits.signInput);
    const key = new Uint8Array(16);
    const long = encodeRequest('KEY_SIGN', 1, { connection: 1, key, mechanism: 1, parameter: new Uint8Array(0), data });
    assert.equal(decodeArgs('KEY_SIGN', long).data.length, Limits.signInput);
    const short = encodeRequest('GET_VERSION', 1, {});
    assert.ok(short.buffer.byteLength < 65_536, 'a short message does not keep the buffer of a long one');
  });

  it('names the field that is wrong, through structs and arrays', () => {
    const value = new Uint8Array(Limits.attributeValue + 1);
    const template = [
      { type: 1, value: new Uint8Array(1) },
      { type: 2, value },
    ];
    const request = new Uint8Array(16);
    const path = (field: string) => (error: unknown) =>
      error instanceof WireError && error.field === field && error.message.startsWith(`${field}: `);
    assert.throws(
      () => encodeRequest('OBJECT_CREATE', 1, { session: 0, request, template }),
      path('template[1].value'),
    );
    const object = new Uint8Array(15);
    assert.throws(
      () => encodeReply('OBJECT_CREATE', 1, { created: { object, attributes: [] } }),
      path('created.object'),
    );
    const uuids = [request, object];
    assert.throws(() => encodeReply('PKEY_MATCH', 1, { state: 1, uuids }), path('uuids[1]'));
    const found = encodeReply('OBJECT_FIND', 1, {
      more: 0,
      objects: [{ object: request, attributes: template.slice(0, 1) }],
    });
    assert.throws(() => decodeResults('OBJECT_FIND', found.subarray(0, -4)), path('objects[0].attributes[0].value'));
  });

  it('decodes to bytes whose slice is a copy, also from a Buffer', () => {
    const message = Buffer.from(encodeRequest('LOGIN', 1, { user: 1, pin: new Uint8Array(4).fill(5) }));
    const { pin } = decodeArgs('LOGIN', message);
    const kept = pin.slice();
    message.fill(0);
    assert.deepStrictEqual(kept, new Uint8Array(4).fill(5));
    assert.deepStrictEqual(pin, new Uint8Array(4), 'the decoded value itself is a view');
  });

  it('has a code that leads back to its name', () => {
    for (const name of names) assert.equal(operationOf(operations[name].code), name);
  });
});
