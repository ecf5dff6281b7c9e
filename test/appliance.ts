/** An appliance for tests: the real daemon with its devices, its own state folder and ports chosen by the system. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { holder } from '#src/daemon/holder.ts';
import { Bug } from '#src/wire/status.ts';
import { ConsoleTerminal } from './console-terminal.ts';

export const FACTORY_PIN = 'YouReallyNeedToChangeThisPINRightNowWeAreNotKidding';
const DAEMON = fileURLToPath(new URL('../src/daemon/main.ts', import.meta.url));
const PINS = { wheelPin: 'wheel-4711', soPin: 'so-4711', userPin: 'user-4711' } as const;

export interface ApplianceOptions {
  /** 2 if absent. */
  readonly devices?: number;
  /** Delay of the reply to a wrong PIN; 50 ms if absent. */
  readonly pinDelayMs?: number;
  /** A state folder that exists already and stays; a temporary one if absent. */
  readonly state?: string;
  readonly verbose?: boolean;
  /** Written to `settings.json` before the start. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** Address to listen on; loopback if absent. */
  readonly listen?: string;
  /** More options of the daemon. */
  readonly args?: readonly string[];
  /** Ports that clients know by their hsm.conf; chosen by the system if absent. */
  readonly ports?: { readonly rpc: number; readonly console: number };
}

export interface Secrets {
  readonly wheelPin: string;
  readonly soPin: string;
  readonly userPin: string;
  /** 64 hexadecimal digits. */
  readonly masterKey: string;
}

/** What the daemon says when it is ready. */
interface Facts {
  readonly pid: number;
  readonly rpcPort: number;
  readonly consolePort: number;
  readonly webPort: number;
  readonly fingerprint: string;
  readonly serial: string;
  readonly version: string;
}

export interface Appliance extends Facts {
  readonly state: string;
  /** Milliseconds from the start of the process to its ready line. */
  readonly startMs: number;
  /** What the daemon has written to its log so far. */
  readonly log: string;
  /** First login, random master key, PINs: through the console. */
  setUp(): Promise<Secrets>;
  /** Login as wheel after a restart; the master key is still set. */
  unlock(wheelPin?: string): Promise<void>;
  /** `shutdown restart` on the console. Resolves when the daemon has ended; a supervisor would start it again. */
  shutDownForRestart(): Promise<void>;
  /** Ends the daemon and, if the state folder is temporary, the holder and the folder. Gives the exit status. */
  stop(): Promise<number | null>;
  /** SIGTERM; everything stays for the next start. */
  halt(): Promise<number | null>;
  /** SIGKILL; everything stays for the next start. */
  kill(): Promise<void>;
  /** Resolves with the exit status when the daemon ends by itself. */
  readonly exited: Promise<number | null>;
}

export async function startAppliance(options: ApplianceOptions = {}): Promise<Appliance> {
  const state = options.state ?? (await mkdtemp(join(tmpdir(), 'dks-appliance-')));
  const cleanUp = async (): Promise<void> => {
    if (options.state !== undefined) return;
    await holder.end(join(state, 'run', 'mkm.sock')).catch(() => {});
    // The holder writes its compile cache when it exits.
    await rm(state, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
  };
  if (options.settings)
    await writeFile(join(state, 'settings.json'), JSON.stringify(options.settings), { mode: 0o600 });
  const started = performance.now();
  const child = spawn(process.execPath, [DAEMON, ...daemonArgs(state, options)], { stdio: ['ignore', 'pipe', 'pipe'] });
  const exited = once(child, 'exit').then(([status]) => status as number | null);
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (log += text));
  let facts: Facts;
  try {
    facts = await readyLine(child, exited, () => log);
  } catch (error) {
    await cleanUp();
    throw error;
  }
  const startMs = performance.now() - started;

  const onConsole = async <Result>(work: (terminal: ConsoleTerminal) => Promise<Result>): Promise<Result> => {
    const terminal = await ConsoleTerminal.open(facts.consolePort, options.listen);
    try {
      return await work(terminal);
    } finally {
      await terminal.close();
    }
  };
  const end = async (signal: NodeJS.Signals): Promise<number | null> => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    return exited;
  };
  return {
    ...facts,
    state,
    startMs,
    exited,
    get log() {
      return log;
    },
    setUp: () => onConsole(setUp),
    unlock: (wheelPin = PINS.wheelPin) => onConsole((terminal) => unlock(terminal, wheelPin)),
    async shutDownForRestart() {
      await onConsole(shutDownForRestart);
      await exited;
    },
    halt: () => end('SIGTERM'),
    async kill() {
      await end('SIGKILL');
    },
    async stop() {
      const status = await end('SIGTERM');
      await cleanUp();
      return status;
    },
  };
}

/** The daemon's options for a state folder. */
export function daemonArgs(state: string, options: ApplianceOptions = {}) {
  const { devices = 2, pinDelayMs = 50, verbose = false, ports = { rpc: 0, console: 0 } } = options;
  return [
    ...['--state', state, '--listen', options.listen ?? '127.0.0.1', '--web-port', '0'],
    ...['--rpc-port', String(ports.rpc), '--console-port', String(ports.console)],
    ...['--devices', String(devices), '--pin-delay-ms', String(pinDelayMs), '--no-delay'],
    ...(verbose ? ['--verbose'] : []),
    ...(options.args ?? []),
  ];
}

async function readyLine(child: ChildProcess, exited: Promise<number | null>, log: () => string): Promise<Facts> {
  let output = '';
  const { promise, resolve } = Promise.withResolvers<Facts>();
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    const ready = /^ready (\{.*\})$/m.exec(output);
    if (ready) resolve(JSON.parse(ready[1] as string) as Facts);
  });
  const failed = exited.then((status) => {
    throw new Bug(`the daemon ended with status ${status}: ${log()}`);
  });
  failed.catch(() => {});
  return Promise.race([promise, failed]);
}

/** First login with the factory PIN and a random master key, up to the prompt. Gives the master key. */
export async function firstLogin(terminal: ConsoleTerminal): Promise<string> {
  await terminal.expect('Password: ');
  terminal.send(FACTORY_PIN);
  await terminal.expect('(y/n) ');
  terminal.send('y');
  await terminal.expect('--------\r\n> ');
  terminal.send('');
  await terminal.expect('Success:Random key:');
  const output = await terminal.expect('Diamond-HSM > ');
  const masterKey = /((?:[0-9A-F]{8}\s+){7}[0-9A-F]{8})/.exec(output)?.[1]?.replaceAll(/\s/g, '');
  if (masterKey === undefined) throw new Bug(`no master key in: ${output}`);
  return masterKey;
}

async function setUp(terminal: ConsoleTerminal): Promise<Secrets> {
  const masterKey = await firstLogin(terminal);
  for (const [role, pin] of [
    ['wheel', PINS.wheelPin],
    ['so', PINS.soPin],
    ['user', PINS.userPin],
  ]) {
    const answer = await terminal.command(`set pin ${role} ${pin}`);
    if (!answer.includes(`PIN for '${role}' set.`)) throw new Bug(`no PIN for ${role}: ${answer}`);
  }
  return { ...PINS, masterKey };
}

async function unlock(terminal: ConsoleTerminal, wheelPin: string): Promise<void> {
  await terminal.expect('Password: ');
  terminal.send(wheelPin);
  await terminal.expect('(y/n) ', 'Incorrect password');
  terminal.send('n');
  await terminal.expect('Diamond-HSM > ');
}

async function shutDownForRestart(terminal: ConsoleTerminal): Promise<void> {
  await terminal.expect('Password: ');
  terminal.send(PINS.wheelPin);
  await terminal.expect('Diamond-HSM > ', 'Incorrect password');
  terminal.send('shutdown restart YesIAmSure');
  await terminal.expect('Restarting HSM');
}
