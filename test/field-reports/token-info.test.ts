import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { startAppliance } from '#test/appliance.ts';
import { Configuration } from '#test/pkcs11/programs.ts';
import { assertPassed, begin, build, testsOf, tokenForTests } from './chapter.ts';

describe('what the token says of itself', { timeout: 120_000 }, () => {
  testsOf(tokenForTests({ devices: 1 }), 'token-info');

  it('a token that was never set up: no login, no key, and every call says so', async () => {
    const appliance = await startAppliance({ devices: 1 });
    const configuration = new Configuration(appliance.rpcPort, { fingerprint: appliance.fingerprint });
    try {
      const env = { DKS_PKCS11_RETRY_SECONDS: '1' };
      const result = await begin({ configuration }, build('token-info'), 'never_set_up', [], env).result;
      assert.match(result.stderr, /^(libcryptechdks-pkcs11: the HSM .* has no master key: .*\n)?$/);
      assertPassed({ ...result, stderr: '' });
    } finally {
      configuration.remove();
      await appliance.stop();
    }
  });
});
