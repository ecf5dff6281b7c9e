/** A terminal on the console port, as an operator's client is one: bytes out, text in. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type TLSSocket } from 'node:tls';

const PATIENCE = 30_000;

export class ConsoleTerminal {
  readonly #socket: TLSSocket;
  #text = '';
  #onText: () => void = () => {};

  private constructor(socket: TLSSocket) {
    this.#socket = socket;
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      this.#text += text;
      this.#onText();
    });
    socket.on('error', () => {});
  }

  static async open(port: number, host = '127.0.0.1'): Promise<ConsoleTerminal> {
    const socket = connect({ host, port, maxVersion: 'TLSv1.2', rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    const terminal = new ConsoleTerminal(socket);
    terminal.send('');
    return terminal;
  }

  /** Types a line. */
  send(line: string): void {
    this.#socket.write(`${line}\r`);
  }

  /** Waits for a text and takes everything up to its end; fails at once if a text comes that must not. */
  async expect(text: string, unwanted?: string): Promise<string> {
    const deadline = Date.now() + PATIENCE;
    for (;;) {
      const at = this.#text.indexOf(text);
      if (at >= 0) {
        const taken = this.#text.slice(0, at + text.length);
        this.#text = this.#text.slice(at + text.length);
        return taken;
      }
      assert.ok(unwanted === undefined || !this.#text.includes(unwanted), `"${unwanted}" comes instead of "${text}"`);
      assert.ok(Date.now() < deadline && !this.#socket.destroyed, `"${text}" does not come after: ${this.#text}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, deadline - Date.now());
        this.#socket.once('close', resolve);
        this.#onText = () => {
          clearTimeout(timer);
          this.#socket.off('close', resolve);
          resolve();
        };
      });
    }
  }

  /** Sends a command and takes its output. */
  async command(line: string): Promise<string> {
    this.send(line);
    return this.expect('Diamond-HSM > ');
  }

  async close(): Promise<void> {
    if (this.#socket.destroyed) return;
    const closed = once(this.#socket, 'close');
    this.#socket.destroy();
    await closed;
  }
}
