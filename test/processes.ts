/** Finds processes of an appliance, and waits for what has no event. */

import { readdirSync, readFileSync } from 'node:fs';

/** Ids of the processes that have all of these texts in their arguments. */
export function pidsOf(...texts: readonly string[]): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && texts.every((text) => argumentsOf(name).includes(text)))
    .map(Number);
}

function argumentsOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ');
  } catch {
    // It ended meanwhile.
    return '';
  }
}

export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 5));
}
