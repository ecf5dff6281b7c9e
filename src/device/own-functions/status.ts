/** DEVICE_STATUS. */

import { type Handlers } from '../handler.ts';

export const status: Handlers<'DEVICE_STATUS'> = {
  DEVICE_STATUS: async (device) => ({
    masterKey: await device.masterKey.refresh(),
    tokenKeys: device.keys.tokenKeys,
    volatileKeys: device.keys.volatileKeys,
    logins: device.logins.size,
  }),
};
