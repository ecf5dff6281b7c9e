/** A serial line to the board for tests: a pseudo-terminal that programs open by its path. */

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Duplex } from 'node:stream';
import { type BoardUnderTest } from './board-under-test.ts';

export class SerialLine {
  /** Where the port is while the line is plugged in. */
  readonly path: string;
  readonly #folder = mkdtempSync(join(tmpdir(), 'dks-serial-'));
  readonly #program: string;
  #child: ChildProcess | undefined;

  constructor() {
    this.path = join(this.#folder, 'ttyBOARD');
    this.#program = join(this.#folder, 'pty');
    const source = join(import.meta.dirname, 'pty.c');
    execFileSync('gcc', ['-std=c11', '-Wall', '-Wextra', '-Werror', source, '-o', this.#program], { stdio: 'pipe' });
  }

  async plugIn(board: BoardUnderTest): Promise<void> {
    const child = spawn(this.#program, [this.path], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#child = child;
    child.stdin.on('error', () => {});
    await once(child.stdout, 'data');
    const { stdin, stdout } = child;
    const far = new Duplex({
      read() {},
      write: (chunk: Uint8Array, _encoding, done) => void stdin.write(chunk, () => done()),
    });
    stdout.on('data', (chunk: Uint8Array) => far.push(chunk));
    board.connect(far);
  }

  /** The port is gone, for those who have it open too. */
  async unplug(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (!child) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
    rmSync(this.path, { force: true });
  }

  async remove(): Promise<void> {
    await this.unplug();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
