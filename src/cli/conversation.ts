/** A console without a person: what the HSM says up to the point where it waits for input, and lines sent to it. */

import { setTimeout as delay } from 'node:timers/promises';
import type { TLSSocket } from 'node:tls';
import { ConsoleOutput, refusalOf } from './console-output.ts';
import { ConsoleFailure, ExitStatus } from './exit-status.ts';

/** The last line of the output at which the HSM waits: main prompt, password, y/n question, free text. */
const PROMPT = /^(Diamond[- ]HSM ?> |Password: |Username: |.*\(y\/n\) ?|> |.*PIN: )$/;

/** Other dialogs end their questions like this, but so may a line that is not complete yet. */
const POSSIBLE_PROMPT = /[:?>] $/;

/** Silence that shows that a prompt is the end of the output and not the middle of it. Milliseconds. */
const PROMPT_SILENCE = 20;
const POSSIBLE_PROMPT_SILENCE = 400;

/** Characters of output between two prompts. */
const MAX_OUTPUT = 64 * 1024 * 1024;

const MAX_ECHO = 1000;

/** A last line beyond this many characters is no prompt. */
const MAX_PROMPT = 1000;

const CLOSE_TIMEOUT = 2000;

/** The vendor's waiting indication: frames of three characters, each taken back by the next. */
const SPINNER = /\n( [-\\|/] [\b]{3})* [-\\|/] (?=\n)/g;

export interface Turn {
  /** What the HSM said since the last line was sent, without echo and prompt; lines end with `\n`. */
  readonly text: string;
  /** The unfinished last line; `undefined` if the HSM closed the connection instead of waiting. */
  readonly prompt: string | undefined;
}

export class Conversation {
  readonly #socket: TLSSocket;
  readonly #timeout: number;
  readonly #output = new ConsoleOutput();
  readonly #decoder = new TextDecoder();
  #text = '';
  /** The last line of the text, cut: looking for it in all of a long text again and again would take for ever. */
  #line = '';
  /** Until the echo of the sent line has ended, nothing that arrives is an answer. */
  #isEcho = true;
  #echo = '';
  #ended = false;
  #notify: () => void = () => undefined;

  /** @param timeout longest silence in milliseconds */
  constructor(socket: TLSSocket, timeout: number) {
    this.#socket = socket;
    this.#timeout = timeout;
    // It may have ended while the fingerprint was looked up.
    this.#ended = socket.destroyed || socket.readableEnded;
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    for (const event of ['end', 'close', 'error'] as const) {
      socket.on(event, () => {
        this.#ended = true;
        this.#notify();
      });
    }
  }

  /** The first line that came back: normally the echo of what was sent, but also the notice of a console in use. */
  get echo(): string {
    return this.#echo;
  }

  /** Sends one line. The last byte of its record is the line end. */
  send(line: Uint8Array | string): void {
    this.#text = '';
    this.#line = '';
    this.#echo = '';
    this.#isEcho = true;
    this.#socket.write(Buffer.concat([typeof line === 'string' ? Buffer.from(line) : line, Buffer.from('\r')]));
  }

  /**
   * Waits until the HSM waits.
   * @throws ConsoleFailure NO_CONNECTION if it stays silent
   */
  async next(): Promise<Turn> {
    for (;;) {
      if (this.#ended) return { text: clean(this.#text), prompt: undefined };
      const prompt = this.#isEcho || this.#line.length > MAX_PROMPT ? '' : this.#line;
      if (PROMPT.test(prompt)) {
        if (!(await this.#changes(PROMPT_SILENCE))) return this.#turn(prompt);
      } else if (POSSIBLE_PROMPT.test(prompt)) {
        if (!(await this.#changes(POSSIBLE_PROMPT_SILENCE))) return this.#turn(prompt);
      } else if (!(await this.#changes(this.#timeout))) {
        throw new ConsoleFailure(
          ExitStatus.NO_CONNECTION,
          `the HSM has said nothing for ${this.#timeout / 1000} seconds (see --timeout)`,
        );
      }
    }
  }

  /** Closes the connection and waits until the HSM has noticed, so that the next console is not refused as the second. */
  async close(): Promise<void> {
    if (!this.#socket.closed) {
      const closed = new Promise<void>((resolve) => this.#socket.once('close', () => resolve()));
      this.#socket.end();
      await Promise.race([closed, delay(CLOSE_TIMEOUT, undefined, { ref: false })]);
    }
    this.#socket.destroy();
  }

  #turn(prompt: string): Turn {
    return { text: clean(this.#text.slice(0, this.#text.length - prompt.length)), prompt };
  }

  #receive(chunk: Uint8Array): void {
    for (const event of this.#output.feed(chunk)) {
      if (event.kind === 'text') this.#append(this.#decoder.decode(event.bytes, { stream: true }));
      else if (event.kind !== 'unknown-code') this.#socket.write(refusalOf(event.kind));
    }
    this.#notify();
  }

  #append(text: string): void {
    let answer = text;
    if (this.#isEcho) {
      const end = text.indexOf('\n') + 1;
      this.#echo = (this.#echo + (end === 0 ? text : text.slice(0, end))).slice(0, MAX_ECHO);
      if (end === 0) return;
      this.#isEcho = false;
      answer = text.slice(end);
    }
    if (this.#text.length + answer.length > MAX_OUTPUT) this.#socket.destroy();
    this.#text += answer;
    const lineEnd = answer.lastIndexOf('\n');
    this.#line = (lineEnd < 0 ? this.#line + answer : answer.slice(lineEnd + 1)).slice(0, MAX_PROMPT + 1);
  }

  /** Whether something arrives, or the connection ends, within this time. */
  async #changes(milliseconds: number): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), milliseconds);
      this.#notify = () => {
        clearTimeout(timer);
        resolve(true);
      };
    });
  }
}

function clean(text: string): string {
  return text.replaceAll(/\r+\n/g, '\n').replaceAll(SPINNER, '').replaceAll('\r', '');
}
