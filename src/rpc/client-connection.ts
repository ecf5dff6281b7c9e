/**
 * One connection, by TLS or by the internal socket: frames in, replies out.
 *
 *   vendor ──HELLO──► multiplexed      vendor: one request at a time, replies in order
 *                                      multiplexed: replies as they are ready
 */

import { type Socket } from 'node:net';
import { type FleetConnection } from '#src/fleet/fleet.ts';
import { type Application } from '#src/token/application.ts';
import { type Token } from '#src/token/token.ts';
import { Limits } from '#src/wire/enumerations.ts';
import { type ArgsOf, encodeError, type Header, readHeader } from '#src/wire/message.ts';
import { operations } from '#src/wire/operations.ts';
import { SlipDecoder } from '#src/wire/slip.ts';
import { HalError, HalStatus } from '#src/wire/status.ts';
import { type Caller, type Dispatcher } from './dispatcher.ts';
import { OWN_ENDS, ReplyWriter, VENDOR_ENDS } from './reply-writer.ts';
import { VendorSession } from './vendor/session.ts';

/** Requests in progress, their bytes, and bytes the client has not taken yet, at which reading stops until they are fewer. */
const MAX_RUNNING = 1024;
const MAX_HELD = 4 * 1024 * 1024;
const MAX_UNSENT = 1024 * 1024;
/** A client that sends so much at once writes in large pieces and needs no nudge. */
const NUDGE_MAX = 512;

/** Requests with a PIN or perhaps the value of a key: no copy of them stays. */
const SECRET = new Set<number>([
  operations.LOGIN.code,
  operations.SET_PIN.code,
  operations.CONTEXT_LOGIN.code,
  operations.PIN_CHANGE.code,
  operations.TOKEN_INITIALIZE.code,
  operations.OBJECT_CREATE.code,
]);

export interface ClientServices {
  readonly dispatcher: Dispatcher;
  readonly token: Token;
}

export class ClientConnection implements Caller {
  readonly session: VendorSession;
  /** Settles when everything the connection had on the devices is given back. */
  readonly ended: Promise<void>;
  application: Application | undefined;
  /** So many have come. */
  requests = 0;
  readonly #socket: Socket;
  readonly #services: ClientServices;
  readonly #decoder: SlipDecoder;
  readonly #writer: ReplyWriter;
  /** Requests that wait: vendor ones for the one before, so that replies keep their order; any until replies are taken. */
  readonly #queue: (() => void)[] = [];
  readonly #nudges: boolean;
  #running = 0;
  /** Bytes of requests in progress or in the queue. */
  #held = 0;
  #nudgePlanned = false;
  /** The last chunk ended within a frame, be it that only its leading END has arrived. */
  #frameOpen = false;
  /** The chunk at hand holds a PIN or the value of a key. */
  #secret = false;
  /** Frames in the chunk at hand. */
  #frames = 0;
  #stopped = false;
  #onIdle: (() => void) | undefined;

  /** @param offersOurs the client named our protocol in its TLS handshake */
  constructor(socket: Socket, session: VendorSession, offersOurs: boolean, services: ClientServices) {
    this.#socket = socket;
    this.session = session;
    this.#services = services;
    this.#nudges = !offersOurs && !session.internal;
    this.#decoder = new SlipDecoder(offersOurs ? Limits.ownMessage : Limits.request);
    this.#writer = new ReplyWriter(socket, VENDOR_ENDS);
    this.ended = new Promise((resolve) => {
      socket.once('close', () => resolve(this.#end()));
    });
    socket.on('data', (chunk: Uint8Array) => this.#onData(chunk));
    socket.on('drain', () => this.#afterReply());
    // The vendor's library ends TLS but leaves the TCP connection open.
    socket.once('end', () => socket.destroySoon());
  }

  get #connection(): FleetConnection {
    return this.session.connection;
  }

  /** {@link Caller} */
  hello(args: ArgsOf<'HELLO'>): Application {
    if (this.application) throw new HalError('RPC_PROTOCOL_ERROR', 'HELLO comes once');
    this.application = this.#services.token.application(this.#connection, args);
    this.#writer.setLeadingEnds(OWN_ENDS);
    return this.application;
  }

  /** {@link Caller} */
  drop(): void {
    this.#stopped = true;
    this.#socket.pause();
    this.#writer.flush();
    this.#socket.destroySoon();
  }

  /** Answers the requests at hand, then closes the connection. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#socket.pause();
    await this.#idle();
    this.#writer.flush();
    this.#socket.destroySoon();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #onData(chunk: Uint8Array): void {
    this.#secret = false;
    this.#frames = 0;
    this.#frameOpen = true;
    this.#decoder.push(chunk, this.#onFrame, ({ head }) => this.#onOversize(head));
    // Another request of the chunk may still be at work with it. The frame itself is wiped already.
    if (this.#secret && this.#frames === 1) chunk.fill(0);
    if (this.#decoder.pending > 0) this.#frameOpen = true;
    if (this.#frameOpen && this.#nudges && chunk.length <= NUDGE_MAX) this.#planNudge();
    this.#throttle();
  }

  readonly #onFrame = (frame: Uint8Array): void => {
    this.#frameOpen = false;
    this.#frames++;
    this.requests++;
    const header = readHeader(frame);
    if (!header) return;
    const isSecret = SECRET.has(header.code);
    if (this.#mustWait() || isSecret) {
      // The frame is used later than the chunk lives.
      const copy = frame.slice();
      this.#held += copy.length;
      this.#inOrder(() => {
        this.#held -= copy.length;
        this.#perform(header, copy, isSecret);
      });
    } else {
      this.#perform(header, frame, false);
    }
    if (isSecret) {
      this.#secret = true;
      frame.fill(0);
    }
  };

  #onOversize(head: Uint8Array): void {
    this.#frameOpen = false;
    const header = readHeader(head);
    if (!header) return;
    this.#inOrder(() => this.#reply(encodeError(header.code, header.client, HalStatus.RPC_PACKET_OVERFLOW)));
  }

  #mustWait(): boolean {
    return this.#queue.length > 0 || this.#congested || (this.#running > 0 && this.application === undefined);
  }

  /** The client does not take its replies: a few requests could otherwise fill the memory with long ones. */
  get #congested(): boolean {
    return this.#writer.pending + this.#socket.writableLength > MAX_UNSENT;
  }

  #inOrder(work: () => void): void {
    if (this.#mustWait()) this.#queue.push(work);
    else work();
  }

  #perform(header: Header, frame: Uint8Array, isSecret: boolean): void {
    this.#running++;
    this.#held += frame.length;
    let isAtOnce = true;
    this.#services.dispatcher.answer(this, header, frame, (reply) => {
      this.#running--;
      this.#held -= frame.length;
      if (isSecret) frame.fill(0);
      this.#reply(reply);
      // What waits is looked at by whoever made this one wait.
      if (!isAtOnce) this.#afterReply();
    });
    isAtOnce = false;
  }

  #afterReply(): void {
    while (this.#queue.length > 0 && !this.#congested && (this.#running === 0 || this.application)) {
      this.#queue.shift()?.();
    }
    this.#throttle();
    if (this.#running === 0) this.#onIdle?.();
  }

  #reply(message: Uint8Array): void {
    this.#writer.add(message);
  }

  /**
   * The vendor's client sends a frame byte by byte, with Nagle's algorithm: its second packet waits for an acknowledgement,
   * which the kernel delays by 40 ms unless there is something to send. One nudge for all records of a turn is enough.
   */
  #planNudge(): void {
    if (this.#nudgePlanned) return;
    this.#nudgePlanned = true;
    setImmediate(() => {
      this.#nudgePlanned = false;
      if (this.#frameOpen && this.#socket.writable) this.#writer.nudge();
    });
  }

  /** Stops reading from a client that sends faster than it is served, or does not take its replies. */
  #throttle(): void {
    if (this.#stopped) return;
    const busy = this.#running + this.#queue.length >= MAX_RUNNING || this.#held > MAX_HELD || this.#congested;
    if (busy === this.#socket.isPaused()) return;
    if (busy) this.#socket.pause();
    else this.#socket.resume();
  }

  async #end(): Promise<void> {
    this.#stopped = true;
    this.#queue.length = 0;
    this.session.closed = true;
    this.session.handles.clear();
    this.session.digests.clear();
    if (this.application) {
      this.#services.token.disconnected(this.application);
      return;
    }
    // A key that is being made needs the login until it is destroyed again.
    await this.#idle();
    await this.#connection.close();
  }

  async #idle(): Promise<void> {
    if (this.#running === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const before = this.#onIdle;
    this.#onIdle = () => {
      before?.();
      resolve();
    };
    await promise;
  }
}
