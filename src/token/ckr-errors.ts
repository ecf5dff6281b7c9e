/** The boundary between the protocol's statuses and PKCS#11's return values. */

import { ckrOfStatus } from '#src/cryptoki/status-mapping.ts';
import { CkrError, HalError } from '#src/wire/status.ts';

/** What a PKCS#11 program is told of an error; a bug stays a bug. */
export function ckrErrorOf(error: unknown): unknown {
  return error instanceof HalError ? new CkrError(ckrOfStatus(error.status), error.message) : error;
}
