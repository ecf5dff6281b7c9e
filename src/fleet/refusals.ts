/** What counts when several devices answer one request differently. */

import { HalError, HalStatus } from '#src/wire/status.ts';

/** The device did not answer, as opposed to: it answered no. */
export function outOfService(error: unknown): boolean {
  return error instanceof HalError && error.status === HalStatus.IO_TIMEOUT;
}

/** Throws the most telling error, if there is any: a refusal rather than silence. */
export function throwFirstRefusal(errors: readonly unknown[]): void {
  if (errors.length === 0) return;
  const error = errors.find((candidate) => !outOfService(candidate)) ?? errors[0];
  throw error instanceof Error ? error : new HalError('IO_UNEXPECTED');
}

/** The errors of the calls that failed. */
export function errorsOf(outcomes: readonly PromiseSettledResult<unknown>[]): unknown[] {
  return outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []));
}
