/** Port 8080: the vendor's RPC protocol and our own functions over TLS. */

import { type Log } from '#src/audit/log.ts';
import { type Fleet } from '#src/fleet/fleet.ts';
import { type Token } from '#src/token/token.ts';
import { ClientConnection } from './client-connection.ts';
import { Dispatcher } from './dispatcher.ts';
import { startTlsListener, type TlsIdentity } from './tls-listener.ts';
import { type RpcSettings, VendorSession } from './vendor/session.ts';

/** How long requests in progress may take when the appliance shuts down, in milliseconds. */
const SHUTDOWN_PATIENCE = 10_000;

/** The manual's defaults of ENABLE_EXPORTABLE_PRIVATE_KEYS and ENABLE_KEY_EXPORT. */
const DEFAULT_SETTINGS: RpcSettings = { exportableKeys: () => false, keyExport: () => false };

export interface RpcOptions {
  readonly host: string;
  /** 0: chosen by the system. */
  readonly port: number;
  readonly tls: TlsIdentity;
  readonly fleet: Fleet;
  readonly token: Token;
  readonly settings?: RpcSettings;
  readonly log: Log;
}

export interface RpcServer {
  readonly port: number;
  /** Connections with a finished handshake. */
  readonly connections: number;
  /** Stops accepting, lets requests in progress end (at most ten seconds), closes all connections. */
  close(): Promise<void>;
}

/** @throws the system's error if the port cannot be used */
export async function startRpc(options: RpcOptions): Promise<RpcServer> {
  const { host, port, tls, fleet, token, log, settings = DEFAULT_SETTINGS } = options;
  const dispatcher = new Dispatcher(fleet, token, log);
  const services = { dispatcher, token };
  const connections = new Set<ClientConnection>();

  const listener = await startTlsListener({
    host,
    port,
    tls,
    log,
    onConnection(socket, offersOurs) {
      const address = (socket.localAddress ?? '').replace(/^::ffff:/, '');
      const session = new VendorSession(fleet, settings, fleet.openConnection(), address);
      const connection = new ClientConnection(socket, session, offersOurs, services);
      const peer = `${socket.remoteAddress}:${socket.remotePort}`;
      log.debug(`${peer} connected, ${socket.getProtocol()}`);
      connections.add(connection);
      void connection.ended
        .catch((error: unknown) => log.warn(`${peer}: ${error instanceof Error ? error.message : 'close failed'}`))
        .then(() => {
          connections.delete(connection);
          log.debug(`${peer} disconnected`);
        });
    },
  });

  return {
    port: listener.port,
    get connections() {
      return connections.size;
    },
    async close() {
      dispatcher.closing = true;
      listener.close();
      const stopped = Promise.all([...connections].map((connection) => connection.stop().then(() => connection.ended)));
      const { promise: deadline, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, SHUTDOWN_PATIENCE);
      await Promise.race([stopped, deadline]);
      clearTimeout(timer);
      for (const connection of connections) connection.destroy();
    },
  };
}
