/** Script mode: logs in, runs commands, prints what they answer. */

import type { TLSSocket } from 'node:tls';
import { Answers } from './answers.ts';
import type { CommandLine } from './console-options.ts';
import { CONSOLE_IN_USE } from './console-output.ts';
import { Conversation, type Turn } from './conversation.ts';
import { ConsoleFailure, ExitStatus } from './exit-status.ts';

/** Beginnings of lines by which the HSM tells that a command failed. */
const FAILURE =
  /^(ERROR\b|Failed\b|Invalid (command|response|user name)|.*\bnot accepted\b|Not authorized|.*try again later using)/m;

/** After these the HSM closes the console. */
const ENDING = /^\s*(shutdown|reboot|restart|exit)\b/i;

const MAIN_PROMPT = /^Diamond[- ]HSM ?> $/;

/** The only part of the set-up steps that belongs on standard output: the key is shown once and never again. */
const NEW_MASTER_KEY = /^Success:(?:Random|Parsed) key:\n[0-9A-F ]{71}$/m;

export interface ScriptStreams {
  out(text: string): void;
  err(text: string): void;
  /** The next line of standard input, `undefined` at its end. */
  nextLine(): Promise<string | undefined>;
}

export async function runScript(socket: TLSSocket, options: CommandLine, streams: ScriptStreams): Promise<ExitStatus> {
  const conversation = new Conversation(socket, options.timeout);
  try {
    return await new Script(conversation, options, streams).run();
  } finally {
    await conversation.close();
  }
}

class Script {
  readonly #conversation: Conversation;
  readonly #options: CommandLine;
  readonly #streams: ScriptStreams;
  readonly #answers: Answers;

  constructor(conversation: Conversation, options: CommandLine, streams: ScriptStreams) {
    this.#conversation = conversation;
    this.#options = options;
    this.#streams = streams;
    this.#answers = new Answers({
      ...options,
      hasDefaults: options.commands.length > 0,
      nextLine: () => (options.commands.length > 0 ? Promise.resolve(undefined) : streams.nextLine()),
      warn: once((text) => streams.err(`dks_setup_console: WARNING: ${text}\n`)),
    });
  }

  async run(): Promise<ExitStatus> {
    if (!(await this.#logIn())) return ExitStatus.REFUSED;
    if (this.#options.commands.length > 0) {
      for (const command of this.#options.commands) {
        const status = await this.#runCommand(command);
        if (status !== 'go on') return status;
      }
      return ExitStatus.OK;
    }
    for (;;) {
      const line = await this.#streams.nextLine();
      if (line === undefined) return ExitStatus.OK;
      if (line.trim() === '') continue;
      const status = await this.#runCommand(line);
      if (status !== 'go on') return status;
    }
  }

  /** Login and the set-up steps of a start. @returns false if a step failed */
  async #logIn(): Promise<boolean> {
    const turn = await this.#exchange('', (text) => this.#showSetUp(text));
    if (turn.prompt === undefined) {
      throw this.#conversation.echo.includes(CONSOLE_IN_USE)
        ? new ConsoleFailure(
            ExitStatus.NO_CONNECTION,
            'the console of the HSM is in use: only one operator at a time; end the other console and try again',
          )
        : new ConsoleFailure(ExitStatus.NO_CONNECTION, 'the HSM closed the connection');
    }
    this.#showSetUp(turn.text);
    return !FAILURE.test(turn.text);
  }

  async #runCommand(command: string): Promise<ExitStatus | 'go on'> {
    const turn = await this.#exchange(command, (text) => this.#explain(text));
    const text = turn.text.replaceAll(/^.*Press Ctrl-C.*\n?/gm, '').trim();
    if (text !== '') this.#streams.out(`${text}\n`);
    const isUsage = text.startsWith('Usage:') && !/^\s*help\b/i.test(command);
    if (turn.refused !== undefined || isUsage || FAILURE.test(text)) {
      // Only the first words: what follows may be a secret.
      const words = command.trim().split(/\s+/).slice(0, 2).join(' ');
      this.#streams.err(
        `dks_setup_console: failed: ${words}${turn.refused === undefined ? '' : `: ${turn.refused}`}\n`,
      );
      return ExitStatus.REFUSED;
    }
    if (turn.prompt !== undefined) return 'go on';
    if (ENDING.test(command)) return ExitStatus.OK;
    throw new ConsoleFailure(ExitStatus.NO_CONNECTION, 'the HSM closed the connection during a command');
  }

  /**
   * Sends a line and answers questions until the main prompt is back or the connection ends.
   * @param explain gets what the HSM said before each question
   */
  async #exchange(line: string, explain: (text: string) => void): Promise<Turn & { refused?: string }> {
    this.#conversation.send(line);
    let refused: string | undefined;
    for (;;) {
      const turn = await this.#conversation.next();
      if (turn.prompt === undefined || MAIN_PROMPT.test(turn.prompt)) {
        return refused === undefined ? turn : { ...turn, refused };
      }
      if (/Incorrect password/.test(turn.text)) {
        throw new ConsoleFailure(
          ExitStatus.WRONG_PASSWORD,
          'the HSM does not accept the password: it is the PIN of wheel, at first the factory PIN',
        );
      }
      explain(turn.text);
      const answer = await this.#answers.answer(turn);
      refused ??= answer.refused;
      this.#conversation.send(answer.line);
      if (typeof answer.line !== 'string') answer.line.fill(0);
    }
  }

  #showSetUp(text: string): void {
    const key = NEW_MASTER_KEY.exec(text)?.[0];
    if (key !== undefined) this.#streams.out(`${key}\n`);
    const rest = key === undefined ? text : text.replace(key, '');
    for (const line of rest.split('\n')) {
      if (this.#options.verbose || /^(ERROR|WARNING|NOTE|Failed)\b/.test(line)) this.#streams.err(`${line}\n`);
    }
  }

  #explain(text: string): void {
    if (this.#options.verbose) this.#streams.err(text);
  }
}

function once(tell: (text: string) => void): (text: string) => void {
  const told = new Set<string>();
  return (text) => {
    if (!told.has(text)) tell(text);
    told.add(text);
  };
}
