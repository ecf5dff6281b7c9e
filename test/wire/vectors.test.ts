import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import {
  decodeArgs,
  decodeResults,
  decodeSizeResults,
  encodeError,
  encodeReply,
  encodeRequest,
  encodeSizeReply,
  readHeader,
  readStatus,
  type SizeResultsOf,
} from '#src/wire/message.ts';
import { type Operation } from '#src/wire/operation.ts';
import { operationOf, type OperationName, operations } from '#src/wire/operations.ts';
import { encodeFrame, SlipDecoder, SlipEncoder } from '#src/wire/slip.ts';
import { HalStatus, HalError, WireError } from '#src/wire/status.ts';
import { fromHex, recordedCalls, toHex, wireExamples } from '#test/vectors/vectors.ts';

type Outcome =
  | { readonly kind: 'canonical' | 'sloppy'; readonly name: OperationName; readonly args: unknown }
  | { readonly kind: 'refused'; readonly error: WireError }
  | { readonly kind: 'unknown' | 'ignored' };

/** What the operation table makes of a request. `sloppy`: understood, but we would have written other bytes. */
function readRequest(request: Uint8Array): Outcome {
  const header = readHeader(request);
  if (header === undefined) return { kind: 'ignored' };
  const name = operationOf(header.code);
  if (name === undefined) return { kind: 'unknown' };
  try {
    const args = decodeArgs(name, request);
    const again = encodeRequest(name, header.client, args);
    return { kind: toHex(again) === toHex(request) ? 'canonical' : 'sloppy', name, args };
  } catch (error) {
    assert.ok(error instanceof WireError, String(error));
    return { kind: 'refused', error };
  }
}

function isSizeQuery(name: OperationName, args: unknown): boolean {
  const { sizeQuery }: Operation = operations[name];
  return sizeQuery !== undefined && (args as Record<string, unknown>)[sizeQuery.argument] === 0;
}

/** Decodes a reply and encodes it again; the result must be the same bytes. */
function rewriteReply(
  request: Uint8Array,
  reply: Uint8Array,
): { kind: 'error' | 'size' | 'results'; again: Uint8Array } {
  const asked = readHeader(request);
  const header = readHeader(reply);
  assert.ok(asked !== undefined && header !== undefined);
  assert.deepEqual(header, asked, 'the reply repeats function and client');
  const status = readStatus(reply);
  const outcome = readRequest(request);
  if (status !== HalStatus.OK) {
    if (outcome.kind === 'canonical' || outcome.kind === 'sloppy') {
      assert.throws(
        () => decodeResults(outcome.name, reply),
        (error) => error instanceof HalError && error.status === status,
      );
    }
    return { kind: 'error', again: encodeError(header.code, header.client, status) };
  }
  assert.ok(outcome.kind === 'canonical' || outcome.kind === 'sloppy', 'only a good request has results');
  const { name, args } = outcome;
  if (isSizeQuery(name, args)) {
    const results: SizeResultsOf<OperationName> = decodeSizeResults(name, reply);
    return { kind: 'size', again: encodeSizeReply(name, header.client, results) };
  }
  return { kind: 'results', again: encodeReply(name, header.client, decodeResults(name, reply)) };
}

const requests = recordedCalls.map((call) => ({ call, outcome: readRequest(fromHex(call.request_hex)) }));

function ofKind(kind: Outcome['kind']): string[] {
  return requests.filter(({ outcome }) => outcome.kind === kind).map(({ call }) => call.name);
}

/** Requests that must not decode, with the field that is wrong. The status is the recorded one. */
const REFUSED: Readonly<Record<string, string>> = {
  'short.get_random-no-length': 'length',
  'short.get_random-2-octets-of-length': 'length',
  'short.login-pin-longer-than-packet': 'pin',
  'login.4097-octet-pin': 'pin',
  'set_pin.too-long': 'pin',
  'open.uuid-15': 'uuid',
  'open.uuid-17': 'uuid',
  'open.uuid-empty': 'uuid',
  'attr.set.count-beyond-packet': 'attributes',
  'match.uuid-15': 'previous',
};

describe('calls recorded on a device of the vendor', () => {
  it('are all there, and every request falls into one group', () => {
    assert.equal(recordedCalls.length, 497);
    assert.equal(ofKind('canonical').length, 478);
    assert.deepEqual(ofKind('sloppy'), ['get_version.trailing-garbage-ignored', 'login.unpadded-pin']);
    assert.deepEqual(ofKind('ignored'), ['short.7-octets', 'short.4-octets']);
    assert.deepEqual(
      ofKind('unknown'),
      ['32', '65', '67', '999', 'ffffffff'].map((code) => `bad-function.${code}`),
    );
    assert.deepEqual(ofKind('refused'), Object.keys(REFUSED));
  });

  it('use the function they say', () => {
    for (const { call, outcome } of requests) {
      if (outcome.kind === 'canonical' || outcome.kind === 'sloppy')
        assert.equal(outcome.name, call.function, call.name);
    }
  });

  it('that are malformed are refused with the status the device gave', () => {
    for (const { call, outcome } of requests) {
      if (outcome.kind !== 'refused') continue;
      assert.equal(outcome.error.status, call.status, call.name);
      assert.equal(outcome.error.field, REFUSED[call.name], call.name);
    }
  });

  it('whose request has an unknown function were answered RPC_BAD_FUNCTION', () => {
    for (const { call, outcome } of requests) {
      if (outcome.kind === 'unknown') assert.equal(call.status, HalStatus.RPC_BAD_FUNCTION, call.name);
    }
  });

  it('shorter than a header were not answered', () => {
    for (const { call, outcome } of requests) if (outcome.kind === 'ignored') assert.equal(call.reply_hex, null);
  });

  it('sloppy requests decode to what was meant', () => {
    const login = requests.find(({ call }) => call.name === 'login.unpadded-pin');
    assert.ok(login?.outcome.kind === 'sloppy');
    const { user, pin } = login.outcome.args as { user: number; pin: Uint8Array };
    assert.equal(user, 3);
    assert.equal(new TextDecoder().decode(pin), 'YouReallyNeedToChangeThisPINRightNowWeAreNotKidding');
  });

  it('have replies that decode and encode to the same bytes', () => {
    const counts = { none: 0, error: 0, size: 0, results: 0 };
    for (const { name, request_hex: request, reply_hex: reply, status } of recordedCalls) {
      if (reply === null) {
        counts.none++;
        continue;
      }
      const { kind, again } = rewriteReply(fromHex(request), fromHex(reply));
      assert.equal(toHex(again), reply, name);
      assert.equal(readStatus(again), status, name);
      if (kind === 'error') assert.equal(again.length, 12, name);
      counts[kind]++;
    }
    assert.deepEqual(counts, { none: 3, error: 175, size: 5, results: 314 });
  });
});

describe('exchanges as they are on the wire', () => {
  function unframe(frame: string): { payload: Uint8Array; leadingEnds: number } {
    const frames: Uint8Array[] = [];
    new SlipDecoder(65_536).push(fromHex(frame), (payload) => frames.push(payload.slice()));
    assert.equal(frames.length, 1);
    return { payload: frames[0] as Uint8Array, leadingEnds: frame.startsWith('c0c0') ? 2 : 1 };
  }

  it('are all there', () => {
    assert.equal(wireExamples.length, 80);
    assert.equal(wireExamples.filter(({ replyFrame }) => replyFrame === undefined).length, 2);
  });

  for (const { name, requestFrame, replyFrame } of wireExamples) {
    it(name, () => {
      const request = unframe(requestFrame).payload;
      const outcome = readRequest(request);
      assert.equal(outcome.kind, name.startsWith('Unknown function') ? 'unknown' : 'canonical');
      assert.equal(toHex(encodeFrame(request)), requestFrame);
      if (replyFrame === undefined) return;
      const { payload, leadingEnds } = unframe(replyFrame);
      const encoder = new SlipEncoder(leadingEnds);
      encoder.append(rewriteReply(request, payload).again);
      assert.equal(toHex(encoder.take()), replyFrame);
    });
  }
});
