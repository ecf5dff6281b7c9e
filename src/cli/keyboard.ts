/** Cuts what a raw terminal delivers into keys, as the HSM's line editor expects them. */

const LF = 0x0a;
const CR = 0x0d;
const ESCAPE = 0x1b;
const CTRL_C = 0x03;
const CTRL_RIGHT_BRACKET = 0x1d;

/** A sequence whose rest does not come within this time was a lone press of the Esc key. Milliseconds. */
const ESCAPE_TIMEOUT = 50;

/** `quit`: the operator leaves. */
export type Key = Uint8Array<ArrayBuffer> | 'quit';

export class Keyboard {
  readonly #now: () => number;
  /** An unfinished escape sequence or UTF-8 character. */
  #partial: number[] = [];
  #partialSince = 0;

  /** @param now a clock in milliseconds */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  feed(bytes: Uint8Array): Key[] {
    const keys: Key[] = [];
    if (this.#partial.length > 0 && this.#now() - this.#partialSince > ESCAPE_TIMEOUT) this.#partial = [];
    for (const byte of bytes) {
      if (byte === CTRL_C || byte === CTRL_RIGHT_BRACKET) {
        keys.push('quit');
        continue;
      }
      if (byte < 0x20) this.#partial = [];
      if (this.#partial.length === 0) this.#partialSince = this.#now();
      this.#partial.push(byte);
      const key = complete(this.#partial);
      if (key === undefined) continue;
      this.#partial = [];
      if (key.length > 0) keys.push(Uint8Array.from(key));
    }
    return keys;
  }
}

/** The key that the bytes are: `undefined` while more must come, empty for keys that the HSM does not know. */
function complete(bytes: readonly number[]): readonly number[] | undefined {
  const [first = 0] = bytes;
  if (first === ESCAPE) return completeEscape(bytes);
  if (first === LF) return [CR];
  // RFC 3629 section 3: the first byte tells the length.
  const length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 1;
  return bytes.length < length ? undefined : bytes;
}

/** Up and Down in both forms terminals use (`ESC [ A`, `ESC O A`); all others are swallowed: the HSM would misread them. */
function completeEscape(bytes: readonly number[]): readonly number[] | undefined {
  const [, second, ...rest] = bytes;
  if (second === undefined) return undefined;
  if (second !== 0x5b && second !== 0x4f) return [];
  const last = rest.at(-1);
  if (last === undefined || last < 0x40) return undefined;
  return rest.length === 1 && (last === 0x41 || last === 0x42) ? [ESCAPE, 0x5b, last] : [];
}
