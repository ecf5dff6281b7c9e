/** Every vendor function and its handler; one that is missing does not compile. */

import { appliance } from './appliance.ts';
import { attributes } from './attributes.ts';
import { type VendorHandlers } from './handler.ts';
import { hashing } from './hashing.ts';
import { keyExchange } from './key-exchange.ts';
import { keys } from './keys.ts';
import { login } from './login.ts';
import { match } from './match.ts';
import { oneDevice } from './one-device.ts';
import { signatures } from './signatures.ts';

export const handlers: VendorHandlers = {
  ...appliance,
  ...attributes,
  ...hashing,
  ...keyExchange,
  ...keys,
  ...login,
  ...match,
  ...oneDevice,
  ...signatures,
};
