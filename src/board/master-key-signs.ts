/** Whether a board has its master key: no function tells, only the failure of those that need it. */

import { MasterKeyState } from '#src/wire/enumerations.ts';
import { HalError, HalStatus } from '#src/wire/status.ts';

/** How long a failure counts, in milliseconds: the key may have been set at the board's console meanwhile. */
const COUNTS = 30_000;

export class MasterKeySigns {
  #missingUntil = 0;

  /** Assumed to be set until a request fails. */
  get state(): MasterKeyState {
    return Date.now() < this.#missingUntil ? MasterKeyState.NOT_SET : MasterKeyState.SET;
  }

  note(error: unknown): void {
    if (!(error instanceof HalError)) return;
    const { status } = error;
    if (status === HalStatus.MASTERKEY_NOT_SET || status === HalStatus.MASTERKEY_FAIL) {
      this.#missingUntil = Date.now() + COUNTS;
    }
  }

  forget(): void {
    this.#missingUntil = 0;
  }
}
