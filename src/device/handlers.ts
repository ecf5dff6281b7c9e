/** Every function of a device and its handler. A function of the operation table that is missing here does not compile. */

import { type DeviceFunction, type Handlers } from './handler.ts';
import { encryption } from './own-functions/encryption.ts';
import { erasing } from './own-functions/erasing.ts';
import { keyAuthentication } from './own-functions/key-authentication.ts';
import { keyCreation } from './own-functions/key-creation.ts';
import { keyListing } from './own-functions/key-listing.ts';
import { keyChanges } from './own-functions/key-changes.ts';
import { keyTransfer } from './own-functions/key-transfer.ts';
import { keyWrapping } from './own-functions/key-wrapping.ts';
import { loginRestoring } from './own-functions/login-restoring.ts';
import { masterKeySetting } from './own-functions/master-key-setting.ts';
import { objects } from './own-functions/objects.ts';
import { pinChanging } from './own-functions/pin-changing.ts';
import { secretKeys } from './own-functions/secret-keys.ts';
import { selfTesting } from './own-functions/self-testing.ts';
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
  ...encryption,
  ...secretKeys,
  ...keyWrapping,
  ...keyTransfer,
  ...keyAuthentication,
  ...objects,
  ...selfTesting,
  ...erasing,
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
