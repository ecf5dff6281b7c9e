/** The TLS listener: TLS 1.2 for vendor clients, which break on the session tickets of 1.3; 1.3 for clients that offer our ALPN name. */

import { constants } from 'node:crypto';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { createSecureContext, type SecureContext, TLSSocket } from 'node:tls';
import { type Log } from '#src/audit/log.ts';
import { type HalError } from '#src/wire/status.ts';
import { parseClientHello } from './client-hello.ts';
import { UnfinishedConnections } from './unfinished.ts';

/** ALPN name (RFC 7301) by which our own clients ask for TLS 1.3. */
const ALPN_NAME = 'dks-rpc/1';

const LIMITS = { perAddress: 256, total: 1024 } as const;
/** Finds peers that vanished; an idle peer may stay for weeks. Milliseconds. */
const KEEP_ALIVE = 60_000;

/** AES-128 first: with the processor's AES instructions it costs least per record. ECDHE or DHE with AEAD, as the vendor's client offers. */
const TLS12_CIPHERS = [
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-CHACHA20-POLY1305',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'DHE-RSA-AES128-GCM-SHA256',
  'DHE-RSA-AES256-GCM-SHA384',
].join(':');
const TLS13_CIPHERS = 'TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256';
const SECURE_OPTIONS = constants.SSL_OP_NO_TICKET | constants.SSL_OP_CIPHER_SERVER_PREFERENCE;

export interface TlsIdentity {
  readonly keyPem: string;
  readonly certPem: string;
}

export interface TlsListenerOptions {
  readonly host: string;
  readonly port: number;
  readonly tls: TlsIdentity;
  readonly log: Log;
  /** Asked when a connection is accepted: its handshake may come hours later. */
  refusalAtAccept(): HalError | undefined;
  /** A connection whose handshake is finished, and what was said when it was accepted. */
  onConnection(socket: TLSSocket, offersOurs: boolean, refusal: HalError | undefined): void;
}

export interface TlsListener {
  readonly port: number;
  /** Stops accepting and drops the connections without a finished handshake. */
  close(): void;
}

export async function startTlsListener(options: TlsListenerOptions): Promise<TlsListener> {
  const { keyPem: key, certPem: cert } = options.tls;
  const vendorContext = createSecureContext({
    key,
    cert,
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.2',
    ciphers: TLS12_CIPHERS,
    dhparam: 'auto',
    secureOptions: SECURE_OPTIONS,
  });
  const ownContext = createSecureContext({
    key,
    cert,
    minVersion: 'TLSv1.3',
    maxVersion: 'TLSv1.3',
    ciphers: TLS13_CIPHERS,
    secureOptions: SECURE_OPTIONS,
  });
  const unfinished = new UnfinishedConnections(LIMITS);

  const server = createServer({ noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE }, (socket) => {
    unfinished.add(socket);
    const refusal = options.refusalAtAccept();
    socket.on('error', (error) => options.log.debug(`${socket.remoteAddress}: ${error.message}`));
    readClientHello(socket, (alpn) => {
      const offersOurs = alpn.includes(ALPN_NAME);
      startTls(socket, offersOurs ? ownContext : vendorContext, offersOurs, refusal);
    });
  });

  function startTls(
    socket: Socket,
    secureContext: SecureContext,
    offersOurs: boolean,
    refusal: HalError | undefined,
  ): void {
    const secure = new TLSSocket(socket, {
      isServer: true,
      secureContext,
      ...(offersOurs ? { ALPNProtocols: [ALPN_NAME] } : {}),
    });
    secure.on('error', (error) => options.log.debug(`${socket.remoteAddress}: ${error.message}`));
    // Where no `tls.Server` is in charge, a record that does not decrypt is told by this event only, and the socket stays open.
    secure.on('_tlsError', (error: Error) => secure.destroy(error));
    secure.once('secure', () => {
      unfinished.remove(socket);
      options.onConnection(secure, offersOurs, refusal);
    });
    secure.once('close', () => socket.destroy());
  }

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, () => {
      server.off('error', reject);
      resolve();
    });
  });
  server.on('error', (error) => options.log.error(`listener: ${error.message}`));
  return {
    port: (server.address() as AddressInfo).port,
    close() {
      server.close();
      unfinished.destroyAll();
    },
  };
}

/** Reads until the ClientHello is complete and puts the bytes back; anything else ends the connection. */
function readClientHello(socket: Socket, then: (alpn: string[]) => void): void {
  let bytes: Uint8Array = new Uint8Array(0);
  const onData = (chunk: Uint8Array): void => {
    bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk]);
    const result = parseClientHello(bytes);
    if (result.kind === 'more') return;
    socket.off('data', onData);
    if (result.kind === 'garbage') {
      socket.destroy();
      return;
    }
    socket.pause();
    socket.unshift(bytes);
    then(result.alpn);
  };
  socket.on('data', onData);
}
