/** `dks-hsmd`: the appliance. Only what can fail early is imported here; the rest comes through the compile cache. */

import { enableCompileCache } from 'node:module';
import { join, resolve } from 'node:path';
import { ConfigError, OperatorError } from '#src/config/errors.ts';
import { openStateFolder } from '#src/config/state-folder.ts';
import { readOptions, USAGE } from './options.ts';

const EXIT_FAILURE = 1;
const EXIT_USAGE = 2;

async function main(): Promise<void> {
  let options;
  try {
    options = readOptions(process.argv.slice(2));
  } catch (error) {
    return fail(error, EXIT_USAGE);
  }
  if (options === 'help') {
    process.stdout.write(USAGE);
    return;
  }
  try {
    process.umask(0o077);
    const state = resolve(options.state);
    await openStateFolder(state);
    // Devices and the holder inherit the variable: they start in half the time.
    const cache = join(state, 'cache');
    enableCompileCache(cache);
    process.env['NODE_COMPILE_CACHE'] = cache;
    const { runDaemon } = await import('./run.ts');
    process.exitCode = await runDaemon({ ...options, state });
  } catch (error) {
    return fail(error, EXIT_FAILURE);
  }
  // Nothing may keep a stopped daemon alive.
  process.exit();
}

function fail(error: unknown, status: number): never {
  const isExpected = error instanceof OperatorError || error instanceof ConfigError;
  const text = isExpected ? error.message : error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`dks-hsmd: ${text}\n`);
  process.exit(status);
}

await main();
