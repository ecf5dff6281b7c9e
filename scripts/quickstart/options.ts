/** Command line of the quickstart. */

import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

import { OperatorError } from '#src/config/errors.ts';

/** The zone's signing algorithm: DNSSEC mnemonic, number (RFC 8624 section 3.1) and key types as pkcs11-tool names them. */
export const ALGORITHMS = {
  RSASHA256: { number: 8, ksk: 'rsa:2048', zsk: 'rsa:2048' },
  ECDSAP256SHA256: { number: 13, ksk: 'EC:prime256v1', zsk: 'EC:prime256v1' },
  ED25519: { number: 15, ksk: undefined, zsk: undefined },
} as const;
export type Algorithm = keyof typeof ALGORITHMS;

const COMMANDS = ['start', 'status', 'stop', 'clean'] as const;
type Command = (typeof COMMANDS)[number];

export interface Options {
  readonly command: Command;
  readonly state: string;
  readonly algorithm: Algorithm;
  /** `undefined`: the usual port if it is free, else one that the system chooses. */
  readonly rpcPort: number | undefined;
  readonly consolePort: number | undefined;
  readonly webPort: number | undefined;
  /** `undefined`: as at the last start, 2 at the first. */
  readonly devices: number | undefined;
  /** Answer exactly as the vendor's appliance; stays in the settings. */
  readonly strictVendor: boolean;
  readonly json: boolean;
}

/** Shared with the shell script in front. */
export const USAGE = readFileSync(join(import.meta.dirname, 'usage.txt'), 'utf8');

/** @throws OperatorError with what is wrong and what would be right */
export function parseOptions(args: readonly string[], defaultState: string): Options | 'help' {
  let parsed;
  try {
    parsed = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        help: { type: 'boolean', short: 'h' },
        state: { type: 'string' },
        algorithm: { type: 'string' },
        'rpc-port': { type: 'string' },
        'console-port': { type: 'string' },
        'web-port': { type: 'string' },
        devices: { type: 'string' },
        'strict-vendor': { type: 'boolean' },
        json: { type: 'boolean' },
      },
    });
  } catch (error) {
    throw new OperatorError(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
  }
  const { values, positionals } = parsed;
  if (values.help === true) return 'help';
  if (positionals.length > 1)
    throw new OperatorError(`one command at a time, not ${positionals.join(' ')}\n\n${USAGE}`);
  const algorithm = (values.algorithm ?? 'RSASHA256').toUpperCase();
  return {
    command: oneOf('command', positionals[0] ?? 'start', COMMANDS),
    state: resolve(values.state ?? defaultState),
    algorithm: oneOf('--algorithm', algorithm, Object.keys(ALGORITHMS) as Algorithm[]),
    rpcPort: number('--rpc-port', values['rpc-port'], 1, 65_535),
    consolePort: number('--console-port', values['console-port'], 1, 65_535),
    webPort: number('--web-port', values['web-port'], 1, 65_535),
    devices: number('--devices', values.devices, 1, 8),
    strictVendor: values['strict-vendor'] === true,
    json: values.json === true,
  };
}

function oneOf<T extends string>(what: string, value: string, choices: readonly T[]): T {
  const choice = choices.find((candidate) => candidate === value);
  if (choice === undefined) throw new OperatorError(`unknown ${what} '${value}': one of ${choices.join(', ')}`);
  return choice;
}

function number(option: string, value: string | undefined, least: number, most: number): number | undefined {
  if (value === undefined) return undefined;
  const result = /^\d{1,6}$/.test(value) ? Number(value) : Number.NaN;
  if (!(result >= least && result <= most)) {
    throw new OperatorError(`${option} ${value}: a number from ${least} to ${most} is needed`);
  }
  return result;
}
