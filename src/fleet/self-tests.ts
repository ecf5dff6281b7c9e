/** The known-answer tests of the devices, on demand. */

import { HalError } from '#src/wire/status.ts';
import { type Device } from './device.ts';
import { LONG } from './time-limits.ts';

export interface SelfTest {
  readonly device: number;
  /** `undefined`: a device that is out of service, or a board, which tests itself when it starts. */
  readonly tests: readonly { readonly name: string; readonly passed: boolean }[] | undefined;
}

/** Runs the tests on all devices at once. */
export function selfTests(devices: readonly Device[]): Promise<SelfTest[]> {
  return Promise.all(
    devices.map(async (device) => {
      const { index } = device;
      if (!device.running || device.isBoard) return { device: index, tests: undefined };
      try {
        const { tests } = await device.call('SELF_TEST', {}, { limit: LONG, repeat: true });
        return { device: index, tests: tests.map(({ name, passed }) => ({ name, passed: passed !== 0 })) };
      } catch (error) {
        if (!(error instanceof HalError)) throw error;
        return { device: index, tests: undefined };
      }
    }),
  );
}
