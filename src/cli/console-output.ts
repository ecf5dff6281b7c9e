/** Takes the in-band codes for file transfer out of what the HSM sends; the rest is text for the screen. */

/** Ctrl-Q announces a code, the second byte makes it one. */
const CODE_START = 0x11;
const CODE_SECOND = 0x12;
const CODE_END = 0x0d;

/** No code is longer; an HSM that sends more is not to be believed. Bytes. */
const MAX_CODE = 1023;

/** All that a second console gets before it is closed. */
export const CONSOLE_IN_USE = '[Console already in use';

export type ConsoleEvent =
  | { readonly kind: 'text'; readonly bytes: Uint8Array<ArrayBuffer> }
  /** The HSM wants a file of this host. */
  | { readonly kind: 'receive' }
  /** The HSM wants to write a file on this host. */
  | { readonly kind: 'send' }
  | { readonly kind: 'unknown-code' };

/** A code may be cut anywhere by the records it comes in, so the state is kept between them. */
export class ConsoleOutput {
  #state: 'text' | 'started' | 'code' = 'text';
  #code: number[] = [];

  feed(bytes: Uint8Array): ConsoleEvent[] {
    const events: ConsoleEvent[] = [];
    let text: number[] = [];
    const flush = (): void => {
      if (text.length > 0) events.push({ kind: 'text', bytes: Uint8Array.from(text) });
      text = [];
    };
    for (const byte of bytes) {
      if (this.#state === 'code') {
        if (byte !== CODE_END && this.#code.length < MAX_CODE) {
          this.#code.push(byte);
          continue;
        }
        flush();
        events.push(classify(this.#code));
        this.#code = [];
        this.#state = 'text';
      } else if (this.#state === 'started' && byte === CODE_SECOND) {
        this.#state = 'code';
      } else {
        this.#state = byte === CODE_START ? 'started' : 'text';
        // A code byte without the second one, and NUL, mean nothing on a screen.
        if (byte !== CODE_START && byte !== 0) text.push(byte);
      }
    }
    flush();
    return events;
  }
}

/** @param code what stood between the first two bytes and the line end */
function classify(code: readonly number[]): ConsoleEvent {
  const text = String.fromCharCode(...code);
  const direction = /^\u0013[\u0014-\u0018]:(RECV|SEND):/.exec(text)?.[1];
  if (direction === 'RECV') return { kind: 'receive' };
  if (direction === 'SEND') return { kind: 'send' };
  return { kind: 'unknown-code' };
}

/**
 * Refuses a file transfer in the way the HSM understands, as one record: for a file it wants size 0 and the vendor
 * client's seven padding bytes, for a file it offers a reason.
 */
export function refusalOf(kind: 'receive' | 'send'): string {
  return kind === 'receive' ? '0\r0000000' : 'FAILED: this client does not accept files';
}
