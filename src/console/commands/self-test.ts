import type { Command } from '../command.ts';

/** The known-answer tests that each device also runs when it starts. */
export const selfTest: Command = {
  words: ['self', 'test'],
  summary: 'Test the algorithms of all devices.',
  states: ['B', 'C', 'D'],
  async run({ terminal, fleet }) {
    for (const { device, tests } of await fleet.selfTests()) {
      const failed = tests?.filter(({ passed }) => !passed).map(({ name }) => name) ?? [];
      if (tests === undefined) terminal.print(`RPC${device}: not tested, the device does not answer or is a board.`);
      else if (failed.length === 0) terminal.print(`RPC${device}: ${tests.length} known-answer tests passed.`);
      else terminal.print(`RPC${device}: FAILED: ${failed.join(', ')}. Do not use this machine.`);
    }
  },
};
