import { OperatorError } from '#src/config/errors.ts';
import { Limits, User, USER_NAMES } from '#src/wire/enumerations.ts';
import { HalError, HalStatus } from '#src/wire/status.ts';
import type { Command, ConsoleContext } from '../command.ts';
import { errorText } from '../error-text.ts';
import { askSecret, askYesNo } from '../questions.ts';
import { withSpinner } from '../spinner.ts';

const ROLES: ReadonlyMap<string, User> = new Map([
  ['wheel', User.WHEEL],
  ['so', User.SO],
  ['user', User.NORMAL],
]);

/** Manual 3.7 (both arguments) and 4.2.7 (dialog). */
export const setPin: Command = {
  words: ['set', 'pin'],
  args: { usage: '<user> [<pin>]', min: 1, max: 2 },
  summary: `Set the PIN of 'wheel', 'so' or 'user' on all devices.`,
  states: ['C'],
  secretFrom: 2,
  async run(context, [name = '', given]) {
    const role = ROLES.get(name.toLowerCase());
    if (role === undefined) throw new OperatorError(`<user> must be 'wheel', 'so', or 'user'`);
    if (given === undefined) {
      await setByDialog(context, role);
      return;
    }
    await set(context, role, new TextEncoder().encode(given));
    context.terminal.print(`NOTE: "set pin ${USER_NAMES[role]}" without the PIN asks for it without showing it.`);
  },
};

async function setByDialog(context: ConsoleContext, role: User): Promise<void> {
  const name = USER_NAMES[role];
  if (!(await askYesNo(context.terminal, `Would you like to set the '${name}' PIN?`))) return;
  const pin = await askSecret(context.terminal, `Enter the new '${name}' PIN: `);
  let confirmation: Uint8Array | undefined;
  try {
    checkPin(pin);
    confirmation = await askSecret(context.terminal, `Confirm the new '${name}' PIN: `);
    if (Buffer.compare(pin, confirmation) !== 0) {
      throw new OperatorError('PIN not accepted: the confirmation does not match');
    }
    await set(context, role, pin);
  } finally {
    pin.fill(0);
    confirmation?.fill(0);
  }
}

/** Sets a PIN on all devices and wipes it. */
async function set(context: ConsoleContext, role: User, pin: Uint8Array): Promise<void> {
  const name = USER_NAMES[role];
  try {
    checkPin(pin);
    await withSpinner(context.terminal, context.connection.setPin(role, pin));
  } catch (error) {
    if (error instanceof OperatorError) throw error;
    context.log.warn(`setting the PIN of ${name} failed: ${errorText(error, context.log)}`);
    throw new OperatorError(`PIN not accepted: ${refusalText(error, context)}`, { cause: error });
  } finally {
    pin.fill(0);
  }
  context.log.info(`PIN of ${name} set`);
  context.terminal.print(`PIN for '${name}' set.`);
}

function checkPin(pin: Uint8Array): void {
  if (pin.includes(0x20)) throw new OperatorError('PIN not accepted: it must not contain white space');
  if (pin.length < Limits.pinMin || pin.length > Limits.pinMax) {
    throw new OperatorError(`PIN not accepted: it must have ${Limits.pinMin} to ${Limits.pinMax} characters`);
  }
}

function refusalText(error: unknown, context: ConsoleContext): string {
  const isRefused = error instanceof HalError && error.status === HalStatus.BAD_ARGUMENTS;
  return isRefused ? 'the devices refuse it' : errorText(error, context.log);
}
