/** Port 8081: the management console, one operator at a time. */

import type { AddressInfo } from 'node:net';
import { createServer, type TLSSocket } from 'node:tls';
import type { Log } from '#src/audit/log.ts';
import { OperatorError, systemErrorCode, systemErrorText } from '#src/config/errors.ts';
import type { Settings } from '#src/config/settings.ts';
import type { ConsoleFleet, Identity, ShutdownKind } from './command.ts';
import { ConsoleSession } from './session.ts';
import { Terminal } from './terminal.ts';

/** The vendor's client shows at most 1023 bytes of a TLS record and hangs on longer ones. */
const MAX_RECORD = 1000;

/** TCP keep-alive: a dead client must not block the console for ever. Milliseconds. */
const KEEP_ALIVE_IDLE = 60_000;
const HANDSHAKE_TIMEOUT = 20_000;

/** Connections that are in their handshake or being refused, beside the one console. */
const MAX_CONNECTIONS = 32;

const BUSY = '[Console already in use, sorry]\n';
const REFUSAL_TIMEOUT = 2000;

export interface ConsoleOptions {
  readonly host: string;
  /** 0: chosen by the system. */
  readonly port: number;
  readonly tls: { readonly keyPem: string; readonly certPem: string };
  readonly fleet: ConsoleFleet;
  readonly settings: Settings;
  readonly identity: Identity;
  /** Called after the operator's `shutdown` when the console is closed already. */
  shutdown(kind: ShutdownKind): void;
  readonly log: Log;
}

export interface ConsoleServer {
  readonly port: number;
  /** Says good-bye to the operator and stops listening. */
  close(): Promise<void>;
}

/** @throws OperatorError if the port cannot be used */
export async function startConsole(options: ConsoleOptions): Promise<ConsoleServer> {
  const { log } = options;
  let attached: Terminal | undefined;
  const sockets = new Set<TLSSocket>();

  const server = createServer({
    key: options.tls.keyPem,
    cert: options.tls.certPem,
    minVersion: 'TLSv1.2',
    // The vendor's clients break when TLS 1.3 is negotiated.
    maxVersion: 'TLSv1.2',
    handshakeTimeout: HANDSHAKE_TIMEOUT,
    keepAlive: true,
    keepAliveInitialDelay: KEEP_ALIVE_IDLE,
    noDelay: true,
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.on('tlsClientError', (error) => log.debug(`console handshake failed: ${error.message}`));

  server.on('secureConnection', (socket) => {
    const peer = `${socket.remoteAddress}:${socket.remotePort}`;
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    socket.on('error', (error) => log.debug(`console connection of ${peer}: ${error.message}`));
    socket.setMaxSendFragment(MAX_RECORD);
    if (attached !== undefined) {
      log.info(`console refused to ${peer}: in use`);
      refuse(socket);
      return;
    }
    const terminal = new Terminal(socket);
    attached = terminal;
    log.info(`console opened by ${peer}`);
    let isReleased = false;
    const release = (): void => {
      if (isReleased) return;
      isReleased = true;
      attached = undefined;
      log.info(`console of ${peer} closed`);
      // The client has gone or was told to; nothing more is expected from it.
      socket.end();
    };
    socket.once('end', release);
    socket.once('close', release);
    const idleMinutes = options.settings.get('x_console_idle_minutes');
    if (idleMinutes > 0) {
      socket.setTimeout(idleMinutes * 60_000, () => {
        void terminal.close(`No key was pressed for ${idleMinutes} minutes.`);
      });
    }
    void new ConsoleSession(terminal, options).run();
  });

  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(listenError(options.port, error)));
    server.listen(options.port, options.host, resolve);
  });
  server.on('error', (error) => log.error(`console: ${error.message}`));

  // listen() on a TCP port gives an address object.
  const { port } = server.address() as AddressInfo;
  return {
    port,
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      await attached?.close('The HSM is shutting down.');
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

function refuse(socket: TLSSocket): void {
  socket.resume();
  socket.end(BUSY);
  setTimeout(() => socket.destroy(), REFUSAL_TIMEOUT).unref();
}

function listenError(port: number, error: Error): OperatorError {
  const text =
    systemErrorCode(error) === 'EADDRINUSE'
      ? `the console port ${port} is in use by another program: stop it or choose another with --console-port`
      : `the console port ${port} cannot be opened: ${systemErrorText(error)}`;
  return new OperatorError(text, { cause: error });
}
