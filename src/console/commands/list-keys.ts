import type { Command } from '../command.ts';

/** Manual 4.2.2. The UUIDs are those on the devices, not those that the applications see. */
export const listKeys: Command = {
  words: ['list', 'keys'],
  summary: 'List key identifiers per device.',
  states: ['C', 'D'],
  async run({ terminal, fleet }) {
    terminal.print('CrypTech Device Cached UUIDs---', '');
    for (const { device, keys } of fleet.listDeviceKeys()) {
      terminal.print(`Device:${device}------------`);
      for (const key of keys) {
        terminal.print(key);
        await terminal.drained();
      }
      terminal.print('');
    }
  },
};
