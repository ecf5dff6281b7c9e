/** Setting the master key: used by the set-up steps after a start and by `masterkey set` (manual 3.6, 4.2.3). */

import { OperatorError } from '#src/config/errors.ts';
import { MasterKeyState, MasterKeyVerdict } from '#src/wire/enumerations.ts';
import type { ConsoleContext } from './command.ts';
import { errorText } from './error-text.ts';
import { askText, askYesNo } from './questions.ts';
import { withSpinner } from './spinner.ts';

/** 256 bits. */
const KEY_BYTES = 32;
const GROUP_DIGITS = 8;

const STATE_NAMES: Readonly<Record<MasterKeyState, string>> = {
  [MasterKeyState.NOT_SET]: 'Not set',
  [MasterKeyState.SET]: 'Set',
  [MasterKeyState.FAILED]: 'Failed',
};

export function masterKeyStateName(state: MasterKeyState | undefined): string {
  return STATE_NAMES[state ?? MasterKeyState.FAILED];
}

/** Reads 64 hexadecimal digits in groups of an even number of digits each. @throws OperatorError */
export function parseMasterKey(groups: readonly string[]): Uint8Array {
  const digits = groups.join('');
  if (digits.length !== KEY_BYTES * 2 || !groups.every((group) => /^([0-9a-f]{2})+$/i.test(group))) {
    throw new OperatorError('Failed parsing master key, expected exactly 32 hex bytes');
  }
  return Uint8Array.fromHex(digits);
}

/** Eight groups of eight upper-case digits. */
function formatMasterKey(key: Uint8Array): string {
  const digits = key.toHex().toUpperCase();
  return (digits.match(new RegExp(`.{${GROUP_DIGITS}}`, 'g')) ?? []).join(' ');
}

/** Asks for the key; a blank answer (`undefined`) means a random one. @throws OperatorError */
export async function askMasterKey(context: ConsoleContext): Promise<Uint8Array | undefined> {
  const ruler = Array.from({ length: (KEY_BYTES * 2) / GROUP_DIGITS }, () => '-'.repeat(GROUP_DIGITS)).join(' ');
  const prompt = `Please enter the master key or leave it blank to set it to a random value\r\n  ${ruler}\r\n> `;
  const answer = await askText(context.terminal, prompt);
  return answer === '' ? undefined : parseMasterKey(answer.split(/\s+/));
}

/**
 * Sets the key on all devices and shows it, this once. Asks again if stored keys would become unusable.
 * @param given wiped here; `undefined`: a random key
 */
export async function setMasterKey(context: ConsoleContext, given: Uint8Array | undefined): Promise<void> {
  const { terminal, log } = context;
  let key: Uint8Array | undefined;
  try {
    if (!(await confirmLoss(context, given))) {
      terminal.print('The master key was not changed.');
      return;
    }
    terminal.print('Setting the master key. This may take up to 45 seconds.');
    key = await withSpinner(terminal, context.fleet.setMasterKey(context.connection, given));
    log.info('master key set');
    terminal.print('', `Success:${given === undefined ? 'Random' : 'Parsed'} key:`, formatMasterKey(key), '');
  } catch (error) {
    log.warn(`setting the master key failed: ${errorText(error, log)}`);
    throw new OperatorError(
      `Failed: ${errorText(error, log)}\r\nPlease try again later using the "masterkey set" command`,
      { cause: error },
    );
  } finally {
    given?.fill(0);
    key?.fill(0);
  }
  await recordMasterKeyState(context);
}

/** A key that does not fit the stored keys makes every one of them unusable, so a slip must not be enough. */
async function confirmLoss(context: ConsoleContext, given: Uint8Array | undefined): Promise<boolean> {
  if (!context.settings.get('x_mkcv')) return true;
  const { verdict, tokenKeys } = await context.fleet.checkMasterKey(context.connection, given);
  if (verdict !== MasterKeyVerdict.DIFFERENT) return true;
  const keys = tokenKeys === 1 ? '1 stored key' : `${tokenKeys} stored keys`;
  context.terminal.print(
    `WARNING: this is not the master key of the ${keys}. With another master key they are lost`,
    'until exactly their own master key is set again.',
  );
  return askYesNo(context.terminal, `Do you really want to lose ${keys}?`);
}

/** Keeps the setting MASTERKEY_SET true to the devices. */
export async function recordMasterKeyState(context: ConsoleContext): Promise<void> {
  const states = await context.fleet.masterKeyStates();
  const isSet = states.length > 0 && states.every((state) => state === MasterKeyState.SET);
  if (context.settings.get('MASTERKEY_SET') === isSet) return;
  await context.settings.set({ MASTERKEY_SET: isSet }).catch((error: unknown) => {
    context.log.warn(`the settings cannot be saved: ${errorText(error, context.log)}`);
  });
}
