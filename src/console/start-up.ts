/** The steps between the first login after a start and an operational HSM (manual 3.5, 3.6). */

import { MasterKeyState } from '#src/wire/enumerations.ts';
import type { ConsoleContext } from './command.ts';
import { errorText } from './error-text.ts';
import { askMasterKey, masterKeyStateName, recordMasterKeyState, setMasterKey } from './master-key.ts';
import { askYesNo } from './questions.ts';
import { buildKeyTable } from './build-key-table.ts';
import { ConsoleEnded } from './terminal.ts';

/** Offered at every login until the key table is built; a lost connection in between changes nothing. */
export async function runStartUp(context: ConsoleContext): Promise<void> {
  const { terminal, fleet, log } = context;
  terminal.print('Checking CrypTech devices');
  const states = await fleet.masterKeyStates();
  for (const device of fleet.devices) {
    const i = device.index;
    terminal.print(
      device.running
        ? `  device ${i}: CTY${i} ok, RPC${i} ok, cores ok, master key: ${masterKeyStateName(states[i])}`
        : `  device ${i}: CTY${i} not reachable, RPC${i} not reachable`,
    );
  }
  // The master key comes before the table: without it keys cannot be used.
  const isMissing = states.some((state) => state !== MasterKeyState.SET);
  if (isMissing || context.settings.get('x_masterkey_always_ask')) {
    try {
      await askForMasterKey(context);
    } catch (error) {
      if (error instanceof ConsoleEnded) throw error;
      terminal.print(`ERROR: ${errorText(error, log)}`);
    }
  }
  await recordMasterKeyState(context);
  terminal.print('The synchronizer has initialized');
  await buildKeyTable(context);
  log.info('the HSM is unlocked');
}

async function askForMasterKey(context: ConsoleContext): Promise<void> {
  context.terminal.print('Because of the restart the master key may not be set.');
  if (!(await askYesNo(context.terminal, 'Would you like to set it now?'))) return;
  await setMasterKey(context, await askMasterKey(context));
}
