/** The questions a dialog is made of. Nothing is stored before the last answer of a dialog. */

import { OperatorError } from '#src/config/errors.ts';
import type { Terminal } from './terminal.ts';

/** Given as the answer to a text question this ends the dialog. */
const CANCEL = '!cancel';

/** Asks until the answer is y, yes, n or no. @param question without the choices, e.g. `Would you like to set it now?` */
export async function askYesNo(terminal: Terminal, question: string): Promise<boolean> {
  for (;;) {
    terminal.print(`${question} (y/n) `);
    const answer = decode(await terminal.readLine({ hidden: false, history: false }))
      .trim()
      .toLowerCase();
    if (answer === 'y' || answer === 'yes') return true;
    if (answer === 'n' || answer === 'no') return false;
    // An empty line only repeats the question.
    if (answer !== '') terminal.print('Invalid response');
  }
}

/** Asks for a text; an empty line is the empty text. @throws OperatorError if the operator cancels */
export async function askText(terminal: Terminal, prompt: string): Promise<string> {
  terminal.print(prompt);
  const answer = decode(await terminal.readLine({ hidden: false, history: false })).trim();
  if (answer === CANCEL) throw new OperatorError('cancelled');
  return answer;
}

/** Asks for a secret without echo. The caller wipes it. @throws OperatorError if the operator cancels */
export async function askSecret(terminal: Terminal, prompt: string): Promise<Uint8Array> {
  terminal.print(prompt);
  const answer = await terminal.readLine({ hidden: true, history: false });
  if (Buffer.from(answer.buffer, answer.byteOffset, answer.length).equals(Buffer.from(CANCEL))) {
    throw new OperatorError('cancelled');
  }
  return answer;
}

/** What was typed, as text; bytes that are not UTF-8 become U+FFFD. */
export function decode(line: Uint8Array): string {
  return new TextDecoder().decode(line);
}
