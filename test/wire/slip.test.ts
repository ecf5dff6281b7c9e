import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import fc from 'fast-check';

import { encodeFrame, SlipDecoder, SlipEncoder, type SlipProblem } from '#src/wire/slip.ts';

const hex = (text: string): Uint8Array => Uint8Array.fromHex(text.replaceAll(' ', ''));

/** Bytes rich in the ones that SLIP treats specially. */
const byte = fc.oneof(fc.constantFrom(0xc0, 0xdb, 0xdc, 0xdd), fc.nat(255));
const payload = fc.array(byte, { minLength: 1, maxLength: 60 }).map((bytes) => Uint8Array.from(bytes));

/** Pushes chunks and collects copies of the frames and the problems. */
function decode(chunks: readonly Uint8Array[], limit = 1000, decoder = new SlipDecoder(limit)) {
  const frames: string[] = [];
  const problems: SlipProblem[] = [];
  for (const chunk of chunks) {
    decoder.push(
      chunk,
      (frame) => frames.push(frame.toHex()),
      (problem) => problems.push(problem),
    );
  }
  return { frames, problems, pending: decoder.pending };
}

/** Cuts a stream at arbitrary places. */
function split(stream: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const places = [0, ...cuts.map((cut) => cut % (stream.length + 1)), stream.length].toSorted((a, b) => a - b);
  return places.slice(1).map((place, i) => stream.subarray(places[i], place));
}

describe('SLIP encoder', () => {
  it('puts an END before and after, and escapes END and ESC', () => {
    assert.deepEqual(encodeFrame(hex('01 c0 02 db 03')), hex('c0 01 dbdc 02 dbdd 03 c0'));
    assert.deepEqual(encodeFrame(hex('dc dd')), hex('c0 dcdd c0'));
  });

  it('collects frames and lone ENDs into one write, with as many leading ENDs as wanted', () => {
    const encoder = new SlipEncoder(2);
    encoder.append(hex('01'));
    encoder.appendEnd();
    encoder.append(hex('02'));
    assert.equal(encoder.length, 9);
    const taken = encoder.take();
    assert.deepEqual(taken, hex('c0c0 01 c0 c0 c0c0 02 c0'));
    assert.equal(encoder.length, 0);
    assert.deepEqual(encoder.take(), new Uint8Array(0));
    encoder.append(hex('ff ff ff ff'));
    encoder.take();
    assert.deepEqual(taken, hex('c0c0 01 c0 c0 c0c0 02 c0'), 'what was taken does not change any more');
  });

  it('takes payloads of any size, also if every byte is escaped', () => {
    const encoder = new SlipEncoder();
    for (const size of [0, 1, 4093, 4094, 4095, 70_000, 1_048_576, 3]) {
      const frame = new Uint8Array(size).fill(0xc0);
      encoder.append(frame);
      const taken = encoder.take();
      assert.equal(taken.length, 2 * size + 2);
      const { frames } = decode([taken], 1_048_576);
      assert.deepEqual(frames, size === 0 ? [] : [frame.toHex()]);
    }
  });
});

describe('SLIP decoder', () => {
  it('gives the same frames however the stream is cut', () => {
    fc.assert(
      fc.property(
        fc.array(payload, { maxLength: 8 }),
        fc.array(fc.nat(), { maxLength: 12 }),
        fc.constantFrom(1, 2),
        fc.boolean(),
        (payloads, cuts, leadingEnds, asBuffers) => {
          const encoder = new SlipEncoder(leadingEnds);
          for (const frame of payloads) encoder.append(frame);
          const stream = encoder.take();
          const chunks = split(stream, cuts).map((chunk) => (asBuffers ? Buffer.from(chunk) : chunk));
          const { frames, problems, pending } = decode(chunks);
          assert.deepEqual(
            frames,
            payloads.map((frame) => frame.toHex()),
          );
          assert.deepEqual(problems, []);
          assert.equal(pending, 0);
        },
      ),
    );
  });

  it('gives the same frames and problems however any bytes are cut', () => {
    fc.assert(
      fc.property(
        fc.array(byte, { maxLength: 80 }).map((bytes) => Uint8Array.from(bytes)),
        fc.array(fc.nat(), { maxLength: 12 }),
        fc.integer({ min: 1, max: 20 }),
        (stream, cuts, limit) => {
          const whole = decode([stream], limit);
          assert.deepEqual(decode(split(stream, cuts), limit), whole);
          assert.deepEqual(
            decode(
              Array.from(stream, (one) => Uint8Array.of(one)),
              limit,
            ),
            whole,
          );
          for (const frame of whole.frames) assert.ok(frame.length > 0 && frame.length <= 2 * limit);
        },
      ),
    );
  });

  it('hands out frames that later input does not change', () => {
    const decoder = new SlipDecoder(100);
    const frames: Uint8Array[] = [];
    const keep = (frame: Uint8Array): void => void frames.push(frame);
    for (const chunk of ['c001', '02c0', 'c003dbdc04c0', '05', 'c0']) decoder.push(hex(chunk), keep);
    assert.deepEqual(
      frames.map((frame) => frame.toHex()),
      ['0102', '03c004', '05'],
    );
  });

  it('hands out frames whose slice is a copy, also from a Buffer', () => {
    const chunk = Buffer.from('c0010203c0', 'hex');
    const kept: Uint8Array[] = [];
    new SlipDecoder(100).push(chunk, (frame) => kept.push(frame.slice()));
    chunk.fill(0);
    assert.deepEqual(kept, [hex('010203')]);
  });

  const cases: [title: string, chunks: string[], frames: string[]][] = [
    ['needs no leading END', ['01 02 c0'], ['0102']],
    ['lets two frames share an END', ['c0 01 c0 02 c0'], ['01', '02']],
    ['skips empty frames and lone ENDs', ['c0', 'c0c0', 'c0c0 01 c0 c0', 'c0'], ['01']],
    ['takes noise before the first END for a frame', ['15 c0 00000000 00000000 c0'], ['15', '0000000000000000']],
    ['takes an escaped other byte literally', ['c0 db 41 db c1 c0'], ['41c1']],
    ['joins an escape cut in two', ['c0 01 db', 'dc 02 c0', 'c0 db', 'dd c0'], ['01c002', 'db']],
    ['reads an ESC after an ESC literally', ['c0 db db dc c0'], ['dbdc']],
    ['drops an ESC right before END', ['c0 01 db c0'], ['01']],
    ['drops an ESC before END in the next chunk', ['c0 01 db', 'c0'], ['01']],
    ['forgets the escape at END: DC and DD stay what they are', ['c0 01 db c0 dc 02 c0 dd c0'], ['01', 'dc02', 'dd']],
    ['forgets an escape that was alone in its frame', ['c0 db', 'c0', 'dc 02 c0'], ['dc02']],
    ['sees no frame in a stray ESC', ['c0 db c0 db c0'], []],
    ['waits for the END', ['c0 01 02 03'], []],
  ];
  for (const [title, chunks, frames] of cases) {
    it(title, () => {
      const { frames: seen, problems } = decode(chunks.map(hex));
      assert.deepEqual(seen, frames);
      assert.deepEqual(problems, []);
    });
  }

  it('counts the bytes of an unfinished frame', () => {
    const decoder = new SlipDecoder(10);
    assert.equal(decode([hex('c0')], 10, decoder).pending, 0);
    assert.equal(decode([hex('01 db')], 10, decoder).pending, 1);
    assert.equal(decode([hex('dc 02')], 10, decoder).pending, 3);
    assert.equal(decode([hex('c0')], 10, decoder).pending, 0);
  });
});

describe('SLIP decoder with frames that are too long', () => {
  it('counts decoded bytes: the limit itself passes, escaped or not', () => {
    for (const fill of [0x00, 0xc0]) {
      const longest = new Uint8Array(16).fill(fill);
      assert.deepEqual(decode([encodeFrame(longest)], 16).frames, [longest.toHex()]);
      const { frames, problems } = decode([encodeFrame(new Uint8Array(17).fill(fill))], 16);
      assert.deepEqual(frames, []);
      assert.deepEqual(problems, [{ kind: 'oversize', head: new Uint8Array(8).fill(fill) }]);
    }
  });

  it('drops the frame, tells its first 8 bytes, and goes on with the next', () => {
    const long = Uint8Array.from({ length: 5000 }, (_, i) => i);
    const encoder = new SlipEncoder();
    encoder.append(hex('0102'));
    encoder.append(long);
    encoder.append(hex('0304'));
    const stream = encoder.take();
    for (const size of [1, 7, 64, 1000, stream.length]) {
      const chunks = [];
      for (let at = 0; at < stream.length; at += size) chunks.push(stream.subarray(at, at + size));
      const { frames, problems } = decode(chunks, 100);
      assert.deepEqual(frames, ['0102', '0304']);
      assert.deepEqual(problems, [{ kind: 'oversize', head: hex('0001020304050607') }]);
    }
  });

  it('does not keep more than the limit of an endless frame', () => {
    const decoder = new SlipDecoder(65_536);
    const before = process.memoryUsage().arrayBuffers;
    const chunk = new Uint8Array(65_536).fill(7);
    for (let i = 0; i < 1000; i++) decode([chunk], 65_536, decoder);
    assert.equal(decoder.pending, 65_536);
    assert.ok(process.memoryUsage().arrayBuffers - before < 16 * 65_536);
    assert.equal(decode([hex('c0')], 65_536, decoder).problems.length, 1);
    assert.deepEqual(decode([hex('01 c0')], 65_536, decoder).frames, ['01']);
  });

  it('drops silently if nobody listens to problems', () => {
    const frames: string[] = [];
    new SlipDecoder(2).push(hex('c0 010203 c0 04 c0'), (frame) => frames.push(frame.toHex()));
    assert.deepEqual(frames, ['04']);
  });

  it('takes a long frame in tiny pieces in linear time', () => {
    const stream = encodeFrame(new Uint8Array(1_048_576).fill(0xdb));
    const decoder = new SlipDecoder(1_048_576);
    let length = 0;
    for (let at = 0; at < stream.length; at += 16) {
      decoder.push(stream.subarray(at, at + 16), (frame) => {
        length = frame.length;
      });
    }
    assert.equal(length, 1_048_576);
  });
});

it('an encoded frame is the only copy of its payload, and an encoder keeps none of what it handed over', () => {
  const payload = Uint8Array.from([1, 0xc0, 0xdb, 2]);
  const frame = encodeFrame(payload);
  assert.deepEqual([...frame], [0xc0, 1, 0xdb, 0xdc, 0xdb, 0xdd, 2, 0xc0]);
  assert.equal(frame.buffer.byteLength, frame.length);
  const encoder = new SlipEncoder();
  encoder.append(payload);
  assert.deepEqual(encoder.take(), frame);
  encoder.append(Uint8Array.of());
  assert.deepEqual([...encoder.take()], [0xc0, 0xc0]);
});
