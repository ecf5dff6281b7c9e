/** How the fleet's master key holder is started and ended. */

import { type Holder } from '#src/fleet/fleet.ts';
import { MkmClient } from '#src/mkm/client.ts';
import { ensureHolder } from '#src/mkm/holder-process.ts';
import { CELLS } from '#src/mkm/memory-cells.ts';
import { MasterKeyState } from '#src/wire/enumerations.ts';

export const holder: Holder = {
  ensure: ensureHolder,

  async end(socketPath) {
    const client = await MkmClient.connect(socketPath);
    await client.shutdown();
  },

  async endEmpty(socketPath) {
    const client = await MkmClient.connect(socketPath);
    try {
      for (let device = 0; device < CELLS; device++) {
        const { state, key } = await client.read(device);
        key.fill(0);
        if (state === MasterKeyState.SET) return;
      }
      await client.shutdown();
    } finally {
      client.close();
    }
  },
};
