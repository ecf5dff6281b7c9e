/** What can be fuzzed, by name. A run is repeated by its seed and number of frames. */

import { fuzzAppliance } from './appliance-target.ts';
import { fuzzDecoder } from './decoder-target.ts';
import { fuzzDevice } from './device-target.ts';
import { fuzzSockets } from './socket-target.ts';

export const TARGETS = {
  decoder: fuzzDecoder,
  device: fuzzDevice,
  appliance: fuzzAppliance,
  socket: fuzzSockets,
} as const satisfies Readonly<Record<string, (seed: number, frames: number) => void | Promise<void>>>;

export type TargetName = keyof typeof TARGETS;
