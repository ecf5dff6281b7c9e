/** Choice of the ports an instance listens on. */

import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';

import { OperatorError } from '#src/config/errors.ts';

import { type Options } from './options.ts';

/** Demonstrations listen on this machine only. */
export const HOST = '127.0.0.1';

export interface Ports {
  readonly rpcPort: number;
  readonly consolePort: number;
  readonly webPort: number;
}

/** The first choice of a new instance; 80 of the real appliance is often taken and needs root. */
const USUAL: Ports = { rpcPort: 8080, consolePort: 8081, webPort: 8088 };

const OPTION_NAMES = { rpcPort: '--rpc-port', consolePort: '--console-port', webPort: '--web-port' } as const;

/**
 * A port the caller asked for has to be free; one used at the last start, or the usual one, is taken if it is free; else the
 * system chooses.
 */
export async function choosePorts(options: Options, before: Ports | undefined): Promise<Ports> {
  const chosen: number[] = [];
  const choose = async (name: keyof Ports): Promise<number> => {
    const asked = options[name];
    let port: number | undefined;
    if (asked !== undefined) {
      if (chosen.includes(asked)) throw new OperatorError(`${OPTION_NAMES[name]} ${asked}: this port is given twice`);
      port = await tryPort(asked);
      if (port === undefined) {
        throw new OperatorError(
          `${OPTION_NAMES[name]} ${asked}: the port is in use or not allowed; give another, or leave the option out to get a free one`,
        );
      }
    } else {
      const preferred = before?.[name] ?? USUAL[name];
      if (!chosen.includes(preferred)) port = await tryPort(preferred);
      while (port === undefined || chosen.includes(port)) port = await tryPort(0);
    }
    chosen.push(port);
    return port;
  };
  return {
    rpcPort: await choose('rpcPort'),
    consolePort: await choose('consolePort'),
    webPort: await choose('webPort'),
  };
}

/** The port, if one can listen on it now. */
async function tryPort(port: number): Promise<number | undefined> {
  const server = createServer();
  try {
    server.listen({ host: HOST, port, exclusive: true });
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  } catch {
    return undefined;
  } finally {
    server.close();
  }
}
