/** The client of the master key holder. */

import { connect, type Socket } from 'node:net';
import { wipe } from '#src/crypto/process-hardening.ts';
import { MasterKeyState } from '#src/wire/enumerations.ts';
import { type ArgsOf, decodeResults, encodeRequest, readHeader, type ResultsOf } from '#src/wire/message.ts';
import { encodeFrame, SlipDecoder } from '#src/wire/slip.ts';
import { HalError } from '#src/wire/status.ts';

type MkmOperation = 'MKM_READ' | 'MKM_WRITE' | 'MKM_TRANSFER_KEY' | 'MKM_SHUTDOWN';

/** The holder only copies 32 bytes: longer than this means that it is stuck. */
const TIMEOUT_MS = 5000;

const MAX_REPLY = 256;

interface Waiting {
  resolve(reply: Uint8Array): void;
  reject(error: HalError): void;
  readonly timer: NodeJS.Timeout;
}

/** One connection to the holder. When it is {@link closed}, connect anew. Every failure is HalError MASTERKEY_FAIL. */
export class MkmClient {
  /** Settles when the connection is gone, for whatever reason. */
  readonly closed: Promise<void>;
  readonly #socket: Socket;
  readonly #waiting = new Map<number, Waiting>();
  #requests = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
    const decoder = new SlipDecoder(MAX_REPLY);
    socket.on('data', (chunk: Buffer) => {
      decoder.push(chunk, (reply) => this.#onReply(reply));
      wipe(chunk);
    });
    socket.on('error', () => {});
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        for (const { reject, timer } of this.#waiting.values()) {
          clearTimeout(timer);
          reject(new HalError('MASTERKEY_FAIL', 'the master key holder closed the connection'));
        }
        this.#waiting.clear();
        resolve();
      });
    });
  }

  static connect(socketPath: string): Promise<MkmClient> {
    return new Promise((resolve, reject) => {
      const socket = connect(socketPath);
      const onError = (error: Error) => reject(new HalError('MASTERKEY_FAIL', error.message));
      socket.once('error', onError);
      socket.once('connect', () => {
        socket.off('error', onError);
        resolve(new MkmClient(socket));
      });
    });
  }

  /** State and content (a copy of its own, to be wiped; empty if not set) of a device's cell. */
  async read(device: number): Promise<{ state: MasterKeyState; key: Uint8Array }> {
    const { state, key } = await this.#call('MKM_READ', { device });
    return { state: state === MasterKeyState.SET ? MasterKeyState.SET : MasterKeyState.NOT_SET, key };
  }

  /** Writes a device's cell; an empty key clears it. */
  async write(device: number, key: Uint8Array): Promise<void> {
    await this.#call('MKM_WRITE', { device, key });
  }

  /** The key under which devices hand keys to each other: a copy of its own, to be wiped. */
  async transferKey(): Promise<Uint8Array> {
    return (await this.#call('MKM_TRANSFER_KEY', {})).key;
  }

  /** Clears all cells and ends the holder. */
  async shutdown(): Promise<void> {
    await this.#call('MKM_SHUTDOWN', {});
    await this.closed;
  }

  /** Lets the process end although the connection is open. */
  unref(): void {
    this.#socket.unref();
  }

  close(): void {
    this.#socket.destroy();
  }

  async #call<N extends MkmOperation>(name: N, args: ArgsOf<N>): Promise<ResultsOf<N>> {
    const request = (this.#requests = (this.#requests + 1) >>> 0);
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
    if (this.#socket.destroyed) throw new HalError('MASTERKEY_FAIL', 'the master key holder closed the connection');
    const timer = setTimeout(() => this.#socket.destroy(), TIMEOUT_MS);
    this.#waiting.set(request, { resolve, reject, timer });
    const payload = encodeRequest(name, request, args);
    const frame = encodeFrame(payload);
    wipe(payload);
    this.#socket.write(frame, () => wipe(frame));
    return decodeResults(name, await promise);
  }

  #onReply(reply: Uint8Array): void {
    const client = readHeader(reply)?.client;
    const waiting = client === undefined ? undefined : this.#waiting.get(client);
    if (client === undefined || waiting === undefined) return;
    this.#waiting.delete(client);
    clearTimeout(waiting.timer);
    // A copy: the chunk is wiped when all its replies are handed out.
    waiting.resolve(reply.slice());
  }
}
