/** KEY_ENCRYPT and KEY_DECRYPT. */

import { wipe } from '#src/crypto/process-hardening.ts';
import { type Handlers } from '../handler.ts';
import { cipherOf } from '../mechanisms/ciphers.ts';
import { usableKey } from '../usable-keys.ts';

export const encryption: Handlers<'KEY_ENCRYPT' | 'KEY_DECRYPT'> = {
  async KEY_ENCRYPT(device, connection, { key: uuid, mechanism, parameter, data }) {
    // A public key is nobody's secret; a secret key is one.
    try {
      const key = await usableKey(device, connection, uuid, 'any');
      device.policy.permit(connection, key, 'encrypt', mechanism);
      const result = await cipherOf(mechanism, parameter).encrypt(key, data);
      device.policy.count(key, 'encrypt');
      return { result };
    } finally {
      wipe(data);
    }
  },

  async KEY_DECRYPT(device, connection, { key: uuid, mechanism, parameter, data }) {
    const key = await usableKey(device, connection, uuid);
    device.policy.permit(connection, key, 'decrypt', mechanism);
    const result = await cipherOf(mechanism, parameter).decrypt(key, data);
    device.policy.count(key, 'decrypt');
    return { result };
  },
};
