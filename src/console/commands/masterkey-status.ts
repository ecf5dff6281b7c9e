import type { Command } from '../command.ts';
import { masterKeyStateName } from '../master-key.ts';

export const masterkeyStatus: Command = {
  words: ['masterkey', 'status'],
  summary: 'Show whether the master key is set.',
  states: ['B', 'C', 'D'],
  async run({ terminal, fleet }) {
    for (const [index, state] of (await fleet.masterKeyStates()).entries()) {
      // Our devices never keep the master key in flash memory.
      terminal.print(`CTY ${index}:`, `volatile: ${masterKeyStateName(state)}`, 'flash: Not set');
    }
  },
};
