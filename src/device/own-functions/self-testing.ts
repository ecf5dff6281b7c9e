/** SELF_TEST. */

import { type Handlers } from '../handler.ts';

export const selfTesting: Handlers<'SELF_TEST'> = {
  async SELF_TEST(device) {
    const tests = await device.testItself();
    return { tests: tests.map(({ name, passed }) => ({ name, passed: passed ? 1 : 0 })) };
  },
};
