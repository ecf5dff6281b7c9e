/** The sign of life while a device operation takes long. */

import type { Terminal } from './terminal.ts';

/** Quick operations show nothing. Milliseconds. */
const START_AFTER = 500;
const STEP = 125;
const FRAMES = [' - ', ' \\ ', ' | ', ' / '];

/** Waits for an operation and shows the vendor's spinner meanwhile; it stops where it is when the operation ends. */
export async function withSpinner<T>(terminal: Terminal, operation: Promise<T>): Promise<T> {
  let frame = 0;
  let steps: NodeJS.Timeout | undefined;
  const show = (): void => {
    terminal.write(`${frame === 0 ? '\r\n' : '\b\b\b'}${FRAMES[frame % FRAMES.length]}`);
    frame += 1;
  };
  const start = setTimeout(() => {
    show();
    steps = setInterval(show, STEP);
  }, START_AFTER);
  try {
    return await operation;
  } finally {
    clearTimeout(start);
    clearInterval(steps);
  }
}
