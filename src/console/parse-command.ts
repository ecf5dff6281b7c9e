/** Finds the command that a line means. */

import type { Command } from './command.ts';

export type Parsed =
  | { readonly kind: 'command'; readonly command: Command; readonly args: readonly string[] }
  /** The first word is unknown. */
  | { readonly kind: 'unknown' }
  /** The line begins like these commands but is incomplete or has a wrong number of arguments. */
  | { readonly kind: 'usage'; readonly commands: readonly Command[] };

interface Candidate {
  readonly command: Command;
  readonly words: readonly string[];
}

/** Words are matched from left to right, each exactly first and then in any case: the manual writes both. */
export function parseCommand(commands: readonly Command[], tokens: readonly string[]): Parsed {
  const { candidates, depth } = descend(commands, tokens);
  if (depth === 0) return { kind: 'unknown' };
  const args = tokens.slice(depth);
  const found = candidates.find(
    ({ command, words }) =>
      words.length === depth && args.length >= (command.args?.min ?? 0) && args.length <= (command.args?.max ?? 0),
  );
  if (found !== undefined) return { kind: 'command', command: found.command, args };
  return { kind: 'usage', commands: [...new Set(candidates.map(({ command }) => command))] };
}

/** Whether a line may hold a secret, also if it is not a correct command: typing errors must not betray PINs. */
export function holdsSecret(commands: readonly Command[], tokens: readonly string[]): boolean {
  const { candidates, depth } = descend(commands, tokens);
  return candidates.some(
    ({ command, words }) =>
      command.secretFrom !== undefined && words.length === depth && tokens.length - depth >= command.secretFrom,
  );
}

function descend(commands: readonly Command[], tokens: readonly string[]): { candidates: Candidate[]; depth: number } {
  let candidates = commands.flatMap((command) =>
    [command.words, ...(command.aliases ?? [])].map((words) => ({ command, words })),
  );
  let depth = 0;
  for (const token of tokens) {
    const exact = candidates.filter(({ words }) => words[depth] === token);
    const matching =
      exact.length > 0 ? exact : candidates.filter(({ words }) => words[depth]?.toLowerCase() === token.toLowerCase());
    if (matching.length === 0) break;
    candidates = matching;
    depth += 1;
  }
  return { candidates: depth === 0 ? [] : candidates, depth };
}
