/** The status page on port 80 (manual section 6): plain HTTP, no login, nothing to change and nothing secret. */

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo } from 'node:net';

import { type Log } from '#src/audit/log.ts';

import { LOGO_SVG, STYLE_CSS } from './assets.ts';
import { type StatusReport } from './status-report.ts';
import { statusJson, statusPage } from './status-page.ts';

/** How the daemon wires the page: `status` is asked at each request, so that the page never shows an old state. */
export interface WebOptions {
  readonly host: string;
  /** 0: chosen by the system. */
  readonly port: number;
  status(): StatusReport;
  readonly log: Log;
}

export interface WebServer {
  readonly port: number;
  close(): Promise<void>;
}

/** Anybody on the network may connect: few connections, short requests, short patience. Times in ms, sizes in bytes. */
const LIMITS = {
  connections: 64,
  headerBytes: 8192,
  headers: 5_000,
  request: 10_000,
  idle: 5_000,
  requestsPerConnection: 100,
} as const;

const COMMON_HEADERS = {
  'Content-Security-Policy': "default-src 'self'; frame-ancestors 'none'",
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cache-Control': 'no-store',
} as const;

interface Content {
  readonly type: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export async function startWeb({ host, port, status, log }: WebOptions): Promise<WebServer> {
  const contents = new Map<string, () => Content>([
    [
      '/',
      // The page has no script: the browser itself asks again.
      () => ({ type: 'text/html; charset=utf-8', body: statusPage(status()), headers: { Refresh: '10' } }),
    ],
    ['/status.json', () => ({ type: 'application/json', body: statusJson(status()) })],
    ['/style.css', () => ({ type: 'text/css; charset=utf-8', body: STYLE_CSS })],
    ['/logo.svg', () => ({ type: 'image/svg+xml', body: LOGO_SVG })],
  ]);

  const server = createServer(
    {
      maxHeaderSize: LIMITS.headerBytes,
      headersTimeout: LIMITS.headers,
      requestTimeout: LIMITS.request,
      keepAliveTimeout: LIMITS.idle,
      connectionsCheckingInterval: 1_000,
    },
    (request, response) => answer(request, response, contents, log),
  );
  server.maxConnections = LIMITS.connections;
  server.maxRequestsPerSocket = LIMITS.requestsPerConnection;

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
  server.on('error', (error) => log.error(`status page: ${error.message}`));

  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function answer(
  request: IncomingMessage,
  response: ServerResponse,
  contents: ReadonlyMap<string, () => Content>,
  log: Log,
): void {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    send(request, response, 405, text('Only GET and HEAD are served here.\n'), { Allow: 'GET, HEAD' });
    return;
  }
  const [path = ''] = (request.url ?? '').split('?', 1);
  const content = contents.get(path);
  if (content === undefined) {
    send(request, response, 404, text('There is no such page. The status page is at /.\n'));
    return;
  }
  try {
    send(request, response, 200, content());
  } catch (error) {
    log.error(`status page: ${error instanceof Error ? error.message : String(error)}`);
    send(request, response, 500, text('The state of the HSM cannot be told.\n'));
  }
}

function text(body: string): Content {
  return { type: 'text/plain; charset=utf-8', body };
}

function send(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  { type, body, headers }: Content,
  extra: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, {
    ...COMMON_HEADERS,
    ...headers,
    ...extra,
    'Content-Type': type,
    'Content-Length': Buffer.byteLength(body),
    // A request that brings a body is not read any further.
    ...(request.headers['content-length'] !== undefined || request.headers['transfer-encoding'] !== undefined
      ? { Connection: 'close' }
      : {}),
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}
