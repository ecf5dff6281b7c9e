/** KEYS_ERASE: what is left of C_InitToken when the security officer has shown his PIN. */

import { HalError } from '#src/wire/status.ts';
import { type Handlers } from '../handler.ts';

export const erasing: Handlers<'KEYS_ERASE'> = {
  KEYS_ERASE(device) {
    if (!device.erasesKeys) throw new HalError('FORBIDDEN', 'the setting initTokenErasesKeys is not set');
    const erased = device.keys.eraseAll();
    device.hashsig.forgetAll();
    device.log.warn(`all keys were erased, ${erased} of them token keys`);
    return {};
  },
};
