import type { Command } from '../command.ts';

export const exit: Command = {
  words: ['exit'],
  summary: 'Close the console. The HSM stays unlocked.',
  states: ['B', 'C', 'D', 'E'],
  run: ({ terminal }) => terminal.close('Good-bye.'),
};
