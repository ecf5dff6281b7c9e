import type { Command } from '../command.ts';

/** Manual 4.2.8. A device that is not reachable keeps its RPC line, because its state is what the operator looks for. */
export const showDevices: Command = {
  words: ['show', 'devices'],
  summary: 'List the devices and their states.',
  states: ['B', 'C', 'D', 'E'],
  async run({ terminal, fleet }) {
    terminal.print('Cryptech devices currently connected to HSM:', '');
    const reachable = fleet.devices.filter(({ running }) => running);
    for (const { index } of reachable) terminal.print(` > CTY${index}`);
    if (reachable.length === 0) terminal.print('Cryptech CTY device not connected.');
    for (const { index, stateText } of fleet.devices) terminal.print(` > RPC${index}: ${stateText}`);
  },
};
