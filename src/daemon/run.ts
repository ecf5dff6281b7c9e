/** The appliance from start to stop: the only place where its parts are wired together. */

import { rm } from 'node:fs/promises';
import { flushCompileCache } from 'node:module';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Log, openLog } from '#src/audit/log.ts';
import { writeFileAtomically } from '#src/config/atomic-write.ts';
import { ConfigError, OperatorError, systemErrorCode, systemErrorText } from '#src/config/errors.ts';
import { openSerialNumber } from '#src/config/serial-number.ts';
import { Settings } from '#src/config/settings.ts';
import { VERSION } from '#src/config/version.ts';
import { startConsole } from '#src/console/server.ts';
import { hardenProcess } from '#src/crypto/process-hardening.ts';
import { Fleet } from '#src/fleet/fleet.ts';
import { startRpc } from '#src/rpc/server.ts';
import { Token } from '#src/token/token.ts';
import { startWeb } from '#src/web/server.ts';
import { openBoards } from './boards.ts';
import { holder } from './holder.ts';
import { lockInstance } from './instance-lock.ts';
import { ipAddress, macAddress } from './network-identity.ts';
import { type DaemonOptions } from './options.ts';
import { statusReport } from './status-report.ts';
import { surviveBugs } from './survive-bugs.ts';
import { openTlsIdentity } from './tls-identity.ts';

/** Tells the supervisor to start the daemon again (EX_TEMPFAIL of sysexits.h). */
const EXIT_RESTART = 75;

/** The vendor's name for the socket of internal tools. */
const INTERNAL_SOCKET = '.cryptech_muxd.rpc';

/** What brought the daemon to its end: a signal, or `shutdown` on the console. */
type Ending = 'signal' | 'off' | 'restart';

/** What other programs read to find the running appliance. */
interface RunFile {
  readonly pid: number;
  readonly rpcPort: number;
  readonly consolePort: number;
  readonly webPort: number;
  readonly fingerprint: string;
  readonly serial: string;
  readonly version: string;
}

/**
 * Runs the appliance until it is told to stop.
 * @returns the exit status
 * @throws OperatorError, ConfigError with what is wrong and what to do
 */
export async function runDaemon(options: DaemonOptions): Promise<number> {
  const unlock = lockInstance(options.state);
  const log = openDaemonLog(options);
  const runFile = join(options.state, 'run', 'dks-hsmd.json');
  try {
    surviveBugs(log);
    hardenProcess();
    const ending = await serve(options, log, runFile);
    log.info('stopped');
    return ending === 'restart' ? EXIT_RESTART : 0;
  } finally {
    await rm(runFile, { force: true });
    unlock();
  }
}

async function serve(options: DaemonOptions, log: Log, runFile: string): Promise<Ending> {
  const { state, listen: host } = options;
  const { promise: ended, resolve: end } = Promise.withResolvers<Ending>();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => end('signal'));
  process.on('SIGHUP', () => {});

  const count = options.devices + options.serialPorts.length;
  log.info(`starting ${VERSION} with ${count} devices, state folder ${state}`);
  const openSettings = Settings.open(state);
  const startFleet = Promise.all([openSettings, openBoards(options, log)]).then(([settings, boards]) =>
    Fleet.start({
      state,
      devices: options.devices,
      boards,
      pinDelayMs: options.pinDelayMs,
      strictVendor: settings.get('strictVendor'),
      keyRules: {
        keySeparation: settings.get('keySeparation'),
        legacyMechanisms: settings.get('legacyMechanisms'),
        plaintextImport: settings.get('plaintextImport'),
        initTokenErasesKeys: settings.get('initTokenErasesKeys'),
      },
      holder,
      log: log.child('fleet'),
    }),
  );
  const closers: (() => Promise<unknown>)[] = [];
  try {
    const [tls, serial, settings, fleet] = await Promise.all([
      openTlsIdentity(state),
      openSerialNumber(state),
      openSettings,
      startFleet,
      sleep(options.settling),
    ]);
    if (settings.problem !== undefined) log.warn(settings.problem);
    if (settings.get('strictVendor'))
      log.warn('strictVendor is set: the faults of the vendor’s appliance are repeated');
    const startedAt = Date.now();
    const token = new Token({
      fleet,
      serial,
      log: log.child('token'),
      initialisingErasesKeys: () => settings.get('initTokenErasesKeys'),
      legacyMechanisms: settings.get('legacyMechanisms'),
    });

    const rpc = await startRpc({
      host,
      port: options.rpcPort,
      tls,
      fleet,
      token,
      settings: {
        exportableKeys: () => settings.get('ENABLE_EXPORTABLE_PRIVATE_KEYS'),
        keyExport: () => settings.get('ENABLE_KEY_EXPORT'),
        strictVendor: settings.get('strictVendor'),
      },
      log: log.child('rpc'),
    }).catch(explainListen('RPC', options.rpcPort, '--rpc-port'));
    closers.push(() => rpc.close());
    const internalPath = options.internalSocket ?? join(state, 'run', INTERNAL_SOCKET);
    await rpc.openInternal({ path: internalPath, address: () => ipAddress(host) }).catch(explainSocket(internalPath));

    const console = await startConsole({
      host,
      port: options.consolePort,
      tls,
      fleet,
      settings,
      identity: {
        serial,
        version: VERSION,
        ipAddress: () => ipAddress(host),
        macAddress: () => macAddress(host),
      },
      shutdown: end,
      log: log.child('console'),
    }).catch(explainListen('console', options.consolePort, '--console-port'));
    closers.push(() => console.close());

    const web = await startWeb({
      host,
      port: options.webPort,
      status: () => statusReport({ fleet, serial, version: VERSION, address: ipAddress(host), startedAt }),
      log: log.child('web'),
    }).catch(explainListen('status page', options.webPort, '--web-port'));
    closers.push(() => web.close());

    const facts: RunFile = {
      pid: process.pid,
      rpcPort: rpc.port,
      consolePort: console.port,
      webPort: web.port,
      fingerprint: tls.fingerprint,
      serial,
      version: VERSION,
    };
    await announce(facts, runFile, log);

    const ending = await ended;
    log.info(ending === 'signal' ? 'stopping' : `stopping: shutdown ${ending}`);
    await stopServers(closers, log);
    token.close();
    await fleet.stop({ endHolder: ending === 'off' });
    return ending;
  } catch (error) {
    // The start failed: nothing that was started may stay.
    await stopServers(closers, log);
    await startFleet.then((fleet) => fleet.stop({ endHolder: 'if empty' })).catch(() => {});
    log.error(error instanceof Error ? error.message : String(error));
    throw error;
  }
}

async function announce(facts: RunFile, runFile: string, log: Log): Promise<void> {
  const json = JSON.stringify(facts);
  await writeFileAtomically(runFile, `${json}\n`, 0o600);
  log.info(`ready: RPC ${facts.rpcPort}, console ${facts.consolePort}, status page ${facts.webPort}`);
  process.stdout.on('error', () => {});
  process.stdout.write(`ready ${json}\n`);
  flushCompileCache();
}

async function stopServers(closers: readonly (() => Promise<unknown>)[], log: Log): Promise<void> {
  const outcomes = await Promise.allSettled(closers.map((close) => close()));
  for (const outcome of outcomes) if (outcome.status === 'rejected') log.warn(String(outcome.reason));
}

function openDaemonLog({ state, verbose }: DaemonOptions): Log {
  const file = join(state, 'log', 'dks-hsmd.log');
  try {
    process.stderr.on('error', () => {});
    return openLog(file, { name: 'dks-hsmd', echo: true, level: verbose ? 'debug' : 'info' });
  } catch (error) {
    throw new ConfigError(file, `cannot be opened: ${systemErrorText(error)}`, { cause: error });
  }
}

function explainSocket(path: string): (error: unknown) => never {
  return (error) => {
    const reason =
      systemErrorCode(error) === 'EADDRINUSE'
        ? 'is in use by another program'
        : `cannot be opened (${systemErrorText(error)})`;
    throw new OperatorError(`the internal socket ${path} ${reason}: choose another with --internal-socket`, {
      cause: error,
    });
  };
}

/** Turns the system's refusal of a port into words. */
function explainListen(what: string, port: number, option: string): (error: unknown) => never {
  return (error) => {
    if (error instanceof OperatorError) throw error;
    const code = systemErrorCode(error);
    const reason =
      code === 'EADDRINUSE'
        ? 'is in use by another program: stop it, or choose another port'
        : code === 'EACCES'
          ? 'needs the right to open ports below 1024: run as root, or choose a higher port'
          : `cannot be opened (${systemErrorText(error)}): choose another port or address`;
    throw new OperatorError(`the ${what} port ${port} ${reason} with ${option} (0 lets the system choose)`, {
      cause: error,
    });
  };
}
