import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { Limits } from '#src/wire/enumerations.ts';
import { encodeRequest, readHeader, readStatus } from '#src/wire/message.ts';
import { operations } from '#src/wire/operations.ts';
import { deviceOperations } from '#src/wire/device-operations.ts';
import { encodeFrame } from '#src/wire/slip.ts';
import { HalError, HalStatus } from '#src/wire/status.ts';
import { vendorOperations } from '#src/wire/vendor-operations.ts';
import { deviceForSuite, type DeviceLink, NOBODY, pairArgs, USER } from './device-under-test.ts';

describe('a device link that is fed malformed frames', () => {
  let link: DeviceLink;
  deviceForSuite((started) => {
    link = started;
  });

  const request = (code: number, client: number, ...words: number[]) => {
    const bytes = Buffer.alloc(8 + 4 * words.length);
    [code, client, ...words].forEach((word, index) => bytes.writeUInt32BE(word, 4 * index));
    return bytes;
  };

  /** The reply to a raw request: header repeated, 12 bytes if it is an error. */
  async function statusOf(bytes: Uint8Array): Promise<number> {
    link.write(encodeFrame(bytes));
    const [reply] = await link.rawReplies(1);
    assert.ok(reply, 'the device has ended');
    assert.deepEqual(readHeader(reply), readHeader(bytes));
    const status = readStatus(reply);
    if (status !== HalStatus.OK) assert.equal(reply.length, 12);
    return status;
  }

  const own = (name: keyof typeof deviceOperations) => operations[name].code;

  test('unknown functions, and functions of other links', async () => {
    for (const code of [
      32,
      65,
      67,
      1978,
      1979,
      1985,
      0x1000,
      0x1030,
      0x10ff,
      0x1112 + 0x80,
      0x1200,
      0x1202,
      0xffff_ffff,
    ]) {
      assert.equal(await statusOf(request(code, 5)), HalStatus.RPC_BAD_FUNCTION, `function ${code}`);
    }
  });

  test('every function cut after every word', async () => {
    for (const [name, { args }] of Object.entries({ ...vendorOperations, ...deviceOperations })) {
      const { code } = operations[name as 'KEY_SIGN'];
      if (code >= 1979 && code <= 1985) continue;
      if (Object.keys(args).length === 0) continue;
      assert.equal(await statusOf(request(code, 6)), HalStatus.XDR_BUFFER_OVERFLOW, name);
    }
    const whole = encodeRequest('KEY_PAIR_CREATE', 6, { connection: NOBODY, ...pairArgs() });
    for (let length = 8; length < whole.length; length += 4) {
      const status = await statusOf(whole.subarray(0, length));
      assert.equal(status, HalStatus.XDR_BUFFER_OVERFLOW, `${length} bytes`);
    }
    assert.equal(await statusOf(whole), HalStatus.FORBIDDEN);
  });

  test('bytes behind the last argument are ignored', async () => {
    assert.equal(await statusOf(request(0, 5, 1, 2, 3)), HalStatus.OK);
  });

  test('UUIDs of other lengths', async () => {
    for (const length of [0, 15, 17]) {
      const bytes = Buffer.concat([request(14, USER, 0, length), Buffer.alloc(20)]);
      assert.equal(await statusOf(bytes), HalStatus.KEY_NAME_TOO_LONG);
    }
    const sign = Buffer.concat([request(own('KEY_SIGN'), 0x8000_0001, USER, 4), Buffer.alloc(40)]);
    assert.equal(await statusOf(sign), HalStatus.KEY_NAME_TOO_LONG);
  });

  test('lengths and counts that lie', async () => {
    const lies = [0x1000, 0x7fff_ffff, 0x8000_0000, 0xffff_fffc, 0xffff_fffd, 0xffff_ffff];
    // A count is another error than a length if that many items could not fit any message of libhal.
    const either: number[] = [HalStatus.XDR_BUFFER_OVERFLOW, HalStatus.RPC_PACKET_OVERFLOW];
    for (const lie of lies) {
      assert.equal(await statusOf(request(11, USER, 1, lie, 0)), HalStatus.XDR_BUFFER_OVERFLOW);
      assert.ok(either.includes(await statusOf(request(own('KEY_DELETE'), 9, USER, lie, 0))));
      assert.ok(either.includes(await statusOf(request(27, USER, 1, lie, 0))));
      assert.ok(either.includes(await statusOf(request(28, USER, 1, lie, 0))));
    }
  });

  test('maxima at the edge of 32 bits', async () => {
    const generated = await link.call('PKEY_GENERATE_EC', USER, { session: 0, curve: 1, flags: 9 });
    const { pkey } = generated;
    for (const max of [16_369, 0x7fff_ffff, 0xffff_fffc, 0xffff_fffd, 0xffff_ffff]) {
      const cases: [string, Uint8Array][] = [
        ['GET_RANDOM', request(1, USER, max)],
        ['HASH_GET_DIGEST_ALGORITHM_ID', request(8, USER, 3, max)],
        ['HASH_FINALIZE', request(12, USER, 1, max)],
        ['PKEY_GET_PUBLIC_KEY', request(22, USER, pkey, max)],
        ['PKEY_SIGN', request(23, USER, pkey, 0, 4, 0, max)],
        ['PKEY_GET_ATTRIBUTES', request(28, USER, pkey, 1, 3, max)],
        ['PKEY_EXPORT', request(29, USER, pkey, pkey, max, max)],
      ];
      for (const [name, bytes] of cases) {
        assert.equal(await statusOf(bytes), HalStatus.RPC_PACKET_OVERFLOW, `${name} ${max}`);
      }
    }
  });

  test('a frame without a whole header gets no reply and does no harm', async () => {
    for (let length = 0; length < 8; length++) link.write(encodeFrame(Buffer.alloc(length, 1)));
    link.write(Buffer.from('c0c0c0dbc0dbdbdbc0', 'hex'));
    assert.equal(await statusOf(request(0, 5)), HalStatus.OK);
  });

  test('a frame above the limit is answered with an error, and the next one is served', async () => {
    const head = request(1, 5, 16);
    assert.equal(await statusOf(Buffer.concat([head, Buffer.alloc(Limits.ownMessage - 12)])), HalStatus.OK);
    const long = Buffer.concat([head, Buffer.alloc(Limits.ownMessage - 11)]);
    assert.equal(await statusOf(long), HalStatus.RPC_PACKET_OVERFLOW);
    assert.equal(await statusOf(head), HalStatus.OK);
  });

  test('values above the maxima of the table', async () => {
    const longPin = encodeRequest('LOGIN', 5, { user: 1, pin: Buffer.alloc(4096) });
    const tooLong = Buffer.concat([longPin.subarray(0, 12), Buffer.from('00001001', 'hex'), Buffer.alloc(4100)]);
    assert.equal(await statusOf(tooLong), HalStatus.BAD_ARGUMENTS);
    const deletion = Buffer.concat([request(own('KEY_DELETE'), 9, USER, 1025), Buffer.alloc(1025 * 20)]);
    assert.equal(await statusOf(deletion), HalStatus.BAD_ARGUMENTS);
  });

  test('frames cut and joined anywhere', async () => {
    const frames = Buffer.concat(
      Array.from({ length: 20 }, (_, client) => encodeFrame(request(0, 0xc0db_0000 + client))),
    );
    for (const byte of frames) link.write(Buffer.from([byte]));
    const replies: Uint8Array[] = [];
    while (replies.length < 20) replies.push(...(await link.rawReplies(1)));
    assert.deepEqual(
      replies.map((reply) => readHeader(reply)?.client),
      Array.from({ length: 20 }, (_, client) => 0xc0db_0000 + client),
    );
  });

  test('random arguments of every function: always one reply, never the end', async () => {
    const codes = Object.values({ ...vendorOperations, ...deviceOperations })
      .map(({ code }) => code)
      // Not the ones that would log the test out, change its PINs or its master key, or generate RSA keys all day.
      .filter((code) => ![2, 3, 4, 5, 15, 0x1111, 0x1127, 0x1130, 0x1132].includes(code));
    const word = fc.oneof(fc.constantFrom(0, 1, 2, 3, 4, 16, 0xffff_ffff), fc.nat(0xffff_ffff));
    let client = 0x8000_0000;
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...codes),
        fc.array(word, { maxLength: 12 }),
        fc.uint8Array({ maxLength: 64 }),
        async (code, words, tail) => {
          const status = await statusOf(Buffer.concat([request(code, ++client, ...words), tail]));
          assert.ok(status <= HalStatus.TAMPER, `status ${status}`);
          assert.notEqual(status, HalStatus.ASSERTION_FAILED);
        },
      ),
      { numRuns: 2000 },
    );
    assert.doesNotMatch(link.stderr, /ERROR/);
    await link.call('KEY_LIST', USER, { after: new Uint8Array(16), limit: 1 });
  });

  test('a wrong PIN that is malformed costs no delay and no failure', async () => {
    for (const length of [0, 3]) {
      await assert.rejects(
        link.call('LOGIN', NOBODY, { user: 1, pin: Buffer.alloc(length) }),
        (error: HalError) => error.status === HalStatus.BAD_ARGUMENTS,
      );
    }
    for (const user of [0, 4, 0xffff_ffff]) {
      await assert.rejects(
        link.call('LOGIN', NOBODY, { user, pin: Buffer.alloc(4) }),
        (error: HalError) => error.status === HalStatus.BAD_ARGUMENTS,
      );
    }
  });
});
