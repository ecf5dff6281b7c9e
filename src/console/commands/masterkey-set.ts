import type { Command } from '../command.ts';
import { askMasterKey, parseMasterKey, setMasterKey } from '../master-key.ts';
import { askYesNo } from '../questions.ts';

/** Manual 3.6 and 4.2.3. */
export const masterkeySet: Command = {
  words: ['masterkey', 'set'],
  args: { usage: '[key]', min: 0, max: 64 },
  summary: 'Set the master key of all devices: 64 hexadecimal digits or a random key.',
  states: ['B', 'C'],
  secretFrom: 1,
  async run(context, args) {
    let given = args.length === 0 ? undefined : parseMasterKey(args);
    if (context.settings.get('x_reauth_extended')) {
      await context.reauthenticate('the master key of all devices is about to be set.');
    }
    if (!(await askYesNo(context.terminal, 'Are you sure you want to set the master key?'))) {
      given?.fill(0);
      return;
    }
    if (args.length === 0) given = await askMasterKey(context);
    await setMasterKey(context, given);
  },
};
