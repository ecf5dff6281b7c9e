/** Tells the two ports of a CrypTech board apart: the RPC port and the console for its administrator. */

import { type Duplex } from 'node:stream';

export type PortKind = 'rpc' | 'console' | 'nothing' | 'unknown';

const END = 0xc0;
/** Ctrl-U empties the input line of a console. */
const CTRL_U = 0x15;
const CR = 0x0d;

/** END, Ctrl-U, END, a GET_VERSION request, END, Ctrl-U, CR: either port answers its part and ignores the other. */
const QUESTION = Uint8Array.of(END, CTRL_U, END, 0, 0, 0, 0, 0, 0, 0, 0, END, CTRL_U, CR);

/** What the console of a board writes when it is asked for nothing. */
const PROMPTS = ['Username:', 'Password:', 'cryptech>'];

/** How long a port may take to answer, in milliseconds. */
const WAIT = 500;
/** More than any port answers to the question. */
const MAX_ANSWER = 65_536;

/** What a port is, by its answer to the question. */
export function kindOf(answer: Uint8Array): PortKind {
  if (answer.length === 0) return 'nothing';
  const text = Buffer.from(answer).toString('latin1');
  // A reply to GET_VERSION: function 0, client 0, status 0, and any version between two ENDs.
  if (/\xC0\x00{12}[^]{4}\xC0/.test(text)) return 'rpc';
  return PROMPTS.some((prompt) => text.includes(prompt)) ? 'console' : 'unknown';
}

/** Asks a port what it is and leaves it without half a line or frame. A port that is gone is `nothing`. */
export async function probePort(port: Duplex, wait = WAIT): Promise<PortKind> {
  const kind = kindOf(await answerOf(port, wait));
  if (port.writable) {
    if (kind === 'rpc') port.write(Uint8Array.of(END));
    if (kind === 'console') port.write(Uint8Array.of(CTRL_U));
  }
  return kind;
}

function answerOf(port: Duplex, wait: number): Promise<Uint8Array> {
  return new Promise((resolve) => {
    let answer = Buffer.alloc(0);
    const finish = (): void => {
      clearTimeout(deadline);
      port.off('data', onData);
      for (const event of ['end', 'close', 'error'] as const) port.off(event, finish);
      // A broken port tells so once more when it is destroyed.
      port.on('error', () => {});
      port.pause();
      resolve(answer);
    };
    const onData = (chunk: Uint8Array): void => {
      answer = Buffer.concat([answer, chunk]);
      if (kindOf(answer) === 'rpc' || answer.length > MAX_ANSWER) finish();
    };
    const deadline = setTimeout(finish, wait);
    port.on('data', onData);
    for (const event of ['end', 'close', 'error'] as const) port.on(event, finish);
    port.write(QUESTION);
  });
}
