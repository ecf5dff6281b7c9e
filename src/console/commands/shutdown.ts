import type { Command } from '../command.ts';

/** Manual 5.1.1. Also ends the master key memory, as switching the power off does. */
export const shutdown: Command = {
  words: ['shutdown', 'YesIAmSure'],
  summary: 'Switch the HSM off. The master key is forgotten.',
  states: ['B', 'C', 'D', 'E'],
  run: (context) => context.shutDown('off', 'Shutting Down HSM'),
};
