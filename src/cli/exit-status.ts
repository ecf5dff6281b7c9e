/** How dks_setup_console ends. */

import { OperatorError } from '#src/config/errors.ts';

export const ExitStatus = {
  OK: 0,
  /** The HSM refused a command, or it failed. */
  REFUSED: 1,
  /** Options, hsm.conf or another file of the caller. */
  USAGE: 2,
  /** No connection, or not to the HSM that was expected. */
  NO_CONNECTION: 3,
  WRONG_PASSWORD: 4,
} as const;
export type ExitStatus = (typeof ExitStatus)[keyof typeof ExitStatus];

/** Ends the program with a message on standard error. */
export class ConsoleFailure extends OperatorError {
  override readonly name = 'ConsoleFailure';
  readonly status: ExitStatus;

  constructor(status: ExitStatus, message: string, options?: ErrorOptions) {
    super(message, options);
    this.status = status;
  }
}
