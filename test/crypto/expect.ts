import assert from 'node:assert/strict';

import { CryptoRefusal, type RefusalReason } from '#src/crypto/refusal.ts';
import { HalError, HalStatus, type HalStatusName } from '#src/wire/status.ts';

/** Asserts that a call fails with a status. */
export function throwsStatus(status: HalStatusName, call: () => unknown): void {
  assert.throws(call, (error) => isStatus(error, status));
}

/** Asserts that a promise, or the call that should give it, fails with a status. */
export async function rejectsStatus(status: HalStatusName, call: () => Promise<unknown>): Promise<void> {
  await assert.rejects(
    async () => call(),
    (error) => isStatus(error, status),
  );
}

function isStatus(error: unknown, status: HalStatusName): true {
  assert.ok(error instanceof HalError, String(error));
  assert.equal(error.status, HalStatus[status], error.message);
  return true;
}

export function hex(text: string): Buffer {
  return Buffer.from(text, 'hex');
}

/** Asserts equal bytes, whatever kind of array holds them. */
export function sameBytes(actual: Uint8Array | undefined, expected: Uint8Array): void {
  assert.ok(actual);
  assert.equal(Buffer.from(actual).toString('hex'), Buffer.from(expected).toString('hex'));
}

/** Asserts that a call is refused for a reason. */
export function refuses(reason: RefusalReason, call: () => unknown): void {
  assert.throws(call, (error) => isRefusal(error, reason));
}

/** Asserts that a promise, or the call that should give it, is refused for a reason. */
export async function rejectsAs(reason: RefusalReason, call: () => Promise<unknown>): Promise<void> {
  await assert.rejects(
    async () => call(),
    (error) => isRefusal(error, reason),
  );
}

function isRefusal(error: unknown, reason: RefusalReason): true {
  assert.ok(error instanceof CryptoRefusal, String(error));
  assert.equal(error.reason, reason, error.message);
  return true;
}
