/** DEVICE_STATUS. */

import { User } from '#src/wire/enumerations.ts';
import { type Handlers } from '../handler.ts';

const ROLES = [User.NORMAL, User.SO, User.WHEEL];

export const status: Handlers<'DEVICE_STATUS'> = {
  DEVICE_STATUS: async (device) => ({
    masterKey: await device.masterKey.refresh(),
    tokenKeys: device.keys.tokenKeys,
    volatileKeys: device.keys.volatileKeys,
    logins: device.logins.size,
    userFailures: device.pins.failures(User.NORMAL),
    soFailures: device.pins.failures(User.SO),
    pinsSet: ROLES.reduce((bits, role) => (device.store.pin(role) ? bits | (1 << role) : bits), 0),
  }),
};
