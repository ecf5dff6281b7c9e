/** The command line of dks_setup_console. */

import { parseArgs } from 'node:util';
import { ConsoleFailure, ExitStatus } from './exit-status.ts';

export const HELP = `dks_setup_console - the management console of a Diamond-HSM

  dks_setup_console [--config-path DIR]
      Interactive: every key goes to the HSM. Ctrl-C or Ctrl-] leaves.

  dks_setup_console --pin-file FILE --command 'CMD' [--command 'CMD' ...] [options]
  dks_setup_console [--pin-file FILE] [options] < LINES
      Script: logs in, runs the commands in order, prints only what they answer and stops at the first that fails.
      Without --command every line of standard input is a line typed by the operator: commands, and the answers to
      those questions that no option answers. A line is sent only when the HSM waits for it.

Options
  --config-path DIR       folder of hsm.conf (default: $DIAMOND_HSM_CONFIG_PATH, else /etc/dkey/hsm)
  --pin-file FILE         the 'wheel' password is the first line of FILE (make it readable only for you: mode 0600);
                          used whenever the HSM asks for it
  --command CMD           run this command; may be given several times
  --master-key generate   answer to the master key question: set a random key, which is printed once on standard output
  --master-key keep       ... leave the master key as it is (the default with --command)
  --master-key file:PATH  ... set the 64 hexadecimal digits in the file
                          The command 'masterkey set' uses generate or file:PATH in the same way; default: generate.
  --new-pin-file ROLE=FILE  the new PIN for the command 'set pin ROLE' is the first line of FILE; ROLE: wheel, so, user
  --yes                   answer y to all other y/n questions, also to those that warn of a loss (default: n)
  --timeout SECONDS       give up if the HSM says nothing for so long (default 120)
  --verbose               also show on standard error what the HSM says around the commands
  --help                  this text

Exit status
  0  all commands succeeded
  1  a command failed or was refused
  2  wrong options or files
  3  no connection, console in use, or not the HSM whose fingerprint is known
  4  wrong password

The HSM is recognised by the fingerprint of its key: <fingerprint> in hsm.conf, else the one that was seen at the first
connection and is kept in the file known_hsms beside hsm.conf.
`;

export const ROLES = ['wheel', 'so', 'user'] as const;
type Role = (typeof ROLES)[number];

type MasterKeyAnswer = { readonly kind: 'generate' | 'keep' } | { readonly kind: 'file'; readonly path: string };

export interface CommandLine {
  readonly help: boolean;
  readonly configPath: string | undefined;
  readonly pinFile: string | undefined;
  readonly commands: readonly string[];
  readonly masterKey: MasterKeyAnswer | undefined;
  readonly newPinFiles: ReadonlyMap<Role, string>;
  readonly yes: boolean;
  /** Milliseconds. */
  readonly timeout: number;
  readonly verbose: boolean;
}

/** @throws ConsoleFailure USAGE */
export function parseCommandLine(args: readonly string[]): CommandLine {
  const values = parseOptions(args);
  const seconds = Number(values.timeout ?? '120');
  if (!(seconds > 0 && seconds <= 86_400)) throw usage('--timeout must be a number of seconds');
  const commands = values.command ?? [];
  if (commands.some((command) => /[\u0000-\u001f\u007f]/.test(command) || command.trim() === '')) {
    throw usage('--command must be one line of text');
  }
  if (!values.help && commands.length > 0 && values['pin-file'] === undefined) {
    throw usage('--command needs --pin-file');
  }
  return {
    help: values.help ?? false,
    configPath: values['config-path'],
    pinFile: values['pin-file'],
    commands,
    masterKey: values['master-key'] === undefined ? undefined : parseMasterKeyAnswer(values['master-key']),
    newPinFiles: new Map((values['new-pin-file'] ?? []).map(parseNewPinFile)),
    yes: values.yes ?? false,
    timeout: seconds * 1000,
    verbose: values.verbose ?? false,
  };
}

function parseOptions(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      strict: true,
      allowPositionals: false,
      options: {
        'config-path': { type: 'string' },
        'pin-file': { type: 'string' },
        command: { type: 'string', multiple: true },
        'master-key': { type: 'string' },
        'new-pin-file': { type: 'string', multiple: true },
        yes: { type: 'boolean' },
        timeout: { type: 'string' },
        verbose: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values;
  } catch (error) {
    throw usage(error instanceof Error ? (error.message.split('. ')[0] ?? error.message) : String(error));
  }
}

function parseMasterKeyAnswer(text: string): MasterKeyAnswer {
  if (text === 'generate' || text === 'keep') return { kind: text };
  if (text.startsWith('file:') && text.length > 5) return { kind: 'file', path: text.slice(5) };
  throw usage('--master-key must be generate, keep or file:PATH');
}

function parseNewPinFile(text: string): [Role, string] {
  const role = ROLES.find((name) => text.startsWith(`${name}=`));
  const path = text.slice(text.indexOf('=') + 1);
  if (role === undefined || path === '') throw usage('--new-pin-file must be wheel=FILE, so=FILE or user=FILE');
  return [role, path];
}

function usage(problem: string): ConsoleFailure {
  return new ConsoleFailure(ExitStatus.USAGE, `${problem} (see --help)`);
}
