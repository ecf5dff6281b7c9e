/** How the fleet's master key holder is started and ended. */

import { type Holder } from '#src/fleet/fleet.ts';
import { MkmClient } from '#src/mkm/client.ts';
import { ensureHolder } from '#src/mkm/holder-process.ts';

export const holder: Holder = {
  ensure: ensureHolder,

  async end(socketPath) {
    const client = await MkmClient.connect(socketPath);
    await client.shutdown();
  },
};
