/** Why an operation is refused, finer than the status words of a vendor device, so that PKCS#11 programs get their own codes. */

import { HalError, type HalStatusName } from '#src/wire/status.ts';

const STATUS = {
  /** A parameter of the mechanism: length of an initialization vector, salt, label, unknown hash. */
  parameter: 'BAD_ARGUMENTS',
  /** Input of a length that the mechanism cannot take. */
  'data-length': 'RESULT_TOO_LONG',
  /** Input of a value that the mechanism cannot take. */
  data: 'BAD_ARGUMENTS',
  'encrypted-data-length': 'KEYWRAP_BAD_LENGTH',
  /** Bad padding or authentication tag; nothing tells which. */
  'encrypted-data': 'KEYWRAP_BAD_MAGIC',
  'wrapped-key-length': 'KEYWRAP_BAD_LENGTH',
  'wrapped-key': 'KEYWRAP_BAD_MAGIC',
  /** A key of a size that the mechanism cannot take. */
  'key-size': 'UNSUPPORTED_KEY',
  /** A key of another kind than the mechanism takes. */
  'key-type': 'UNSUPPORTED_KEY',
  /** Another party's public key. */
  'public-key': 'KEY_NOT_ON_CURVE',
} as const satisfies Record<string, HalStatusName>;

export type RefusalReason = keyof typeof STATUS;

/** A refusal of an operation because of what was handed to it. */
export class CryptoRefusal extends HalError {
  readonly reason: RefusalReason;

  /** @param detail for the log; never holds secrets */
  constructor(reason: RefusalReason, detail?: string) {
    super(STATUS[reason], detail);
    this.reason = reason;
  }
}
