/** What every reply must be, whatever the request was; and what replies tell for later requests. */

import assert from 'node:assert/strict';
import { decodeResults, readHeader, readStatus } from '#src/wire/message.ts';
import { type Operation } from '#src/wire/operation.ts';
import { operationOf, operations } from '#src/wire/operations.ts';
import { CKR_STATUS_BASE, HalStatus, statusName } from '#src/wire/status.ts';
import { type Known } from './grammar.ts';

/** Handles and names that are remembered: the latest. */
const REMEMBERED = 16;

export class KnownSoFar implements Known {
  readonly handles: number[] = [];
  readonly hashes: number[] = [];
  readonly uuids: Uint8Array[] = [];

  /** Takes what a successful reply tells. */
  learn(reply: Uint8Array): void {
    if (readStatus(reply) !== HalStatus.OK) return;
    const name = operationOf(readHeader(reply)?.code ?? -1);
    if (name === undefined) return;
    let results: Record<string, unknown>;
    try {
      results = decodeResults(name, reply) as Record<string, unknown>;
    } catch {
      // The reply to a size query.
      return;
    }
    const { pkey, uuid, hash } = results;
    if (typeof pkey === 'number') remember(this.handles, pkey);
    if (typeof hash === 'number') remember(this.hashes, hash);
    if (uuid instanceof Uint8Array) remember(this.uuids, uuid.slice());
    for (const facts of Object.values(results)) {
      if (typeof facts !== 'object' || facts === null) continue;
      const { key, name: keyName, object } = facts as Record<string, unknown>;
      for (const id of [key, keyName, object]) if (id instanceof Uint8Array) remember(this.uuids, id.slice());
    }
  }
}

function remember<T>(list: T[], item: T): void {
  list.push(item);
  if (list.length > REMEMBERED) list.shift();
}

/** Throws unless the reply is one that a client can live with. */
export function checkReply(request: Uint8Array, reply: Uint8Array): void {
  assert.deepEqual(readHeader(reply), readHeader(request), 'the header is repeated');
  const status = readStatus(reply);
  assert.notEqual(status, HalStatus.ASSERTION_FAILED, 'an unexpected error inside');
  if (status === HalStatus.OK) return;
  assert.equal(reply.length, 12, 'an error reply has 12 bytes');
  const name = operationOf(readHeader(request)?.code ?? -1);
  const isOwn = name !== undefined && (operations[name] as Operation).leg !== 'vendor';
  assert.ok(statusName(status) !== undefined || (isOwn && status > CKR_STATUS_BASE), `status ${status}`);
}
