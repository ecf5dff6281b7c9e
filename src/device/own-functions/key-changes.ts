/** KEY_DELETE and KEY_SET_ATTRIBUTES. */

import { HalError, HalStatus } from '#src/wire/status.ts';
import { changeAttributes } from '../attributes.ts';
import { type DeviceKey } from '../device-key.ts';
import { type Handlers } from '../handler.ts';

export const keyChanges: Handlers<'KEY_DELETE' | 'KEY_SET_ATTRIBUTES'> = {
  KEY_DELETE(device, connection, { keys: uuids }) {
    const keys: DeviceKey[] = [];
    for (const uuid of uuids) {
      try {
        keys.push(device.keys.find(connection, uuid));
      } catch (error) {
        // Already destroyed, or never there: what the caller wants is so.
        if (!(error instanceof HalError) || error.status !== HalStatus.KEY_NOT_FOUND) throw error;
      }
    }
    for (const key of keys) device.access.checkUse(connection, key);
    device.keys.delete(keys);
    return {};
  },

  KEY_SET_ATTRIBUTES(device, connection, { key: uuid, attributes: changes }) {
    const key = device.keys.find(connection, uuid);
    device.access.checkUse(connection, key);
    const attributes = changeAttributes(key.attributes, changes);
    device.keys.setAttributes(key, attributes);
    return { attributes };
  },
};
