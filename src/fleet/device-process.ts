/** Starts a device process; its link is file descriptor 3 and the device exits when the link closes. */

import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Log } from '#src/audit/log.ts';
import { Bug } from '#src/wire/status.ts';
import { type DeviceProcess } from './device.ts';
import { type KeyRules } from './fleet-options.ts';
import { socketPair } from './socket-pair.ts';

const PROGRAM = fileURLToPath(import.meta.resolve('#src/device/main.ts'));
/** Longest line of a device's error output that is copied to the log. */
const MAX_LINE = 2000;

export interface DeviceProcessOptions {
  readonly index: number;
  /** The state folder; the device keeps its keys in `device-<index>` there. */
  readonly state: string;
  readonly mkmSocket: string;
  /** Random name of this run of the fleet, 16 bytes: login tickets are good for it only. */
  readonly epoch: Uint8Array;
  readonly pinDelayMs?: number | undefined;
  readonly strictVendor?: boolean | undefined;
  readonly keyRules?: KeyRules | undefined;
  readonly log: Log;
}

function ruleArguments(rules: KeyRules): string[] {
  const { keySeparation, legacyMechanisms, plaintextImport, initTokenErasesKeys } = rules;
  const args = ['--key-separation', keySeparation];
  if (!legacyMechanisms) args.push('--no-legacy-mechanisms');
  if (!plaintextImport) args.push('--no-plaintext-import');
  if (initTokenErasesKeys) args.push('--erase-keys');
  return args;
}

export async function spawnDevice(options: DeviceProcessOptions): Promise<DeviceProcess> {
  const args = ['--index', String(options.index), '--state', options.state, '--mkm', options.mkmSocket];
  args.push('--epoch', options.epoch.toHex());
  if (options.pinDelayMs !== undefined) args.push('--pin-delay-ms', String(options.pinDelayMs));
  if (options.strictVendor === true) args.push('--strict-vendor');
  if (options.keyRules) args.push(...ruleArguments(options.keyRules));
  const { near: stream, far } = await socketPair(join(options.state, 'run', `device-${options.index}.sock`));
  const child = spawn(process.execPath, [PROGRAM, ...args], { stdio: ['ignore', 'ignore', 'pipe', far] });
  far.destroy();
  if (!child.stderr) throw new Bug('a device process without error output');
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    for (const line of text.split('\n')) if (line) copyLine(line.slice(0, MAX_LINE), options);
  });
  const exited = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', (error) => {
      options.log.error(`device ${options.index} cannot be started: ${error.message}`);
      stream.destroy();
      resolve();
    });
  });
  return { stream, exited, kill: () => void child.kill('SIGKILL') };
}

/** A line of the device's own log has a level; anything else is a cry for help. */
function copyLine(line: string, { index, log }: DeviceProcessOptions): void {
  const [, level, message] = /\]:(ERROR|WARN|INFO|DEBUG): (.*)$/.exec(line) ?? [];
  const text = `device ${index}: ${message ?? line}`;
  switch (level) {
    case 'DEBUG':
      log.debug(text);
      break;
    case 'INFO':
      log.info(text);
      break;
    case 'ERROR':
      log.error(text);
      break;
    default:
      log.warn(text);
  }
}
