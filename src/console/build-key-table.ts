/** Builds the key table from the devices and shows what was found (manual 4.2.14). */

import type { ConsoleContext } from './command.ts';
import { withSpinner } from './spinner.ts';

/** Lines sent together. */
const LINES = 256;

export async function buildKeyTable(context: ConsoleContext): Promise<void> {
  const { terminal } = context;
  terminal.print('Building HSM Cache');
  await withSpinner(terminal, context.fleet.unlock(context.connection));
  const found = context.fleet.listDeviceKeys().flatMap(({ keys }) => keys);
  for (let from = 0; from < found.length; from += LINES) {
    terminal.print(...found.slice(from, from + LINES).map((uuid) => `Found:${uuid}`));
    await terminal.drained();
  }
  terminal.print('Cache generated');
}
