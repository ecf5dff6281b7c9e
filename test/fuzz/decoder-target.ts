/** Frames against the decoders of all messages: only the errors that they document come out, and what goes in comes back. */

import assert from 'node:assert/strict';
import { Limits } from '#src/wire/enumerations.ts';
import { decodeArgs, decodeResults, decodeSizeResults, encodeRequest, readHeader } from '#src/wire/message.ts';
import { type Operation } from '#src/wire/operation.ts';
import { operationOf, type OperationName, operations } from '#src/wire/operations.ts';
import { SlipDecoder } from '#src/wire/slip.ts';
import { CkrError, HalError, WireError } from '#src/wire/status.ts';
import { Grammar } from './grammar.ts';
import { Random } from './random.ts';

const NOTHING_KNOWN = { handles: [], hashes: [], uuids: [] } as const;
/** Messages in one stream. */
const BATCH = 16;

export function fuzzDecoder(seed: number, frames: number): void {
  const random = new Random(seed);
  const grammar = new Grammar(random, Object.keys(operations) as OperationName[]);
  const decoder = new SlipDecoder(Limits.request);
  for (let done = 0; done < frames; done += BATCH) {
    const messages = Array.from({ length: Math.min(BATCH, frames - done) }, () =>
      grammar.request(random.word(), random.below(8), NOTHING_KNOWN),
    );
    const stream = grammar.stream(messages);
    let at = 0;
    while (at < stream.length) {
      const size = random.oneIn(3) ? 1 + random.below(64) : stream.length;
      decoder.push(stream.subarray(at, at + size), decode, ({ head }) => assert.ok(head.length <= 8));
      assert.ok(decoder.pending <= Limits.request);
      at += size;
    }
  }
}

function decode(frame: Uint8Array): void {
  const header = readHeader(frame);
  if (!header) {
    assert.ok(frame.length < 8);
    return;
  }
  const name = operationOf(header.code);
  if (name === undefined) return;
  const args = attempt(() => decodeArgs(name, frame));
  if (args !== undefined) {
    // What is understood can be said again, and means the same then. (Text of broken UTF-8 may have become too long.)
    const again = attempt(() => encodeRequest(name, header.client, args));
    if (again) assert.deepEqual(encodeRequest(name, header.client, decodeArgs(name, again)), again);
  }
  attempt(() => decodeResults(name, frame));
  if ((operations[name] as Operation).sizeQuery) attempt(() => decodeSizeResults(name as 'PKEY_GET_ATTRIBUTES', frame));
}

function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (error instanceof WireError || error instanceof HalError || error instanceof CkrError) return undefined;
    throw error;
  }
}
