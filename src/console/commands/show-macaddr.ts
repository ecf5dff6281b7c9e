import type { Command } from '../command.ts';

/** Manual 4.2.10. */
export const showMacaddr: Command = {
  words: ['show', 'macaddr'],
  summary: 'Show the MAC address of the HSM.',
  states: ['B', 'C', 'D', 'E'],
  async run({ terminal, identity }) {
    terminal.print(identity.macAddress().toLowerCase());
  },
};
