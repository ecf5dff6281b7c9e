/** KEY_DELETE and KEY_SET_ATTRIBUTES. */

import { CKA } from '#src/cryptoki/constants.ts';
import { checkChange, checkVendorChange } from '#src/cryptoki/change-rules.ts';
import { checkDestroy } from '#src/cryptoki/separation.ts';
import { ulongValue } from '#src/cryptoki/values.ts';
import { type Attribute } from '#src/store/stored-key.ts';
import { HalError, HalStatus } from '#src/wire/status.ts';
import { type AttributeChange, changeAttributes } from '../attributes.ts';
import { type Device } from '../device.ts';
import { type DeviceKey, isManaged, MANAGED } from '../device-key.ts';
import { type Handlers } from '../handler.ts';
import { viewOf } from '../key-policy.ts';
import { isKey } from '../new-object.ts';

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
    for (const key of keys) {
      device.access.checkDestroy(connection, key);
      checkDestroy(viewOf(key));
    }
    device.keys.delete(keys);
    return {};
  },

  async KEY_SET_ATTRIBUTES(device, connection, { key: uuid, attributes: changes }) {
    if (changes.length > 0) await device.masterKey.refresh();
    const key = device.keys.find(connection, uuid);
    // Whom to trust is the security officer's to say, who may use no key.
    const isTrust = changes.length > 0 && changes.every(({ type }) => type === CKA.TRUSTED);
    if (!isTrust || device.roleOf(connection) !== 'so') device.access.checkUse(connection, key);
    if (changes.length > 0) changeKey(device, connection, key, changes);
    const { attributes } = device.keys.find(connection, uuid);
    return { attributes: [...attributes, ...useCount(device, key)] };
  },
};

/** Changes attributes as far as the rules allow. CkrError, HalError RESULT_TOO_LONG. */
export function changeKey(
  device: Device,
  connection: number,
  key: DeviceKey,
  changes: readonly AttributeChange[],
): void {
  // Attributes of keys without a template are whatever vendor clients make of them, but none is loosened.
  if (isManaged(key)) checkChange(viewOf(key), changes, device.roleOf(connection), device.policy.policy);
  else checkVendorChange(viewOf({ ...key, flags: key.flags | MANAGED }), changes);
  device.keys.setAttributes(key, changeAttributes(key.attributes, changes));
}

/** CKA_DKS_USE_COUNT, which is not stored among the attributes, for keys that are counted. */
function useCount(device: Device, key: DeviceKey): Attribute[] {
  if (!isManaged(key) || key.wrapped === undefined || !isKey(key.type)) return [];
  return [{ type: CKA.DKS_USE_COUNT, value: ulongValue(device.keys.usesOf(key)) }];
}
