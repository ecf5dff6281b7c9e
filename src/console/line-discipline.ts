/**
 * The line editor on the HSM's side of the console: the client forwards keys, the HSM echoes and edits them.
 * Fed with bytes as they arrive; a line may come in any number of pieces and a piece may hold several lines.
 */

const BELL = 0x07;
const BACKSPACE = 0x08;
const TAB = 0x09;
const LF = 0x0a;
const CR = 0x0d;
const CTRL_U = 0x15;
const ESCAPE = 0x1b;
const SPACE = 0x20;
const BRACKET = 0x5b;
const DELETE = 0x7f;

/** Takes the last character off the screen. */
const ERASE = [BACKSPACE, SPACE, BACKSPACE];

/** Longest line in bytes; more is refused with a bell. */
const MAX_LINE = 65_535;
const MAX_HISTORY = 100;

/** A sequence whose rest does not come within this time was a lone press of the Esc key. Milliseconds. */
const ESCAPE_TIMEOUT = 50;

export interface ReadMode {
  /** Nothing that is typed is echoed: passwords and PINs. */
  readonly hidden: boolean;
  /** Up and Down walk through the commands given before: only at the main prompt. */
  readonly history: boolean;
}

export interface Fed {
  /** What the client shall show. */
  readonly echo: Uint8Array<ArrayBuffer>;
  /** The complete line without its line end; the caller wipes it if it is secret. */
  readonly line: Uint8Array | undefined;
  /** How many of the given bytes were used; the rest belongs to the next line. */
  readonly consumed: number;
}

export class LineDiscipline {
  readonly #now: () => number;
  #mode: ReadMode = { hidden: false, history: false };
  #line: number[] = [];
  #echo: number[] = [];
  /** Newest first. */
  #history: Uint8Array[] = [];
  #historyIndex = -1;
  #escape: 'none' | 'escape' | 'sequence' = 'none';
  #escapeSince = 0;

  /** @param now a clock in milliseconds */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Begins a new line. */
  begin(mode: ReadMode): void {
    this.#mode = mode;
    this.#line = [];
    this.#historyIndex = -1;
  }

  /** Puts a command into the history. Lines with secrets must not come here. */
  remember(line: Uint8Array): void {
    this.#history.unshift(line.slice());
    this.#history.length = Math.min(this.#history.length, MAX_HISTORY);
  }

  /** Processes bytes up to the end of the line at most. */
  feed(bytes: Uint8Array): Fed {
    if (this.#escape !== 'none' && this.#now() - this.#escapeSince > ESCAPE_TIMEOUT) this.#escape = 'none';
    for (const [index, byte] of bytes.entries()) {
      // A control character cannot be part of a sequence: a line end must not get lost in one.
      if (byte < SPACE) this.#escape = 'none';
      if (this.#escape !== 'none') {
        this.#continueEscape(byte);
      } else if (byte === CR) {
        if (!this.#mode.hidden) this.#echo.push(CR);
        this.#echo.push(LF);
        const line = Uint8Array.from(this.#line);
        this.#line.fill(0);
        this.#line = [];
        return { echo: this.#takeEcho(), line, consumed: index + 1 };
      } else {
        this.#processKey(byte);
      }
    }
    return { echo: this.#takeEcho(), line: undefined, consumed: bytes.length };
  }

  #takeEcho(): Uint8Array<ArrayBuffer> {
    const echo = Uint8Array.from(this.#echo);
    this.#echo = [];
    return echo;
  }

  #processKey(byte: number): void {
    switch (byte) {
      case ESCAPE:
        this.#escape = 'escape';
        this.#escapeSince = this.#now();
        break;
      case BACKSPACE:
      case DELETE:
        this.#removeCharacter();
        break;
      case CTRL_U:
        while (this.#line.length > 0) this.#removeCharacter();
        break;
      case TAB:
        this.#insert(SPACE);
        break;
      default:
        // The other control characters, Ctrl-Q, Ctrl-C and Ctrl-D among them, have no meaning here.
        if (byte >= SPACE) this.#insert(byte);
    }
  }

  /** `ESC [ A` is Up, `ESC [ B` Down; every other control sequence (ECMA-48 5.4) is swallowed whole. */
  #continueEscape(byte: number): void {
    if (this.#escape === 'escape') {
      this.#escape = byte === BRACKET ? 'sequence' : 'none';
      return;
    }
    // Parameter and intermediate bytes; a byte from 0x40 on ends the sequence.
    if (byte < 0x40) return;
    this.#escape = 'none';
    if (byte === 0x41) this.#recall(this.#historyIndex + 1);
    else if (byte === 0x42) this.#recall(this.#historyIndex - 1);
  }

  #insert(byte: number): void {
    if (this.#line.length >= MAX_LINE) {
      this.#show(BELL);
      return;
    }
    this.#line.push(byte);
    this.#show(byte);
  }

  #removeCharacter(): void {
    if (this.#line.length === 0) return;
    let byte = this.#line.pop();
    while (byte !== undefined && isContinuation(byte) && this.#line.length > 0) byte = this.#line.pop();
    this.#show(...ERASE);
  }

  #recall(index: number): void {
    if (!this.#mode.history) return;
    const line = index < 0 ? new Uint8Array() : this.#history[index];
    if (line === undefined) return;
    while (this.#line.length > 0) this.#removeCharacter();
    this.#historyIndex = Math.max(index, -1);
    for (const byte of line) this.#insert(byte);
  }

  #show(...bytes: number[]): void {
    if (!this.#mode.hidden) this.#echo.push(...bytes);
  }
}

/** Second and later bytes of a UTF-8 character (RFC 3629 section 3). */
function isContinuation(byte: number): boolean {
  return (byte & 0xc0) === 0x80;
}
