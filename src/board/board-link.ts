/**
 * Requests and replies on the line to a board. The firmware has no flow control for messages and tells replies apart by
 * client number only: at most four requests are under way, one for each of its dispatch tasks, and never two of one client.
 */

import { type Duplex } from 'node:stream';
import {
  type ArgsOf,
  decodeResults,
  decodeSizeResults,
  encodeRequest,
  readHeader,
  type ResultsOf,
  type SizeResultsOf,
} from '#src/wire/message.ts';
import { type OperationName, operations } from '#src/wire/operations.ts';
import { encodeFrame, SlipDecoder } from '#src/wire/slip.ts';
import { HalError } from '#src/wire/status.ts';
import { type vendorOperations } from '#src/wire/vendor-operations.ts';

export type VendorFunction = keyof typeof vendorOperations & OperationName;

/** Dispatch tasks of the firmware. */
const MAX_IN_FLIGHT = 4;
/** Message buffer of a board (libhal `HAL_RPC_MAX_PKT_SIZE`). It cuts longer requests without a word. */
export const MAX_MESSAGE = 16_384;
const LONE_END = Uint8Array.of(0xc0);

interface Waiting {
  readonly code: number;
  readonly client: number;
  /** Wiped when it is on the line: it may hold a PIN or a key. */
  readonly message: Uint8Array;
  readonly limit: number;
  readonly resolve: (reply: Uint8Array) => void;
  readonly reject: (error: HalError) => void;
  timer?: NodeJS.Timeout;
}

export class BoardLink {
  readonly #port: Duplex;
  readonly #inFlight = new Map<number, Waiting>();
  #waiting: Waiting[] = [];
  #closed = false;
  /** Resolves with the reason when the line is lost or given up, and with the clients whose replies may still come. */
  readonly closed: Promise<{ reason: string; unanswered: ReadonlySet<number> }>;
  readonly #onClosed: (end: { reason: string; unanswered: ReadonlySet<number> }) => void;

  constructor(port: Duplex) {
    const { promise, resolve } = Promise.withResolvers<{ reason: string; unanswered: ReadonlySet<number> }>();
    this.closed = promise;
    this.#onClosed = resolve;
    this.#port = port;
    const decoder = new SlipDecoder(MAX_MESSAGE);
    port.on('data', (chunk: Uint8Array) => decoder.push(chunk, (reply) => this.#receive(reply)));
    for (const event of ['end', 'close', 'error'] as const) port.on(event, () => this.close('the line is gone'));
    port.resume();
  }

  /** @param limit milliseconds from the moment it is sent; a board that takes longer is given up */
  async call<N extends VendorFunction>(name: N, client: number, args: ArgsOf<N>, limit: number): Promise<ResultsOf<N>> {
    return decodeResults(name, await this.#exchange(name, client, args, limit));
  }

  /** A size query. */
  async sizes<N extends VendorFunction>(
    name: N,
    client: number,
    args: ArgsOf<N>,
    limit: number,
  ): Promise<SizeResultsOf<N>> {
    return decodeSizeResults(name, await this.#exchange(name, client, args, limit));
  }

  /** Gives the line up; everything under way fails. */
  close(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    const unanswered = new Set(this.#inFlight.keys());
    for (const request of [...this.#inFlight.values(), ...this.#waiting]) {
      clearTimeout(request.timer);
      request.message.fill(0);
      request.reject(new HalError('IO_TIMEOUT', reason));
    }
    this.#inFlight.clear();
    this.#waiting = [];
    // An END ends whatever the board was reading: the next frame is whole again.
    if (this.#port.writable) this.#port.write(LONE_END);
    this.#port.destroy();
    this.#onClosed({ reason, unanswered });
  }

  #exchange<N extends VendorFunction>(name: N, client: number, args: ArgsOf<N>, limit: number): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      if (this.#closed) {
        reject(new HalError('IO_TIMEOUT', 'the board is not connected'));
        return;
      }
      const message = encodeRequest(name, client, args);
      if (message.length > MAX_MESSAGE) {
        message.fill(0);
        reject(new HalError('RPC_PACKET_OVERFLOW', `${name} of ${message.length} bytes`));
        return;
      }
      const request: Waiting = { code: operations[name].code, client, message, limit, resolve, reject };
      // The sign of life is never behind a queue of signatures.
      if (name === 'GET_VERSION') this.#waiting.unshift(request);
      else this.#waiting.push(request);
      this.#sendNext();
    });
  }

  #sendNext(): void {
    while (this.#inFlight.size < MAX_IN_FLIGHT) {
      const next = this.#waiting.findIndex(({ client }) => !this.#inFlight.has(client));
      if (next < 0) return;
      const [request] = this.#waiting.splice(next, 1) as [Waiting];
      this.#inFlight.set(request.client, request);
      request.timer = setTimeout(() => this.close('a request was not answered in time'), request.limit);
      const frame = encodeFrame(request.message);
      request.message.fill(0);
      this.#port.write(frame, () => frame.fill(0));
    }
  }

  #receive(reply: Uint8Array): void {
    const header = readHeader(reply);
    const request = header && this.#inFlight.get(header.client);
    // Anything else is late, or noise.
    if (!request || request.code !== header.code) return;
    clearTimeout(request.timer);
    this.#inFlight.delete(request.client);
    request.resolve(reply.slice());
    this.#sendNext();
  }
}
