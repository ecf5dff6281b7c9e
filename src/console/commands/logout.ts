import type { Command } from '../command.ts';

export const logout: Command = {
  words: ['logout'],
  summary: 'Log out of the console. The HSM stays unlocked.',
  states: ['B', 'C', 'D', 'E'],
  run: (context) => context.logOut(),
};
