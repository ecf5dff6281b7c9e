/** Every function of a device and its handler. A function of the operation table that is missing here does not compile. */

import { type DeviceFunction, type Handlers } from './handler.ts';
import { keyCreation } from './own-functions/key-creation.ts';
import { keyListing } from './own-functions/key-listing.ts';
import { keyChanges } from './own-functions/key-changes.ts';
import { loginRestoring } from './own-functions/login-restoring.ts';
import { masterKeySetting } from './own-functions/master-key-setting.ts';
import { pinChanging } from './own-functions/pin-changing.ts';
import { signing } from './own-functions/signing.ts';
import { status } from './own-functions/status.ts';
import { attributes } from './vendor-functions/attributes.ts';
import { general } from './vendor-functions/general.ts';
import { generation } from './vendor-functions/generation.ts';
import { hashing } from './vendor-functions/hashing.ts';
import { keyExchange } from './vendor-functions/key-exchange.ts';
import { keyHandles } from './vendor-functions/key-handles.ts';
import { login } from './vendor-functions/login.ts';
import { match } from './vendor-functions/match.ts';
import { signatures } from './vendor-functions/signatures.ts';

export const handlers: Handlers<DeviceFunction> = {
  ...status,
  ...keyListing,
  ...keyCreation,
  ...keyChanges,
  ...signing,
  ...loginRestoring,
  ...masterKeySetting,
  ...pinChanging,
  ...general,
  ...login,
  ...hashing,
  ...generation,
  ...keyHandles,
  ...attributes,
  ...match,
  ...signatures,
  ...keyExchange,
};
