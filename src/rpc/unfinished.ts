/**
 * Connections that have not finished their TLS handshake. The vendor's library opens the TCP connection long before its
 * first call, so they may wait for days; what is limited is their number.
 */

import { type Socket } from 'node:net';

export interface UnfinishedLimits {
  readonly perAddress: number;
  readonly total: number;
}

export class UnfinishedConnections {
  readonly #limits: UnfinishedLimits;
  /** In order of arrival. */
  readonly #all = new Map<Socket, string>();
  readonly #byAddress = new Map<string, Set<Socket>>();

  constructor(limits: UnfinishedLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#all.size;
  }

  /** Notes a new connection; if there are too many now, the oldest is dropped. */
  add(socket: Socket): void {
    const address = socket.remoteAddress ?? '';
    const same = this.#byAddress.get(address) ?? new Set();
    this.#byAddress.set(address, same.add(socket));
    this.#all.set(socket, address);
    socket.once('close', () => this.remove(socket));
    const [oldest] =
      same.size > this.#limits.perAddress ? same : this.#all.size > this.#limits.total ? this.#all.keys() : [];
    if (!oldest) return;
    this.remove(oldest);
    oldest.destroy();
  }

  /** The handshake is finished, or the connection is gone. */
  remove(socket: Socket): void {
    const address = this.#all.get(socket);
    if (address === undefined) return;
    this.#all.delete(socket);
    const same = this.#byAddress.get(address);
    same?.delete(socket);
    if (same?.size === 0) this.#byAddress.delete(address);
  }

  destroyAll(): void {
    for (const socket of this.#all.keys()) socket.destroy();
  }
}
