/** Port 8080: the vendor's RPC protocol and our own functions over TLS. */

import { type Socket } from 'node:net';
import { type Log } from '#src/audit/log.ts';
import { type Fleet } from '#src/fleet/fleet.ts';
import { type Token } from '#src/token/token.ts';
import { HalStatus } from '#src/wire/status.ts';
import { ClientConnection } from './client-connection.ts';
import { ConnectionLimit } from './connection-limit.ts';
import { Dispatcher } from './dispatcher.ts';
import { type InternalListener, listenInternally } from './internal-listener.ts';
import { startTlsListener, type TlsIdentity } from './tls-listener.ts';
import { type RpcSettings, VendorSession } from './vendor/session.ts';

/** How long requests in progress may take when the appliance shuts down, in milliseconds. */
const SHUTDOWN_PATIENCE = 10_000;

/** More than any installation needs; one host cannot take the places of all others. */
const LIMITS = { perAddress: 1024, total: 4096 } as const;

/** The manual's defaults of ENABLE_EXPORTABLE_PRIVATE_KEYS and ENABLE_KEY_EXPORT. */
const DEFAULT_SETTINGS: RpcSettings = { exportableKeys: () => false, keyExport: () => false, strictVendor: false };

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

export interface InternalOptions {
  readonly path: string;
  /** The appliance's address in the network, for GET_IP. */
  address(): string;
}

export interface RpcServer {
  readonly port: number;
  /** Connections with a finished handshake. */
  readonly connections: number;
  /**
   * Opens the socket for tools on the appliance.
   * @throws the system's error if the path cannot be used
   */
  openInternal(options: InternalOptions): Promise<void>;
  /** Stops accepting, lets requests in progress end (at most ten seconds), closes all connections. */
  close(): Promise<void>;
}

/** @throws the system's error if the port cannot be used */
export async function startRpc(options: RpcOptions): Promise<RpcServer> {
  const { host, port, tls, fleet, token, log, settings = DEFAULT_SETTINGS } = options;
  const dispatcher = new Dispatcher(fleet, token, log);
  const services = { dispatcher, token };
  const connections = new Set<ClientConnection>();
  const limit = new ConnectionLimit(LIMITS);

  const serve = (socket: Socket, session: VendorSession, offersOurs: boolean, peer: string): void => {
    const connection = new ClientConnection(socket, session, offersOurs, services);
    connections.add(connection);
    void connection.ended
      .catch((error: unknown) => log.warn(`${peer}: ${error instanceof Error ? error.message : 'close failed'}`))
      .then(() => {
        connections.delete(connection);
        log.debug(`${peer} disconnected after ${connection.requests} requests`);
      });
  };

  const listener = await startTlsListener({
    host,
    port,
    tls,
    log,
    // Tampering is answered per request by the vendor's appliance too.
    refusalAtAccept() {
      const refusal = dispatcher.refusal();
      return settings.strictVendor && refusal?.status !== HalStatus.TAMPER ? refusal : undefined;
    },
    onConnection(socket, offersOurs, refusal) {
      const address = socket.remoteAddress ?? '';
      if (!limit.enter(address)) {
        log.debug(`${address} refused: too many connections`);
        socket.destroy();
        return;
      }
      socket.once('close', () => limit.leave(address));
      const localAddress = (socket.localAddress ?? '').replace(/^::ffff:/, '');
      const origin = { localAddress, internal: false };
      const session = new VendorSession(fleet, settings, fleet.openConnection(address), origin);
      if (settings.strictVendor && !offersOurs) session.admission = { refusal };
      const peer = `${address}:${socket.remotePort}`;
      log.debug(`${peer} connected, ${socket.getProtocol()}`);
      serve(socket, session, offersOurs, peer);
    },
  });

  let internalListener: InternalListener | undefined;
  const unwatch = fleet.onChange(lockWhenOutOfService(dispatcher, connections, settings, log));

  return {
    port: listener.port,
    get connections() {
      return connections.size;
    },
    async openInternal({ path, address }) {
      internalListener = await listenInternally(path, log, (socket) => {
        const origin = { localAddress: address(), internal: true };
        serve(socket, new VendorSession(fleet, settings, fleet.openConnection('internal'), origin), false, 'internal');
      });
    },
    async close() {
      dispatcher.closing = true;
      unwatch();
      listener.close();
      internalListener?.close();
      const stopped = Promise.all([...connections].map((connection) => connection.stop().then(() => connection.ended)));
      const { promise: deadline, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, SHUTDOWN_PATIENCE);
      await Promise.race([stopped, deadline]);
      clearTimeout(timer);
      for (const connection of connections) connection.destroy();
    },
  };
}

/** Without master key vendor clients lose their logins; clients of ours log in again by themselves when they have to. */
function lockWhenOutOfService(
  dispatcher: Dispatcher,
  connections: ReadonlySet<ClientConnection>,
  settings: RpcSettings,
  log: Log,
): () => void {
  let serving = dispatcher.refusal() === undefined;
  return () => {
    const served = serving;
    serving = dispatcher.refusal() === undefined;
    if (serving || !served || settings.strictVendor) return;
    for (const { session, application } of connections) {
      if (application || session.internal) continue;
      session.lock().catch((error: unknown) => log.warn(error instanceof Error ? error.message : 'logout failed'));
    }
  };
}
