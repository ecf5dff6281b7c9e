/** What a console command is, and what it can reach. */

import type { Log } from '#src/audit/log.ts';
import type { Settings } from '#src/config/settings.ts';
import type { Fleet, FleetConnection } from '#src/fleet/fleet.ts';
import type { Terminal } from './terminal.ts';

/** The part of the fleet that the console uses. */
export type ConsoleFleet = Pick<
  Fleet,
  | 'state'
  | 'devices'
  | 'unlocked'
  | 'openConnection'
  | 'unlock'
  | 'masterKeyStates'
  | 'checkMasterKey'
  | 'setMasterKey'
  | 'listDeviceKeys'
  | 'selfTests'
>;

/** What the appliance is called and where it is. */
export interface Identity {
  readonly serial: string;
  readonly version: string;
  ipAddress(): string;
  macAddress(): string;
}

export type ShutdownKind = 'off' | 'restart';

/**
 * States of the console in which a command may be given.
 *
 *     no device ──► E: nobody can log in, a few harmless commands work without
 *     login ──────► B: set-up steps not complete ──► C: operational ◄──► D: tamper event active
 */
export type ConsoleState = 'B' | 'C' | 'D' | 'E';

export interface ConsoleContext {
  readonly terminal: Terminal;
  readonly fleet: ConsoleFleet;
  readonly connection: FleetConnection;
  readonly settings: Settings;
  readonly identity: Identity;
  readonly log: Log;
  readonly commands: readonly Command[];
  /** Asks for the wheel password again. @param warning what is about to happen */
  reauthenticate(warning: string): Promise<void>;
  logOut(): Promise<void>;
  /** Closes the console, then stops the appliance. */
  shutDown(kind: ShutdownKind, message: string): Promise<void>;
}

export interface Command {
  /** The fixed words, in the spelling of the manual. */
  readonly words: readonly string[];
  /** Other spellings of all words. */
  readonly aliases?: readonly (readonly string[])[];
  /** How the arguments are shown in the usage, and how many there may be. */
  readonly args?: { readonly usage: string; readonly min: number; readonly max: number };
  /** One sentence for `help`. */
  readonly summary: string;
  readonly states: readonly ConsoleState[];
  /** With so many arguments or more the line holds a secret: it enters neither history nor log. */
  readonly secretFrom?: number;
  run(context: ConsoleContext, args: readonly string[]): Promise<void>;
}

/** The left column of `help`. */
function usageOf(command: Command): string {
  return [...command.words, ...(command.args === undefined ? [] : [command.args.usage])].join(' ');
}

/** Usage lines in the vendor's two columns, sorted. */
export function usageLines(commands: readonly Command[]): string[] {
  return commands
    .map((command) => ` ${usageOf(command)}`.padEnd(41) + `  ${command.summary}`)
    .sort((a, b) => (a < b ? -1 : 1));
}
