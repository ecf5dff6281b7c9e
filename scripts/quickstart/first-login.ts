/** What an operator does after a start, done by the script mode of the real console client. */

import { access, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { OperatorError } from '#src/config/errors.ts';

import { type Folder, writeSecret } from './folder.ts';
import { failure, type Outcome, runProgram } from './run-program.ts';

const PROGRAM = join(import.meta.dirname, '..', '..', 'bin', 'dks_setup_console');

/** The wheel PIN of every appliance fresh from the factory (manual 3.5). */
const FACTORY_PIN = 'YouReallyNeedToChangeThisPINRightNowWeAreNotKidding';

/** Exit status of the client (see its --help). */
const WRONG_PASSWORD = 4;

/**
 * Unlocks a new appliance, lets it generate a master key, and sets the demo PINs.
 * @returns the master key as the console shows it
 */
export async function firstLogin(folder: Folder): Promise<string> {
  // The wheel PIN comes last: up to then a repetition can log in as the first time.
  const roles = { so: folder.soPin, user: folder.userPin, wheel: folder.wheelPin };
  const args = [
    ...['--master-key', (await isThere(folder.masterKey)) ? `file:${folder.masterKey}` : 'generate'],
    ...Object.entries(roles).flatMap(([role, file]) => [
      ...['--new-pin-file', `${role}=${file}`],
      ...['--command', `set pin ${role}`],
    ]),
  ];
  const factoryPin = join(folder.path, 'demo', 'factory-pin');
  await writeSecret(factoryPin, FACTORY_PIN);
  let outcome = await console(folder, factoryPin, args);
  // An earlier attempt may have come as far as the wheel PIN.
  if (outcome.status === WRONG_PASSWORD) outcome = await console(folder, folder.wheelPin, args);
  await rm(factoryPin);
  if (outcome.status !== 0) throw failure('dks_setup_console', outcome);

  const masterKey = /\b[0-9A-F]{8}( [0-9A-F]{8}){7}\b/.exec(outcome.stdout)?.[0];
  if (masterKey === undefined) throw new OperatorError('dks_setup_console did not show the master key');
  await writeSecret(folder.masterKey, masterKey);
  return masterKey;
}

/** Unlocks an appliance that was set up before; sets its master key again if the machine was off in between. */
export async function unlock(folder: Folder): Promise<void> {
  const args = ['--master-key', `file:${folder.masterKey}`, '--command', 'masterkey status'];
  const outcome = await console(folder, folder.wheelPin, args);
  if (outcome.status === WRONG_PASSWORD) {
    throw new OperatorError(
      `the wheel PIN of the appliance is not the one in ${folder.wheelPin} any more; unlock it with bin/dks_setup_console`,
    );
  }
  if (outcome.status !== 0) throw failure('dks_setup_console', outcome);
}

function console(folder: Folder, pinFile: string, args: readonly string[]): Promise<Outcome> {
  return runProgram(PROGRAM, ['--config-path', folder.path, '--pin-file', pinFile, ...args]);
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
