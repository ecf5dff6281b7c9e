import { type Command, usageLines } from '../command.ts';

export const help: Command = {
  words: ['help'],
  summary: 'Show this list.',
  states: ['B', 'C', 'D', 'E'],
  async run({ terminal, commands }) {
    terminal.print('Usage:', ...usageLines(commands), '-------');
  },
};
