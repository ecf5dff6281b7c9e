import type { Command } from '../command.ts';

/** Manual 4.2.13. */
export const showSerialNumber: Command = {
  words: ['show', 'serial-number'],
  summary: 'Show the serial number of the HSM.',
  states: ['B', 'C', 'D', 'E'],
  async run({ terminal, identity }) {
    terminal.print(identity.serial);
  },
};
