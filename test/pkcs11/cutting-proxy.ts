/** Stands between a program and its appliance, and does what networks do: resets, ends, and silence without a word. */

import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/**
 * `reset` sends RST, `end` sends FIN. The silences close nothing: what is sent is acknowledged and vanishes, both ways, or
 * only on the way to the appliance, or only on the way back.
 */
export type Cut = 'reset' | 'end' | 'silence' | 'silent requests' | 'silent replies';

interface Pair {
  readonly client: Socket;
  readonly upstream: Socket;
  deaf: boolean;
  dumb: boolean;
}

export class CuttingProxy {
  /** Connections accepted. */
  connections = 0;
  /** Cuts made. */
  cuts = 0;
  /** What becomes of new connections: passed on, accepted without any answer, or reset. */
  arrivals: 'pass' | 'silence' | 'reset' = 'pass';
  /** After how many bytes from the client a new connection is cut, and how; none if undefined. */
  plan: (() => { readonly bytes: number; readonly cut: Cut } | undefined) | undefined;
  readonly #target: () => number;
  readonly #pairs = new Set<Pair>();
  readonly #held = new Set<Socket>();
  readonly #server: Server;

  private constructor(target: () => number) {
    this.#target = target;
    this.#server = createServer((socket) => this.#accept(socket));
  }

  /** @param target the port of the appliance, which may change */
  static async start(target: () => number): Promise<CuttingProxy> {
    const proxy = new CuttingProxy(target);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Cuts all connections there are. */
  cut(how: Cut): void {
    for (const pair of this.#pairs) this.#cut(pair, how);
  }

  close(): void {
    this.#server.close();
    for (const { client, upstream } of this.#pairs) for (const socket of [client, upstream]) socket.destroy();
    for (const socket of this.#held) socket.destroy();
  }

  #accept(client: Socket): void {
    this.connections++;
    client.on('error', () => {});
    if (this.arrivals === 'reset') {
      client.resetAndDestroy();
      return;
    }
    if (this.arrivals === 'silence') {
      this.#held.add(client);
      client.on('close', () => this.#held.delete(client));
      client.resume();
      return;
    }
    const pair: Pair = { client, upstream: connect(this.#target(), '127.0.0.1'), deaf: false, dumb: false };
    const plan = this.plan?.();
    let left = plan?.bytes ?? Infinity;
    this.#pairs.add(pair);
    for (const socket of [client, pair.upstream]) {
      socket.setNoDelay(true);
      socket.on('error', () => {});
      socket.on('close', () => {
        this.#pairs.delete(pair);
        pair.client.destroy();
        // A silent network does not tell the appliance that the client is gone.
        if (!pair.deaf) pair.upstream.destroy();
      });
    }
    client.on('data', (chunk) => {
      const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
      if (!pair.deaf) pair.upstream.write(bytes.subarray(0, Math.max(0, left)));
      left -= bytes.length;
      if (plan && left <= 0) {
        left = Infinity;
        this.#cut(pair, plan.cut);
      }
    });
    pair.upstream.on('data', (chunk) => {
      if (!pair.dumb) client.write(chunk);
    });
  }

  #cut(pair: Pair, how: Cut): void {
    this.cuts++;
    if (how === 'silence' || how === 'silent requests') pair.deaf = true;
    if (how === 'silence' || how === 'silent replies') pair.dumb = true;
    if (how === 'reset') pair.client.resetAndDestroy();
    if (how === 'end') pair.client.end();
  }
}
