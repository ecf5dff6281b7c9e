/** The login of the console: only the wheel password opens it (manual 3.5). */

import { timingSafeEqual } from 'node:crypto';
import type { Log } from '#src/audit/log.ts';
import type { FleetConnection } from '#src/fleet/fleet.ts';
import { ApplianceState, User } from '#src/wire/enumerations.ts';
import { HalError, HalStatus } from '#src/wire/status.ts';
import type { ConsoleFleet } from './command.ts';
import { errorText } from './error-text.ts';
import type { Terminal } from './terminal.ts';

/** Manual 3.5: the wheel PIN of a device fresh from the factory. Public knowledge. */
const FACTORY_PIN = new TextEncoder().encode('YouReallyNeedToChangeThisPINRightNowWeAreNotKidding');

const PROMPT = 'Password: ';

export interface LoginResult {
  readonly factoryPin: boolean;
}

/**
 * Asks for the wheel password until it is right.
 * @returns `undefined` if no device can be reached any more
 * @throws ConsoleEnded
 */
export async function logIn(
  terminal: Terminal,
  fleet: ConsoleFleet,
  connection: FleetConnection,
  log: Log,
): Promise<LoginResult | undefined> {
  terminal.print(`Please log in with the 'wheel' user password`, '', PROMPT);
  for (;;) {
    const pin = await terminal.readLine({ hidden: true, history: false });
    try {
      if (pin.length === 0) {
        terminal.print(PROMPT);
        continue;
      }
      await connection.login(User.WHEEL, pin);
      log.info(`wheel logged in from ${terminal.peer}`);
      return { factoryPin: pin.length === FACTORY_PIN.length && timingSafeEqual(pin, FACTORY_PIN) };
    } catch (error) {
      log.warn(`login as wheel from ${terminal.peer} failed: ${errorText(error, log)}`);
      terminal.print('', loginErrorText(error, log), '', '');
      if (fleet.state === ApplianceState.NO_DEVICE) return undefined;
      terminal.write(PROMPT);
    } finally {
      pin.fill(0);
    }
  }
}

function loginErrorText(error: unknown, log: Log): string {
  // A password shorter than any PIN can be is wrong like every other; the device does not even look at it.
  const isWrong =
    error instanceof HalError && (error.status === HalStatus.PIN_INCORRECT || error.status === HalStatus.BAD_ARGUMENTS);
  return isWrong ? 'Incorrect password' : `ERROR: ${errorText(error, log)}`;
}
