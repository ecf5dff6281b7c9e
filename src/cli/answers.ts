/** Answers the questions of the HSM in script mode: from the options, else from the next line of standard input. */

import { ConfigError } from '#src/config/errors.ts';
import { type CommandLine, ROLES } from './console-options.ts';
import type { Turn } from './conversation.ts';
import { ConsoleFailure, ExitStatus } from './exit-status.ts';
import { readSecretLine } from './secret-file.ts';

export interface AnswerOptions extends Pick<CommandLine, 'pinFile' | 'masterKey' | 'newPinFiles' | 'yes'> {
  /** The next line of standard input; `undefined` at its end and if commands come from the command line. */
  nextLine(): Promise<string | undefined>;
  /** Commands come from the command line: then some questions have a default answer. */
  readonly hasDefaults: boolean;
  warn(text: string): void;
}

/** `refused`: the question was answered in the negative because no option allows more; why. */
export interface Answer {
  readonly line: Uint8Array | string;
  readonly refused?: string;
}

export class Answers {
  readonly #options: AnswerOptions;

  constructor(options: AnswerOptions) {
    this.#options = options;
  }

  /** @throws ConsoleFailure if there is no answer; ConfigError for unusable files */
  async answer(turn: Turn): Promise<Answer> {
    const prompt = turn.prompt ?? '';
    if (prompt === 'Password: ') return { line: await this.#password() };
    if (/\(y\/n\) ?$/.test(prompt)) return this.#yesOrNo(prompt);
    const role = ROLES.find((name) => prompt.includes(`'${name}' PIN: `));
    if (role !== undefined) {
      const file = this.#options.newPinFiles.get(role);
      if (file !== undefined) return { line: await readSecretLine(file, this.#options.warn) };
    }
    if (prompt === '> ' && /enter the master key/.test(turn.text)) return { line: await this.#masterKey() };
    return { line: await this.#typed(prompt) };
  }

  async #password(): Promise<Uint8Array | string> {
    const { pinFile } = this.#options;
    return pinFile === undefined ? this.#typed('Password: ') : readSecretLine(pinFile, this.#options.warn);
  }

  async #yesOrNo(question: string): Promise<Answer> {
    const { masterKey, newPinFiles, yes, hasDefaults } = this.#options;
    const isStart = question.includes('Would you like to set it now?');
    const isCommand = question.includes('set the master key?');
    if (isStart && masterKey !== undefined) return { line: masterKey.kind === 'keep' ? 'n' : 'y' };
    if (isCommand && masterKey !== undefined) {
      return masterKey.kind === 'keep' ? { line: 'n', refused: '--master-key keep forbids it' } : { line: 'y' };
    }
    if (ROLES.some((name) => question.includes(`set the '${name}' PIN?`) && newPinFiles.has(name))) {
      return { line: 'y' };
    }
    if (yes) return { line: 'y' };
    if (!hasDefaults) return { line: await this.#typed(question) };
    if (isStart) return { line: 'n' };
    if (isCommand) return { line: 'y' };
    return {
      line: 'n',
      refused: `the HSM asks "${question.trim()}": answered n, because neither --yes nor another option allows it`,
    };
  }

  async #masterKey(): Promise<Uint8Array | string> {
    const { masterKey } = this.#options;
    if (masterKey?.kind === 'generate') return '';
    if (masterKey?.kind === 'file') {
      const key = await readSecretLine(masterKey.path, this.#options.warn);
      if (!/^([0-9a-f]\s*){64}$/i.test(new TextDecoder().decode(key))) {
        throw new ConfigError(masterKey.path, 'the first line must be a master key: 64 hexadecimal digits');
      }
      return key;
    }
    return this.#options.hasDefaults ? '' : this.#typed('> ');
  }

  async #typed(prompt: string): Promise<string> {
    const line = await this.#options.nextLine();
    if (line !== undefined) return line;
    let advice = '';
    if (prompt === 'Password: ') advice = ' (give --pin-file)';
    else if (prompt.endsWith(' PIN: ')) advice = ' (give --new-pin-file)';
    throw new ConsoleFailure(ExitStatus.REFUSED, `the HSM asks "${prompt.trim()}" and there is no answer${advice}`);
  }
}
