/** A client of port 8080 for tests: vendor style (TLS 1.2, one request at a time) or ours (TLS 1.3 by ALPN, HELLO, many in flight). */

import { once } from 'node:events';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { User } from '#src/wire/enumerations.ts';
import {
  type ArgsOf,
  decodeResults,
  encodeRequest,
  readHeader,
  readStatus,
  type ResultsOf,
} from '#src/wire/message.ts';
import { type OperationName } from '#src/wire/operations.ts';
import { encodeFrame, SlipDecoder } from '#src/wire/slip.ts';
import { HalError } from '#src/wire/status.ts';

const MAX_FRAME = 4 * 1024 * 1024;

interface Waiting {
  resolve(reply: Uint8Array): void;
  reject(error: Error): void;
}

export class RpcClient {
  readonly socket: TLSSocket;
  /** All bytes received, as they came. */
  received: Uint8Array[] = [];
  readonly #decoder = new SlipDecoder(MAX_FRAME);
  /** By client word. */
  readonly #waiting = new Map<number, Waiting[]>();
  #next = 1;

  private constructor(socket: TLSSocket) {
    this.socket = socket;
    socket.on('data', (chunk: Uint8Array) => {
      this.received.push(chunk);
      this.#decoder.push(chunk, (reply) => {
        const header = readHeader(reply);
        this.#waiting
          .get(header?.client ?? 0)
          ?.shift()
          ?.resolve(reply.slice());
      });
    });
    socket.on('error', () => {});
    socket.once('close', () => {
      for (const list of this.#waiting.values())
        for (const { reject } of list) reject(new HalError('RPC_TRANSPORT', 'closed'));
    });
  }

  static async connect(port: number, options: ConnectionOptions): Promise<RpcClient> {
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ...options });
    socket.setNoDelay(true);
    await once(socket, 'secureConnect');
    return new RpcClient(socket);
  }

  /** A vendor client: no ALPN, any TLS version. */
  static vendor(port: number): Promise<RpcClient> {
    return RpcClient.connect(port, {});
  }

  /** A client of ours. @param application random name, 16 bytes */
  static async own(port: number, application = crypto.getRandomValues(new Uint8Array(16))): Promise<RpcClient> {
    const client = await RpcClient.connect(port, { ALPNProtocols: ['dks-rpc/1'] });
    await client.call('HELLO', { version: 1, application, name: 'test' });
    return client;
  }

  /** Logs in as user. */
  login(pin: string, user: User = User.NORMAL): Promise<unknown> {
    return this.call('LOGIN', { user, pin: new TextEncoder().encode(pin) });
  }

  async call<N extends OperationName>(name: N, args: ArgsOf<N>): Promise<ResultsOf<N>> {
    return decodeResults(name, await this.exchange(encodeRequest(name, this.#next++, args)));
  }

  /** The status of a call: 0 for success. */
  async status<N extends OperationName>(name: N, args: ArgsOf<N>): Promise<number> {
    return readStatus(await this.exchange(encodeRequest(name, this.#next++, args)));
  }

  /** Sends a message and gives the reply with the same client word. */
  exchange(message: Uint8Array): Promise<Uint8Array> {
    const reply = this.replyTo(readHeader(message)?.client ?? 0);
    this.socket.write(encodeFrame(message));
    return reply;
  }

  /** The next reply with a client word. */
  replyTo(client: number): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      const list = this.#waiting.get(client) ?? [];
      this.#waiting.set(client, [...list, { resolve, reject }]);
    });
  }

  async close(): Promise<void> {
    if (this.socket.closed) return;
    const closed = once(this.socket, 'close');
    this.socket.destroy();
    await closed;
  }
}
