/**
 * A minimal client that writes and reads as the vendor's C library does: every SLIP byte in a write (a TLS record) of its
 * own, replies into a buffer of the size it expects, matched by function code only. It shares no code with the product.
 */

import { once } from 'node:events';
import { connect as connectSocket, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

const END = 0xc0;
const ESC = 0xdb;

/** A number is a word, bytes are an opaque. */
export type Argument = number | Uint8Array;

export interface Reply {
  readonly status: number;
  /** Everything behind the status. */
  readonly results: Results;
}

/** Reads results in wire order. */
export class Results {
  readonly bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  word(): number {
    this.#at += 4;
    return this.bytes.readUInt32BE(this.#at - 4);
  }

  opaque(): Buffer {
    const length = this.word();
    const start = this.#at;
    this.#at += 4 * Math.ceil(length / 4);
    return this.bytes.subarray(start, start + length);
  }

  /** Whether everything was read. */
  get isAtEnd(): boolean {
    return this.#at === this.bytes.length;
  }
}

export class VendorClient {
  readonly socket: Socket;
  /** Bytes that did not fit the buffer for the reply. */
  excess = 0;
  /** ENDs outside of frames: nudges and leading ones. */
  loneEnds = 0;
  #frame: number[] = [];
  #escaped = false;
  #onFrame: (frame: Buffer) => void = () => {};
  #onGone: (error: Error) => void = () => {};

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      for (const byte of chunk) this.#take(byte);
    });
    socket.on('error', () => {});
    socket.on('close', () => this.#onGone(new RangeError('the appliance closed the connection')));
  }

  static async overTls(port: number): Promise<VendorClient> {
    const socket = connectTls({
      host: '127.0.0.1',
      port,
      servername: 'dks-hsm',
      rejectUnauthorized: false,
      maxVersion: 'TLSv1.2',
    });
    await once(socket, 'secureConnect');
    return new VendorClient(socket);
  }

  static async overSocket(path: string): Promise<VendorClient> {
    const socket = connectSocket(path);
    await once(socket, 'connect');
    return new VendorClient(socket);
  }

  /**
   * One call; calls do not overlap.
   * @param room size of the receive buffer in bytes, header included
   */
  async call(code: number, args: readonly Argument[] = [], room = 16_384): Promise<Reply> {
    const message = encode(code, args);
    const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
    let size = room;
    this.#onGone = reject;
    this.#onFrame = (frame) => {
      this.excess += Math.max(0, frame.length - size);
      const received = frame.subarray(0, size);
      if (received.length < 8 || received.readUInt32BE(0) !== code) {
        // The C client goes on with a buffer of the length of what it dropped.
        size = received.length;
        return;
      }
      resolve(received);
    };
    this.#writeByte(END);
    for (const byte of message) {
      if (byte === END || byte === ESC) {
        this.#writeByte(ESC);
        this.#writeByte(byte === END ? 0xdc : 0xdd);
      } else {
        this.#writeByte(byte);
      }
    }
    this.#writeByte(END);
    const reply = await promise;
    return { status: reply.readUInt32BE(8), results: new Results(reply.subarray(12)) };
  }

  /** A call that must succeed. */
  async ok(code: number, args: readonly Argument[] = []): Promise<Results> {
    const { status, results } = await this.call(code, args);
    if (status !== 0) throw new RangeError(`function ${code}: status ${status}`);
    return results;
  }

  login(user: number, pin: string): Promise<Results> {
    return this.ok(3, [user, Buffer.from(pin)]);
  }

  /** As C_Finalize: the end of TLS, but not of the connection below. */
  finalize(): void {
    this.socket.end();
  }

  async close(): Promise<void> {
    if (this.socket.closed) return;
    const closed = once(this.socket, 'close');
    this.socket.destroy();
    await closed;
  }

  #writeByte(byte: number): void {
    this.socket.write(Buffer.of(byte));
  }

  #take(byte: number): void {
    if (byte === END) {
      const frame = Buffer.from(this.#frame);
      this.#frame = [];
      this.#escaped = false;
      if (frame.length > 0) this.#onFrame(frame);
      else this.loneEnds++;
    } else if (this.#escaped) {
      this.#escaped = false;
      this.#frame.push(byte === 0xdc ? END : byte === 0xdd ? ESC : byte);
    } else if (byte === ESC) {
      this.#escaped = true;
    } else {
      this.#frame.push(byte);
    }
  }
}

function encode(code: number, args: readonly Argument[]): Buffer {
  return Buffer.concat([
    word(code),
    word(0),
    ...args.flatMap((arg) => (typeof arg === 'number' ? word(arg) : opaque(arg))),
  ]);
}

function word(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function opaque(value: Uint8Array): Buffer[] {
  return [word(value.length), Buffer.from(value), Buffer.alloc((4 - (value.length % 4)) % 4)];
}
