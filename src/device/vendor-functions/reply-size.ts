/** Limits of vendor replies: libhal's messages have 16384 bytes (`HAL_RPC_MAX_PKT_SIZE`), 12 of them are the header. */

import { HalError } from '#src/wire/status.ts';

const MAX_RESULTS = 16_384 - 12;

/** @throws HalError RPC_PACKET_OVERFLOW if results of this size would not fit a message */
export function checkReplySize(bytes: number): void {
  if (bytes > MAX_RESULTS) throw new HalError('RPC_PACKET_OVERFLOW');
}

/** Size of an opaque on the wire. Numbers of the peer are 32 bits: bit operations would wrap. */
export function opaqueSize(length: number): number {
  return 4 + 4 * Math.ceil(length / 4);
}
