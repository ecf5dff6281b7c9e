import { describe, it } from 'node:test';

import { build, pass, testsOf, tokenForTests } from './chapter.ts';

describe('what zone signers do with keys', { timeout: 120_000 }, () => {
  const token = tokenForTests({ devices: 1 });
  testsOf(token, 'zone-signers');

  it('the public values of keys without a public object are there for the next process', async (context) => {
    const program = build('zone-signers');
    await pass(context, token, program, 'makes_private_only');
    await pass(context, token, program, 'uses_private_only');
  });
});
