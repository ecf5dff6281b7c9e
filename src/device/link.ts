/**
 * The device's end of the link to the appliance: requests in, replies out as they are ready. All replies that become
 * ready in one turn of the event loop leave in one write.
 */

import { type Duplex } from 'node:stream';
import { Limits } from '#src/wire/enumerations.ts';
import { encodeError, readHeader } from '#src/wire/message.ts';
import { SlipDecoder, SlipEncoder } from '#src/wire/slip.ts';
import { HalStatus } from '#src/wire/status.ts';

/** Requests in progress, and bytes the appliance has not taken yet, at which reading stops until they are fewer. */
const MAX_RUNNING = 4096;
const MAX_UNSENT = 8 * 1024 * 1024;

/** Answers the requests of a batch, one reply each, in their order. */
export type Answerer = (requests: readonly Uint8Array[]) => (Uint8Array | Promise<Uint8Array>)[];

export class Link {
  /** Settles when the appliance has closed its end or the link has failed. */
  readonly closed: Promise<void>;
  readonly #socket: Duplex;
  readonly #answer: Answerer;
  readonly #decoder = new SlipDecoder(Limits.ownMessage);
  readonly #encoder = new SlipEncoder(1, Buffer.allocUnsafe);
  #running = 0;
  #flushPlanned = false;
  #stopped = false;
  #onIdle: (() => void) | undefined;

  constructor(socket: Duplex, answer: Answerer) {
    this.#socket = socket;
    this.#answer = answer;
    this.closed = new Promise((resolve) => {
      socket.once('end', resolve);
      socket.once('error', () => resolve());
      socket.once('close', resolve);
    });
    socket.on('data', (chunk: Uint8Array) => this.#onData(chunk));
    socket.on('drain', () => this.#throttle());
  }

  /** Stops reading; settles when the requests in progress are answered and the replies are on their way. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#socket.pause();
    if (this.#running > 0) await new Promise<void>((resolve) => (this.#onIdle = resolve));
    this.#flush();
    await new Promise<void>((resolve) => this.#socket.end(resolve));
  }

  #onData(chunk: Uint8Array): void {
    const requests: Uint8Array[] = [];
    this.#decoder.push(
      chunk,
      (request) => requests.push(request),
      ({ head }) => {
        const header = readHeader(head);
        if (header) this.#encoder.append(encodeError(header.code, header.client, HalStatus.RPC_PACKET_OVERFLOW));
      },
    );
    for (const reply of this.#answer(requests)) {
      if (reply instanceof Promise) {
        this.#running += 1;
        void reply.then(this.#onReply);
      } else {
        this.#add(reply);
      }
    }
    // What could be answered at once leaves at once.
    this.#flush();
    this.#throttle();
  }

  readonly #onReply = (reply: Uint8Array): void => {
    this.#running -= 1;
    this.#add(reply);
    if (!this.#flushPlanned) {
      this.#flushPlanned = true;
      setImmediate(this.#onTurnEnd);
    }
  };

  readonly #onTurnEnd = (): void => {
    this.#flushPlanned = false;
    this.#flush();
    this.#throttle();
    if (this.#running === 0) this.#onIdle?.();
  };

  /** A reply may hold a master key: no copy outlives its sending. */
  #add(reply: Uint8Array): void {
    this.#encoder.append(reply);
    reply.fill(0);
  }

  #flush(): void {
    if (this.#encoder.length === 0) return;
    const batch = this.#encoder.take();
    this.#socket.write(batch, () => batch.fill(0));
  }

  #throttle(): void {
    if (this.#stopped) return;
    const busy = this.#running >= MAX_RUNNING || this.#socket.writableLength > MAX_UNSENT;
    if (busy === this.#socket.isPaused()) return;
    if (busy) this.#socket.pause();
    else this.#socket.resume();
  }
}
