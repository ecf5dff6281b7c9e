/** dks_setup_console: the operator's way to the management console of the HSM (manual 3.5, 4.2). */

import { createInterface } from 'node:readline';
import { ConfigError, OperatorError } from '#src/config/errors.ts';
import { hsmConfPath, readHsmEndpoint } from '#src/config/hsm-conf.ts';
import { connectConsole } from './connect-console.ts';
import { type CommandLine, HELP, parseCommandLine } from './console-options.ts';
import { ConsoleFailure, ExitStatus } from './exit-status.ts';
import { runInteractive } from './interactive-console.ts';
import { runScript } from './script-console.ts';

/**
 * Runs the program.
 * @param args without interpreter and script
 * @returns the exit status
 */
export async function setupConsole(args: readonly string[]): Promise<number> {
  try {
    const options = parseCommandLine(args);
    if (options.help) {
      process.stdout.write(HELP);
      return ExitStatus.OK;
    }
    return await connectAndRun(options);
  } catch (error) {
    if (!(error instanceof OperatorError || error instanceof ConfigError)) throw error;
    process.stderr.write(`dks_setup_console: ${error.message}\n`);
    return error instanceof ConsoleFailure ? error.status : ExitStatus.USAGE;
  }
}

async function connectAndRun(options: CommandLine): Promise<number> {
  const isInteractive = options.commands.length === 0 && process.stdin.isTTY;
  if (isInteractive && options.pinFile !== undefined) {
    throw new ConsoleFailure(ExitStatus.USAGE, '--pin-file needs --command or commands on standard input (see --help)');
  }
  const path = hsmConfPath(options.configPath);
  const endpoint = await readHsmEndpoint(path, 'cty');
  const tell = (text: string): void => {
    if (isInteractive) process.stdout.write(`${text}\n`);
  };
  tell(`Connecting to ${endpoint.ip}...`);
  const { socket, notices } = await connectConsole(endpoint, path);
  for (const notice of notices) process.stderr.write(`${notice}\n`);
  tell('Connected TLS...');
  if (isInteractive) return runInteractive(socket, process.stdin, process.stdout);
  const lines = createLineReader();
  try {
    return await runScript(socket, options, {
      out: (text) => process.stdout.write(text),
      err: (text) => process.stderr.write(text),
      nextLine: lines.next,
    });
  } finally {
    lines.close();
  }
}

/** Standard input line by line; it is not touched before the first line is wanted. */
function createLineReader(): { next(): Promise<string | undefined>; close(): void } {
  let reader: ReturnType<typeof createInterface> | undefined;
  let lines: AsyncIterator<string> | undefined;
  return {
    async next() {
      reader ??= createInterface({ input: process.stdin, crlfDelay: Infinity });
      lines ??= reader[Symbol.asyncIterator]();
      const result = await lines.next();
      return result.done === true ? undefined : result.value;
    },
    close: () => reader?.close(),
  };
}
