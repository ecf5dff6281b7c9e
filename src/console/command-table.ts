/** Every command of the console. */

import type { Command } from './command.ts';
import { exit } from './commands/exit.ts';
import { help } from './commands/help.ts';
import { listKeys } from './commands/list-keys.ts';
import { logout } from './commands/logout.ts';
import { masterkeySet } from './commands/masterkey-set.ts';
import { masterkeyStatus } from './commands/masterkey-status.ts';
import { selfTest } from './commands/self-test.ts';
import { setPin } from './commands/set-pin.ts';
import { showDevices } from './commands/show-devices.ts';
import { showIpaddr } from './commands/show-ipaddr.ts';
import { showMacaddr } from './commands/show-macaddr.ts';
import { showSerialNumber } from './commands/show-serial-number.ts';
import { showTime } from './commands/show-time.ts';
import { showVersion } from './commands/show-version.ts';
import { shutdown } from './commands/shutdown.ts';
import { shutdownRestart } from './commands/shutdown-restart.ts';
import { syncCache } from './commands/sync-cache.ts';

export const COMMANDS: readonly Command[] = [
  exit,
  help,
  listKeys,
  logout,
  masterkeySet,
  masterkeyStatus,
  selfTest,
  setPin,
  showDevices,
  showIpaddr,
  showMacaddr,
  showSerialNumber,
  showTime,
  showVersion,
  shutdown,
  shutdownRestart,
  syncCache,
];
