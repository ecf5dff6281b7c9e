/** The byte stream to a device: SLIP frames, all frames of an event-loop turn in one write. */

import { type Duplex } from 'node:stream';
import { Limits } from '#src/wire/enumerations.ts';
import { encodeFrame, SlipDecoder, SlipEncoder } from '#src/wire/slip.ts';

/** A page of KEY_LIST with long attributes is the longest message a device sends. */
const MAX_FRAME = 16 * Limits.ownMessage;

export interface LinkEvents {
  /** A message arrived; it is a view of the received chunk. */
  onMessage(message: Uint8Array): void;
  /** The stream ended or broke; called once. */
  onClose(): void;
}

export class DeviceLink {
  readonly #stream: Duplex;
  readonly #encoder = new SlipEncoder(1, Buffer.allocUnsafe);
  #flushScheduled = false;
  #closed = false;
  readonly #flush = (): void => {
    this.#flushScheduled = false;
    if (!this.#closed && this.#encoder.length > 0) this.#stream.write(this.#encoder.take());
  };

  constructor(stream: Duplex, events: LinkEvents) {
    this.#stream = stream;
    const decoder = new SlipDecoder(MAX_FRAME);
    const onMessage = (message: Uint8Array): void => events.onMessage(message);
    const closed = (): void => {
      if (this.#closed) return;
      this.#closed = true;
      events.onClose();
    };
    stream.on('data', (chunk: Uint8Array) => decoder.push(chunk, onMessage));
    stream.on('end', closed);
    stream.on('close', closed);
    stream.on('error', closed);
  }

  /**
   * Sends a message with everything else that is sent before the event loop turns. A tick runs after the microtasks of the
   * running callback, so a whole batch of promises that became ready together shares one write, and nothing waits for a turn.
   */
  send(message: Uint8Array): void {
    if (this.#closed) return;
    this.#encoder.append(message);
    if (this.#flushScheduled) return;
    this.#flushScheduled = true;
    process.nextTick(this.#flush);
  }

  /** Sends a message that holds a secret in a buffer of its own, which is wiped as soon as the system has it. */
  sendSecret(message: Uint8Array): void {
    if (this.#closed) return;
    this.#flush();
    const frame = encodeFrame(message);
    this.#stream.write(frame, () => frame.fill(0));
  }

  close(): void {
    this.#stream.destroy();
  }
}
