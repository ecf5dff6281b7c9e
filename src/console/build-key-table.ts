/** Builds the key table from the devices and shows what was found (manual 4.2.14). */

import type { ConsoleContext } from './command.ts';
import { withSpinner } from './spinner.ts';

export async function buildKeyTable(context: ConsoleContext): Promise<void> {
  const { terminal } = context;
  terminal.print('Building HSM Cache');
  await withSpinner(terminal, context.fleet.unlock(context.connection));
  for (const uuid of context.fleet.listDeviceKeys().flatMap(({ keys }) => keys)) {
    terminal.print(`Found:${uuid}`);
    await terminal.drained();
  }
  terminal.print('Cache generated');
}
