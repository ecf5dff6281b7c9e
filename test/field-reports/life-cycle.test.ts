import { describe, it } from 'node:test';

import { begin, build, pass, testsOf, tokenForTests } from './chapter.ts';

describe('initializing, forking and unloading', { timeout: 120_000 }, () => {
  const token = tokenForTests({ devices: 1 });
  testsOf(token, 'life-cycle');

  it('sessions of clients that are killed or just exit are not missing later', async (context) => {
    const program = build('life-cycle');
    for (let round = 0; round < 10; round++) {
      const killed = Array.from({ length: 4 }, () => begin(token, program, 'holds_sessions'));
      await Promise.all(killed.map((running) => running.printed('ready')));
      for (const { child } of killed) child.kill('SIGKILL');
      await Promise.all(killed.map(({ result }) => result));
      await pass(context, token, program, 'exits');
    }
    await pass(context, token, program, 'opens_many');
  });
});
