import type { Command } from '../command.ts';

/** The "reboot" of manual 3.8, 3.9 and 4.2.6. The master key stays set. */
export const shutdownRestart: Command = {
  words: ['shutdown', 'restart', 'YesIAmSure'],
  aliases: [
    ['reboot', 'YesIAmSure'],
    ['restart', 'YesIAmSure'],
  ],
  summary: 'Restart the HSM. The master key stays set.',
  states: ['B', 'C', 'D', 'E'],
  run: (context) => context.shutDown('restart', 'Restarting HSM'),
};
