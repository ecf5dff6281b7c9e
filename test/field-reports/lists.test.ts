import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { Configuration } from '#test/pkcs11/programs.ts';
import { assertPassed, begin, build, testsOf, tokenForTests } from './chapter.ts';

describe('lists and their sizes', { timeout: 120_000 }, () => {
  testsOf(tokenForTests({ devices: 1 }), 'lists');

  it('without a token there is a slot, an empty list of slots with a token, and no error', async () => {
    // Nothing listens on port 1.
    const configuration = new Configuration(1);
    try {
      const result = await begin({ configuration }, build('lists'), 'without_token').result;
      assert.match(result.stderr, /^libcryptechdks-pkcs11: cannot connect .*\n$/);
      assertPassed({ ...result, stderr: '' });
    } finally {
      configuration.remove();
    }
  });
});
