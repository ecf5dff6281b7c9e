/**
 * Two connected streams within the process. Unlike those of `duplexPair` they copy what they carry: who writes a PIN wipes his
 * buffer as soon as the write is done, and the reader may not have seen it yet.
 */

import { Duplex } from 'node:stream';

export function streamPair(): [Duplex, Duplex] {
  const near = new End();
  const far = new End();
  near.other = far;
  far.other = near;
  return [near, far];
}

class End extends Duplex {
  other: End | undefined;
  /** The writer at the other end waits until what was written is read. */
  #onRead: (() => void) | undefined;

  override _read(): void {
    const onRead = this.#onRead;
    this.#onRead = undefined;
    onRead?.();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.other?.deliver(Buffer.from(chunk), done);
  }

  override _final(done: () => void): void {
    this.other?.push(null);
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    // A reader must learn of the end, a writer must not wait for it.
    if (this.other?.destroyed === false) this.other.push(null);
    this._read();
    done(error);
  }

  deliver(chunk: Buffer, done: () => void): void {
    if (this.destroyed || this.push(chunk)) done();
    else this.#onRead = done;
  }
}
