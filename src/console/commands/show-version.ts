import type { Command } from '../command.ts';

/** Manual 4.2.12. */
export const showVersion: Command = {
  words: ['show', 'version'],
  summary: 'Show the version of the HSM software.',
  states: ['B', 'C', 'D', 'E'],
  async run({ terminal, identity }) {
    terminal.print(identity.version);
  },
};
