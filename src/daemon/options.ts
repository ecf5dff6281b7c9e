/** Command line of the daemon. */

import { isIP } from 'node:net';
import { parseArgs } from 'node:util';
import { OperatorError } from '#src/config/errors.ts';

export interface DaemonOptions {
  readonly state: string;
  readonly listen: string;
  /** 0: chosen by the system, as with the other ports. */
  readonly rpcPort: number;
  readonly consolePort: number;
  readonly webPort: number;
  /** Number of emulated devices. */
  readonly devices: number;
  /** Paths of the serial ports of boards. */
  readonly serialPorts: readonly string[];
  /** Path of the Unix socket for tools on the appliance; `undefined`: in the state folder. */
  readonly internalSocket: string | undefined;
  /** Milliseconds between the start of the devices and the opening of the ports. */
  readonly settling: number;
  /** Reply to a wrong PIN, in milliseconds; `undefined`: the device's five seconds. */
  readonly pinDelayMs: number | undefined;
  readonly verbose: boolean;
}

/** The settling time of the vendor's appliance is half a minute; ours shows the start LEDs for a moment. */
const SETTLING = 3000;
const MAX_DEVICES = 16;
const MAX_PIN_DELAY = 600_000;

export const USAGE = `Usage: dks-hsmd [options]

  --state DIR          state folder: keys, settings, TLS key, log (default /var/lib/dks-hsm)
  --listen ADDRESS     address to listen on (default 0.0.0.0)
  --rpc-port N         port of the PKCS#11 clients (default 8080); 0 lets the system choose
  --console-port N     port of the setup console (default 8081)
  --web-port N         port of the status page (default 80)
  --devices N          number of emulated devices, 1 to ${MAX_DEVICES} (default 2)
  --device serial:PATH a CrypTech board on a serial port, e.g. serial:/dev/ttyUSB0; may be repeated. Then there are no
                       emulated devices unless --devices is given as well
  --internal-socket PATH
                       Unix socket for tools on this machine, only for the daemon's user
                       (default DIR/run/.cryptech_muxd.rpc)
  --no-delay           open the ports as soon as the devices are ready, without the settling time
  --pin-delay-ms N     delay of the reply to a wrong PIN (default 5000); shorter ones are for tests only
  --verbose            log more
  --help               show this
`;

const OPTIONS = {
  state: { type: 'string', default: '/var/lib/dks-hsm' },
  listen: { type: 'string', default: '0.0.0.0' },
  'rpc-port': { type: 'string', default: '8080' },
  'console-port': { type: 'string', default: '8081' },
  'web-port': { type: 'string', default: '80' },
  devices: { type: 'string' },
  device: { type: 'string', multiple: true },
  'internal-socket': { type: 'string' },
  'no-delay': { type: 'boolean', default: false },
  'pin-delay-ms': { type: 'string' },
  verbose: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const;

/**
 * @returns `help` if that is asked for
 * @throws OperatorError naming the option and what it takes
 */
export function readOptions(args: readonly string[]): DaemonOptions | 'help' {
  const values = parse(args);
  if (values.help) return 'help';
  if (isIP(values.listen) === 0) throw new OperatorError(`--listen takes an IP address, not "${values.listen}"`);
  if (values.state === '') throw new OperatorError('--state takes a folder');
  const pinDelay = values['pin-delay-ms'];
  return {
    state: values.state,
    listen: values.listen,
    rpcPort: number('rpc-port', values['rpc-port'], 0, 65_535),
    consolePort: number('console-port', values['console-port'], 0, 65_535),
    webPort: number('web-port', values['web-port'], 0, 65_535),
    ...devices(values.devices, values.device ?? []),
    internalSocket: socketPath(values['internal-socket']),
    settling: values['no-delay'] ? 0 : SETTLING,
    pinDelayMs: pinDelay === undefined ? undefined : number('pin-delay-ms', pinDelay, 0, MAX_PIN_DELAY),
    verbose: values.verbose,
  };
}

/** Boards take the place of emulated devices unless both are asked for. */
function devices(emulated: string | undefined, boards: readonly string[]) {
  const serialPorts = boards.map((board) => {
    const [, path] = /^serial:(\/.*)$/.exec(board) ?? [];
    if (path === undefined) throw new OperatorError(`--device takes serial:PATH with a full path, not "${board}"`);
    return path;
  });
  if (new Set(serialPorts).size < serialPorts.length) throw new OperatorError('--device names a serial port twice');
  const least = serialPorts.length > 0 ? 0 : 1;
  const most = MAX_DEVICES - serialPorts.length;
  if (most < 0) throw new OperatorError(`there are at most ${MAX_DEVICES} devices`);
  const count = emulated ?? (serialPorts.length > 0 ? '0' : '2');
  return { devices: number('devices', count, least, most), serialPorts };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, strict: true, allowPositionals: false }).values;
  } catch (error) {
    const names = Object.keys(OPTIONS).map((name) => `--${name}`);
    const [problem] = (error instanceof Error ? error.message : String(error)).split('. ');
    throw new OperatorError(`${problem}\nValid options: ${names.join(' ')}`, { cause: error });
  }
}

/** A longer path does not fit the system's structure (sockaddr_un) and would be cut. */
const MAX_SOCKET_PATH = 107;

function socketPath(path: string | undefined): string | undefined {
  if (path === undefined) return undefined;
  if (path === '' || Buffer.byteLength(path) > MAX_SOCKET_PATH) {
    throw new OperatorError(`--internal-socket takes a path of at most ${MAX_SOCKET_PATH} bytes`);
  }
  return path;
}

function number(name: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (!/^\d{1,9}$/.test(text) || value < least || value > most) {
    throw new OperatorError(`--${name} takes a number from ${least} to ${most}, not "${text}"`);
  }
  return value;
}
