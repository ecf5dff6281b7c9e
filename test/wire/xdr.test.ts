import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import fc from 'fast-check';

import { HalStatus, WireError } from '#src/wire/status.ts';
import { padded, XdrReader, XdrWriter } from '#src/wire/xdr.ts';

const hex = (text: string): Uint8Array => Uint8Array.fromHex(text.replaceAll(' ', ''));

function tooShort(field: string): (error: unknown) => boolean {
  return (error) =>
    error instanceof WireError && error.status === HalStatus.XDR_BUFFER_OVERFLOW && error.field === field;
}

describe('XDR writer', () => {
  it('writes big-endian words, and opaques with length and zero padding', () => {
    const writer = new XdrWriter();
    writer.u32(0x8001_0000);
    writer.opaque(hex('01 02 03 04 05'));
    writer.opaque(new Uint8Array(0));
    writer.bytes(hex('ff'));
    assert.equal(writer.length, 24);
    assert.deepEqual(writer.message(), hex('80010000 00000005 01020304 05000000 00000000 ff000000'));
  });

  it('pads with zeros where an abandoned message had other bytes', () => {
    const writer = new XdrWriter();
    writer.bytes(new Uint8Array(64).fill(0xff));
    writer.reset();
    writer.bytes(hex('01'));
    assert.deepEqual(writer.message(), hex('01000000'));
  });

  it('writes messages that do not overlap, across the borders of its buffers', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(255), fc.oneof(fc.nat(40), fc.nat(40_000))), { minLength: 2, maxLength: 30 }),
        (sizes) => {
          const writer = new XdrWriter();
          const messages = sizes.map(([fill, size]) => {
            writer.reset();
            writer.opaque(new Uint8Array(size).fill(fill));
            return writer.message();
          });
          messages.forEach((message, i) => {
            const [fill, size] = sizes[i] as [number, number];
            const expected = new Uint8Array(4 + padded(size));
            new DataView(expected.buffer).setUint32(0, size);
            expected.fill(fill, 4, 4 + size);
            assert.deepEqual(message, expected);
          });
        },
      ),
    );
  });
});

describe('XDR reader', () => {
  it('reads what was written', () => {
    const reader = new XdrReader(hex('00000000 ffffffff 00000003 01020300 deadbeef'), 4);
    assert.equal(reader.remaining, 16);
    assert.equal(reader.u32('a'), 0xffff_ffff);
    assert.deepEqual(reader.bytes('b', reader.u32('b')), hex('010203'));
    assert.equal(reader.u32('c'), 0xdead_beef);
    assert.equal(reader.remaining, 0);
  });

  it('reads from the middle of a larger buffer', () => {
    const memory = new Uint8Array(64).fill(0xee);
    memory.set(hex('00000002 0102 0000'), 20);
    const reader = new XdrReader(memory.subarray(20, 28));
    assert.deepEqual(reader.bytes('a', reader.u32('a')), hex('0102'));
    assert.throws(() => reader.u32('b'), tooShort('b'));
  });

  it('does not look at padding, and does without at the end of the message', () => {
    const reader = new XdrReader(hex('00000001 01ffffff 00000002 0203'));
    assert.deepEqual(reader.bytes('a', reader.u32('a')), hex('01'));
    assert.deepEqual(reader.bytes('b', reader.u32('b')), hex('0203'));
    assert.equal(reader.remaining, 0);
    assert.throws(() => reader.u32('c'), tooShort('c'));
    assert.deepEqual(reader.bytes('d', 0), new Uint8Array(0));
  });

  it('refuses what lies beyond the message, whatever the length', () => {
    for (let length = 0; length < 4; length++) {
      assert.throws(() => new XdrReader(new Uint8Array(length)).u32('word'), tooShort('word'));
    }
    for (const length of [5, 8, 0x7fff_ffff, 0x8000_0000, 0xffff_fffd, 0xffff_ffff]) {
      assert.throws(() => new XdrReader(new Uint8Array(4)).bytes('data', length), tooShort('data'));
    }
    const behind = new XdrReader(new Uint8Array(4), 8);
    assert.throws(() => behind.u32('word'), tooShort('word'));
    assert.throws(() => behind.bytes('data', 1), tooShort('data'));
  });
});

describe('padding', () => {
  it('goes to the next multiple of four', () => {
    assert.deepEqual([0, 1, 2, 3, 4, 5, 65_533].map(padded), [0, 4, 4, 4, 4, 8, 65_536]);
  });
});
