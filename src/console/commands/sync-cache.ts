import { OperatorError } from '#src/config/errors.ts';
import type { Command } from '../command.ts';
import { buildKeyTable } from '../build-key-table.ts';

/** Manual 4.2.14. */
export const syncCache: Command = {
  words: ['sync', 'cache'],
  summary: 'Build the key table again from the devices.',
  states: ['B', 'C'],
  async run(context) {
    if (!context.fleet.unlocked) throw new OperatorError(`the synchronizer hasn't been initialized`);
    await buildKeyTable(context);
  },
};
