/** Replies of one connection: all of an event-loop turn in one write. */

import { type Writable } from 'node:stream';
import { SlipEncoder } from '#src/wire/slip.ts';

/** The vendor's appliance puts two ENDs in front of a reply; our own clients need one. */
export const VENDOR_ENDS = 2;
export const OWN_ENDS = 1;

export class ReplyWriter {
  readonly #stream: Writable;
  #encoder: SlipEncoder;
  #scheduled = false;
  readonly #flush = (): void => {
    this.#scheduled = false;
    if (this.#encoder.length > 0 && this.#stream.writable) this.#stream.write(this.#encoder.take());
  };

  constructor(stream: Writable, leadingEnds: number) {
    this.#stream = stream;
    this.#encoder = new SlipEncoder(leadingEnds, Buffer.allocUnsafe);
  }

  /** Bytes that leave at the end of this turn. */
  get pending(): number {
    return this.#encoder.length;
  }

  /** Adds a reply; it leaves in this turn, after the microtasks that may add more. */
  add(reply: Uint8Array): void {
    this.#encoder.append(reply);
    this.#schedule();
  }

  /** A lone END: receivers ignore it, but it carries the TCP acknowledgement that a byte-wise writer waits for. */
  nudge(): void {
    this.#encoder.appendEnd();
    this.#flush();
  }

  /** Writes what is left and begins anew with another number of leading ENDs. */
  setLeadingEnds(leadingEnds: number): void {
    this.#flush();
    this.#encoder = new SlipEncoder(leadingEnds, Buffer.allocUnsafe);
  }

  flush(): void {
    this.#flush();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    process.nextTick(this.#flush);
  }
}
