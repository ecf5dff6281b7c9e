/** The recorded and the worked messages that tests replay. */

import { readFileSync } from 'node:fs';

/** One call on a device of the vendor, as it was recorded (`libhal-rpc.jsonl`), without SLIP framing. */
export interface RecordedCall {
  readonly name: string;
  readonly group: string;
  /** Which of several connections made the call. */
  readonly conn: string;
  /** Name of the function, or its number if it has none. */
  readonly function: string;
  readonly request_hex: string;
  /** `null`: the device did not answer. */
  readonly reply_hex: string | null;
  readonly status: number | null;
  readonly status_name: string | null;
  readonly notes: string;
}

/** One exchange as it is on the wire (`wire-examples.jsonl`), with SLIP framing; some have no reply. */
export interface WireExample {
  readonly name: string;
  readonly requestFrame: string;
  readonly replyFrame?: string;
}

export const recordedCalls: readonly RecordedCall[] = lines('libhal-rpc.jsonl');

export const wireExamples: readonly WireExample[] = lines('wire-examples.jsonl');

export function fromHex(hex: string): Uint8Array {
  return Uint8Array.fromHex(hex);
}

export function toHex(bytes: Uint8Array): string {
  return bytes.toHex();
}

function lines<T>(file: string): T[] {
  const text = readFileSync(new URL(file, import.meta.url), 'utf8');
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as T);
}
