/** The operator's terminal connected to the HSM: keys go there, text comes back. */

import type { TLSSocket } from 'node:tls';
import type { ReadStream, WriteStream } from 'node:tty';
import { constants } from 'node:os';
import { CONSOLE_IN_USE, ConsoleOutput, refusalOf } from './console-output.ts';
import { ExitStatus } from './exit-status.ts';
import { Keyboard } from './keyboard.ts';

const LF = 0x0a;
const CR = 0x0d;

/** Keys typed while the HSM is busy. More are dropped. */
const MAX_WAITING_KEYS = 4096;

const SIGNALS = ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM'] as const;

/**
 * Runs until the operator leaves or the connection ends. The terminal is restored on every way out, also on signals
 * and errors.
 * @returns an exit status
 */
export async function runInteractive(socket: TLSSocket, input: ReadStream, output: WriteStream): Promise<number> {
  const restore = (): void => {
    try {
      if (!input.destroyed && input.isRaw) input.setRawMode(false);
    } catch {
      // After a hang-up there is no terminal left to restore.
    }
  };
  process.once('exit', restore);
  const { promise, resolve } = Promise.withResolvers<number>();
  const handlers = SIGNALS.map((signal) => {
    const handler = (): void => resolve(128 + constants.signals[signal]);
    process.once(signal, handler);
    return { signal, handler };
  });
  // A process that was stopped and goes on finds the terminal as the shell left it.
  const resume = (): void => void input.setRawMode(true);
  process.on('SIGCONT', resume);
  input.setRawMode(true);
  try {
    connectTerminal(socket, input, output, resolve);
    return await promise;
  } finally {
    restore();
    process.off('exit', restore).off('SIGCONT', resume);
    for (const { signal, handler } of handlers) process.off(signal, handler);
    input.pause();
    socket.destroy();
  }
}

function connectTerminal(
  socket: TLSSocket,
  input: ReadStream,
  output: WriteStream,
  finish: (status: number) => void,
): void {
  const sender = new KeySender(socket);
  const screen = new ConsoleOutput();
  const keyboard = new Keyboard();

  // Node's raw mode still lets the terminal put a CR before every LF.
  const show = (bytes: Uint8Array<ArrayBuffer>): void => {
    output.write(output.isTTY ? bytes.filter((byte, index) => byte !== CR || bytes[index + 1] !== LF) : bytes);
  };
  let isInUse = false;
  socket.on('data', (chunk: Buffer) => {
    isInUse ||= chunk.includes(CONSOLE_IN_USE);
    for (const event of screen.feed(chunk)) {
      if (event.kind === 'text') {
        show(event.bytes);
        if (event.bytes.includes(LF)) sender.lineEndArrived();
      } else {
        if (event.kind !== 'unknown-code') socket.write(refusalOf(event.kind));
        output.write('\n[The HSM asked for a file transfer. It was refused.]\n');
      }
    }
  });
  let hasLeft = false;
  const leave = (text: string, status: number): void => {
    if (hasLeft) return;
    hasLeft = true;
    output.write(`\n${text}\n`);
    finish(status);
  };
  socket.once('end', () => {
    if (isInUse) leave('Only one operator at a time: end the other console and try again.', ExitStatus.NO_CONNECTION);
    else leave('The HSM closed the console.', ExitStatus.OK);
  });
  socket.once('error', (error) =>
    leave(`The connection to the HSM was lost: ${error.message}`, ExitStatus.NO_CONNECTION),
  );
  socket.once('close', () => leave('The connection to the HSM has ended.', ExitStatus.NO_CONNECTION));

  input.on('data', (chunk: Buffer) => {
    for (const key of keyboard.feed(chunk)) {
      if (key === 'quit') leave('Console left. The HSM goes on as it is.', ExitStatus.OK);
      else sender.send(key);
    }
  });
  input.once('end', () => finish(ExitStatus.OK));
  input.once('error', () => finish(ExitStatus.OK));
  output.once('error', () => finish(ExitStatus.OK));

  // It may have ended while the fingerprint was looked up.
  if (socket.destroyed) leave('The connection to the HSM has ended.', ExitStatus.NO_CONNECTION);
  else sender.send(Uint8Array.of(CR));
}

/**
 * Sends one key per TLS record, and nothing behind a line end before the HSM has echoed it: the vendor's HSM would take
 * two lines that arrive together for one.
 */
class KeySender {
  readonly #socket: TLSSocket;
  #waiting: Uint8Array[] = [];
  #isWriting = false;
  #awaitsLineEnd = false;

  constructor(socket: TLSSocket) {
    this.#socket = socket;
  }

  send(key: Uint8Array): void {
    if (this.#waiting.length < MAX_WAITING_KEYS) this.#waiting.push(key);
    this.#next();
  }

  lineEndArrived(): void {
    this.#awaitsLineEnd = false;
    this.#next();
  }

  #next(): void {
    if (this.#isWriting || this.#awaitsLineEnd || this.#socket.writableEnded) return;
    const key = this.#waiting.shift();
    if (key === undefined) return;
    this.#isWriting = true;
    this.#awaitsLineEnd = key.at(-1) === CR;
    this.#socket.write(key, () => {
      this.#isWriting = false;
      this.#next();
    });
  }
}
