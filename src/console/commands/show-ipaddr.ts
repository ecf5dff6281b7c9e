import type { Command } from '../command.ts';

/** Manual 4.2.9. */
export const showIpaddr: Command = {
  words: ['show', 'ipaddr'],
  summary: 'Show the IPv4 address of the HSM.',
  states: ['B', 'C', 'D', 'E'],
  async run({ terminal, identity }) {
    terminal.print(identity.ipAddress());
  },
};
