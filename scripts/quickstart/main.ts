/** `./quickstart`: an appliance on this machine, set up, and a zone signed with it. */

import { join, relative } from 'node:path';

import { ConfigError, OperatorError } from '#src/config/errors.ts';
import { type StatusReport } from '#src/web/status-report.ts';

import { environmentOf, MODULE, writeClientConfiguration, writeEnvFile } from './client-files.ts';
import { findRunning, isStrictVendor, type Running, setStrictVendor, startDaemon, stopDaemon } from './daemon.ts';
import { firstLogin, unlock } from './first-login.ts';
import { Folder } from './folder.ts';
import { type Options, parseOptions, USAGE } from './options.ts';
import { choosePorts, HOST } from './ports.ts';
import { requirePrograms } from './run-program.ts';
import { Story } from './story.ts';
import { countSignatures, createKeys, programsFor, signZone, verifyZone, ZONE } from './zone.ts';

const ROOT = join(import.meta.dirname, '..', '..');

/** Exit statuses: 0 done, 1 failed, 2 wrong call, 3 does not run (as in init scripts). */
const EXIT = { done: 0, failed: 1, usage: 2, stopped: 3 } as const;

async function main(): Promise<number> {
  let options: Options | 'help';
  try {
    options = parseOptions(process.argv.slice(2), join(ROOT, 'build', 'quickstart'));
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    process.stderr.write(`quickstart: ${error.message}\n`);
    return EXIT.usage;
  }
  if (options === 'help') {
    process.stdout.write(USAGE);
    return EXIT.done;
  }
  const { json } = options;
  const story = new Story((text) => (json ? process.stderr : process.stdout).write(text));
  try {
    const outcome = await COMMANDS[options.command](options, story);
    if (json) process.stdout.write(`${JSON.stringify(outcome.facts, null, 2)}\n`);
    return outcome.status;
  } catch (error) {
    if (!(error instanceof OperatorError) && !(error instanceof ConfigError)) throw error;
    process.stderr.write(`quickstart: ${error.message}\n`);
    if (json) process.stdout.write(`${JSON.stringify({ command: options.command, error: error.message }, null, 2)}\n`);
    return EXIT.failed;
  }
}

interface Outcome {
  readonly status: number;
  readonly facts: Readonly<Record<string, unknown>>;
}

const COMMANDS: Record<Options['command'], (options: Options, story: Story) => Promise<Outcome>> = {
  start,
  status,
  stop,
  clean,
};

async function start(options: Options, story: Story): Promise<Outcome> {
  const folder = new Folder(options.state);
  requirePrograms(programsFor(options.algorithm));
  await folder.create();

  const running = await ensureRunning(folder, options, story);
  await writeClientConfiguration(folder, running);
  const masterKey = await ensureUnlocked(folder, running, story);

  const pkcs11 = { module: MODULE, variables: { DIAMOND_HSM_CONFIG_PATH: folder.path } };
  const keys = await createKeys(folder, pkcs11, options.algorithm);
  if (keys.length > 0) {
    const created = keys.some((key) => key.created);
    story.step(
      'keys',
      `${created ? 'generated' : 'found'} the keys in the HSM by pkcs11-tool: ${keys.map((key) => key.label).join(', ')}`,
    );
  }
  const signed = await signZone(folder, pkcs11, options.algorithm, keys);
  const signer = options.algorithm === 'ED25519' ? 'kzonesign (it made its keys in the HSM)' : 'ldns-signzone';
  story.step('sign', `signed ${ZONE} with ${options.algorithm} by ${signer}: ${countSignatures(signed)} signatures`);
  const verifiers = await verifyZone(signed);
  story.step('verify', `verified by ${verifiers.join(' and ')}: ${short(signed)}`);

  const environment = environmentOf(folder, running, signed);
  await writeEnvFile(folder, environment);
  tellUse(folder, running, story);
  return {
    status: EXIT.done,
    facts: {
      command: 'start',
      state: folder.path,
      ...factsOf(running),
      algorithm: options.algorithm,
      keys: keys.map(({ label, id }) => ({ label, id })),
      signatures: countSignatures(signed),
      verifiedBy: verifiers,
      firstStart: masterKey !== undefined,
      environment,
      milliseconds: { ...story.timings, total: story.total },
    },
  };
}

async function ensureRunning(folder: Folder, options: Options, story: Story): Promise<Running> {
  const running = await findRunning(folder);
  const memory = await folder.recall();
  if (running !== undefined) {
    for (const name of ['rpcPort', 'consolePort', 'webPort'] as const) {
      if (options[name] !== undefined && options[name] !== running[name]) {
        throw new OperatorError(`the appliance runs already, with other ports; stop it first: ${call(folder, 'stop')}`);
      }
    }
    if (options.devices !== undefined && options.devices !== memory.devices) {
      throw new OperatorError(
        `the appliance runs already, with ${memory.devices} devices; stop it first: ${call(folder, 'stop')}`,
      );
    }
    if (options.strictVendor && !(await isStrictVendor(folder))) {
      throw new OperatorError(
        `the appliance runs already, without --strict-vendor; stop it first: ${call(folder, 'stop')}`,
      );
    }
    story.step('daemon', `the appliance runs already (process ${running.pid}, ${portsText(running)})`);
    return running;
  }
  const devices = options.devices ?? memory.devices ?? 2;
  if (options.strictVendor) await setStrictVendor(folder);
  const started = await startDaemon(folder, await choosePorts(options, memory.ports), devices);
  const { rpcPort, consolePort, webPort } = started;
  await folder.remember({ devices, ports: { rpcPort, consolePort, webPort } });
  story.step(
    'daemon',
    `started an appliance with ${devices} ${devices === 1 ? 'device' : 'devices'} (process ${started.pid}, ${portsText(started)})`,
  );
  return started;
}

/** @returns the master key if this was the first login */
async function ensureUnlocked(folder: Folder, running: Running, story: Story): Promise<string | undefined> {
  const { setUp } = await folder.recall();
  if (setUp !== true) {
    const masterKey = await firstLogin(folder);
    await folder.remember({ setUp: true });
    story.step(
      'login',
      'first login by dks_setup_console: unlocked, random master key, demo PINs for wheel, so and user',
    );
    story.note(`master key (shown once; for this demo also in ${short(folder.masterKey)}):`, masterKey);
    return masterKey;
  }
  const { state } = await askStatus(running);
  if (state === 'OPERATIONAL') return undefined;
  await unlock(folder);
  story.step('login', 'unlocked by dks_setup_console with the demo wheel PIN');
  return undefined;
}

async function status(options: Options, story: Story): Promise<Outcome> {
  const folder = new Folder(options.state);
  const running = await findRunning(folder);
  if (running === undefined) {
    const known = await folder.exists();
    story.text(
      known ? `stopped; start it with: ${call(folder, 'start')}` : `there is no instance in ${short(folder.path)}`,
    );
    return { status: EXIT.stopped, facts: { command: 'status', state: folder.path, running: false } };
  }
  const report = await askStatus(running);
  story.text(`running: process ${running.pid}, ${portsText(running)}, status page http://${HOST}:${running.webPort}/`);
  for (const { index, stateText } of report.devices) story.text(`device ${index}: ${stateText}`);
  return {
    status: EXIT.done,
    facts: { command: 'status', state: folder.path, ...factsOf(running), appliance: report },
  };
}

async function stop(options: Options, story: Story): Promise<Outcome> {
  const folder = new Folder(options.state);
  const stopped = await stopDaemon(folder);
  story.text(stopped ? `stopped; keys and settings stay in ${short(folder.path)}` : 'it does not run');
  return { status: EXIT.done, facts: { command: 'stop', state: folder.path, running: false, stopped } };
}

async function clean(options: Options, story: Story): Promise<Outcome> {
  const folder = new Folder(options.state);
  await stopDaemon(folder);
  await folder.delete();
  story.text(`${short(folder.path)} is gone, with all keys in it`);
  return { status: EXIT.done, facts: { command: 'clean', state: folder.path, running: false } };
}

async function askStatus(running: Running): Promise<StatusReport> {
  try {
    const response = await fetch(`http://${HOST}:${running.webPort}/status.json`, {
      signal: AbortSignal.timeout(10_000),
    });
    return (await response.json()) as StatusReport;
  } catch (error) {
    throw new OperatorError(`the appliance (process ${running.pid}) does not answer on its status page`, {
      cause: error,
    });
  }
}

function factsOf({
  pid,
  serial,
  version,
  fingerprint,
  rpcPort,
  consolePort,
  webPort,
}: Running): Record<string, unknown> {
  return { running: true, pid, serial, version, fingerprint, rpcPort, consolePort, webPort };
}

function tellUse(folder: Folder, running: Running, story: Story): void {
  const env = short(folder.env);
  const lines: [string, string][] = [
    [`. ${env.startsWith('/') ? env : `./${env}`}`, 'variables for PKCS#11 programs, for example:'],
    ['PIN=$(cat "$DKS_USER_PIN_FILE") pkcs11-tool --module "$PKCS11_MODULE" --login --pin env:PIN -O', ''],
    ['bin/dks_setup_console', 'the console; password: cat "$DKS_WHEEL_PIN_FILE"'],
    [`http://${HOST}:${running.webPort}/`, 'the status page'],
    [call(folder, 'stop'), 'stop it ("clean" also deletes its keys)'],
  ];
  const width = Math.max(...lines.map(([what, why]) => (why === '' ? 0 : what.length)));
  story.text(`\ndone in ${(story.total / 1000).toFixed(1)} s; use it from any shell (its PINs are demo PINs):`);
  for (const [what, why] of lines) story.text(`  ${what.padEnd(width)}  ${why}`.trimEnd());
}

function portsText({ rpcPort, consolePort, webPort }: Running): string {
  return `ports ${rpcPort} PKCS#11, ${consolePort} console, ${webPort} web`;
}

/** The command line for this instance. */
function call(folder: Folder, command: string): string {
  const usual = folder.path === join(ROOT, 'build', 'quickstart');
  return usual ? `./quickstart ${command}` : `./quickstart ${command} --state ${short(folder.path)}`;
}

function short(path: string): string {
  const fromHere = relative(process.cwd(), path);
  return fromHere.startsWith('..') || fromHere === '' ? path : fromHere;
}

// `./quickstart | head` reads no more than it wants; the work goes on.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
process.exitCode = await main();
