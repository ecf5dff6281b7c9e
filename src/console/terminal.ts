/** The operator's screen and keyboard at the other end of a console connection. */

import type { TLSSocket } from 'node:tls';
import { OperatorError } from '#src/config/errors.ts';
import { LineDiscipline, type ReadMode } from './line-discipline.ts';

/** Keys typed ahead that are kept while a command runs; more waits in TCP. Bytes. */
const TYPE_AHEAD = 4096;

/** Output that the client has not taken, at which its keys wait in TCP too: every key makes some more. Bytes. */
const MAX_UNSENT = 65_536;

/** How long a client may take to close after we did. Milliseconds. */
const CLOSE_TIMEOUT = 2000;

/** The vendor's client does not notice that the HSM closes the connection. */
const FAREWELL = 'The console is closed. Press Ctrl-C to leave the client.';

/** The connection ended while input was expected. */
export class ConsoleEnded extends OperatorError {
  override readonly name = 'ConsoleEnded';
}

export class Terminal {
  /** Address and port of the client, for the log. */
  readonly peer: string;
  readonly #socket: TLSSocket;
  readonly #discipline = new LineDiscipline();
  #pending: Uint8Array[] = [];
  #reader: { resolve(line: Uint8Array): void; reject(error: Error): void } | undefined;
  #ended = false;

  constructor(socket: TLSSocket) {
    this.#socket = socket;
    this.peer = `${socket.remoteAddress}:${socket.remotePort}`;
    socket.on('data', (chunk: Buffer) => {
      this.#pending.push(chunk);
      this.#pump();
    });
    socket.on('drain', () => this.#pump());
    socket.once('end', () => this.#end());
    socket.once('close', () => this.#end());
  }

  /** Writes text as it is, except for control characters that a client could take for a management code. */
  write(text: string): void {
    if (this.#ended || this.#socket.writableEnded) return;
    this.#socket.write(text.replaceAll(/[\u0000-\u0006\u000b\u000c\u000e-\u001a\u001c-\u001f]/g, '?'));
  }

  /** Writes a block of lines: every line begins with a line end, because the terminal is raw. */
  print(...lines: string[]): void {
    this.write(lines.map((line) => `\r\n${line}`).join(''));
  }

  /** Resolves when the client has taken what was written: for long listings. */
  async drained(): Promise<void> {
    if (this.#ended || !this.#socket.writableNeedDrain) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        this.#socket.off('drain', done).off('close', done);
        resolve();
      };
      this.#socket.on('drain', done).on('close', done);
    });
  }

  /**
   * The next line, without its line end, as bytes; the caller wipes it if it is secret.
   * @throws ConsoleEnded
   */
  readLine(mode: ReadMode): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      if (this.#ended) {
        reject(new ConsoleEnded('the console connection has ended'));
        return;
      }
      this.#reader = { resolve, reject };
      this.#discipline.begin(mode);
      this.#pump();
    });
  }

  /** Puts a command into the history for Up and Down. */
  remember(line: Uint8Array): void {
    this.#discipline.remember(line);
  }

  /** Says good-bye and closes; resolves when the text is on its way. */
  async close(...lines: string[]): Promise<void> {
    if (this.#ended || this.#socket.writableEnded) return;
    this.print(...lines, FAREWELL, '');
    // A client that does not read must not hold up a shutdown.
    setTimeout(() => this.#socket.destroy(), CLOSE_TIMEOUT).unref();
    await new Promise<void>((resolve) => {
      this.#socket.once('close', resolve);
      this.#socket.end(resolve);
    });
    this.#end();
  }

  get #isCongested(): boolean {
    return this.#socket.writableLength > MAX_UNSENT;
  }

  #pump(): void {
    while (this.#reader !== undefined && !this.#isCongested) {
      const chunk = this.#pending.shift();
      if (chunk === undefined) break;
      const { echo, line, consumed } = this.#discipline.feed(chunk);
      if (echo.length > 0) this.#socket.write(echo);
      // Passwords pass through here.
      chunk.fill(0, 0, consumed);
      if (consumed < chunk.length) this.#pending.unshift(chunk.subarray(consumed));
      if (line !== undefined) {
        const { resolve } = this.#reader;
        this.#reader = undefined;
        resolve(line);
      }
    }
    const mayWait = this.#reader === undefined && pendingBytes(this.#pending) > TYPE_AHEAD;
    if (mayWait || this.#isCongested) this.#socket.pause();
    else this.#socket.resume();
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    for (const chunk of this.#pending) chunk.fill(0);
    this.#pending = [];
    this.#reader?.reject(new ConsoleEnded('the console connection has ended'));
    this.#reader = undefined;
  }
}

function pendingBytes(chunks: readonly Uint8Array[]): number {
  return chunks.reduce((sum, chunk) => sum + chunk.length, 0);
}
