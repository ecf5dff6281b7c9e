/** How the HSM goes away from a program, and comes back. */

import { setTimeout as sleep } from 'node:timers/promises';

import type { Cable } from './cable.ts';
import type { Hsm } from './hsm.ts';

interface Place {
  readonly hsm: Hsm;
  readonly cable: Cable;
  /** Reloads the program, as an operator would. */
  readonly reload: () => Promise<void>;
}

export interface Fault {
  readonly name: string;
  /** Resolves when the HSM is back. */
  happen(place: Place): Promise<void>;
}

const DOWN_MS = 3000;
const LOCKED_MS = 10_000;
const UNPLUGGED_MS = 30_000;

export const FAULTS: readonly Fault[] = [
  {
    name: 'daemon',
    async happen({ hsm }) {
      await hsm.kill();
      await sleep(DOWN_MS);
      await hsm.startAgain();
      await hsm.unlock();
    },
  },
  { name: 'device', happen: ({ hsm }) => hsm.killDevice() },
  {
    name: 'lock',
    async happen({ hsm }) {
      await hsm.shutDownForRestart();
      await hsm.startAgain();
      await sleep(LOCKED_MS);
      await hsm.unlock();
    },
  },
  {
    name: 'network',
    async happen({ cable }) {
      await cable.unplug();
      await sleep(UNPLUGGED_MS);
      await cable.plugIn();
    },
  },
  { name: 'reload', happen: ({ reload }) => reload() },
];
