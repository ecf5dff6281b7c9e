/** PKEY_SET_ATTRIBUTES and PKEY_GET_ATTRIBUTES. */

import { NIL } from '#src/wire/schema.ts';
import { HalError } from '#src/wire/status.ts';
import { type Handlers, SizeReply } from '../handler.ts';
import { changeKey } from '../own-functions/key-changes.ts';
import { keyBehind } from './key-handles.ts';
import { checkReplySize } from './reply-size.ts';

export const attributes: Handlers<'PKEY_SET_ATTRIBUTES' | 'PKEY_GET_ATTRIBUTES'> = {
  async PKEY_SET_ATTRIBUTES(device, connection, { pkey, attributes: changes }) {
    if (changes.length === 0) throw new HalError('BAD_ARGUMENTS');
    await device.masterKey.refresh();
    const key = keyBehind(device, connection, pkey);
    device.access.checkUse(connection, key);
    changeKey(device, connection, key, changes);
    return {};
  },

  /**
   * A length query answers NIL for a missing attribute and never ATTRIBUTE_NOT_FOUND, and an empty list is answered with
   * one: only then do the vendor's PKCS#11 library and Python module report a missing attribute as what it is. A CrypTech
   * device answers the length 0, ATTRIBUTE_NOT_FOUND for a key without attributes, and BAD_ARGUMENTS.
   */
  PKEY_GET_ATTRIBUTES(device, connection, { pkey, types, bufferLen }) {
    if (types.length === 0 && device.strictVendor) throw new HalError('BAD_ARGUMENTS', 'no attributes');
    checkReplySize(4 + 8 * types.length + bufferLen);
    const key = keyBehind(device, connection, pkey);
    const values = new Map(key.attributes.map(({ type, value }) => [type, value]));
    if (device.strictVendor && values.size === 0) throw new HalError('ATTRIBUTE_NOT_FOUND', 'no attributes at all');
    if (bufferLen === 0) {
      const missing = device.strictVendor ? 0 : NIL;
      return new SizeReply({
        attributes: types.map((type) => ({ type, length: values.get(type)?.length ?? missing })),
      });
    }
    const found = types.map((type) => {
      const value = values.get(type);
      if (value === undefined) throw new HalError('ATTRIBUTE_NOT_FOUND');
      return { type, value };
    });
    if (found.reduce((sum, { value }) => sum + value.length, 0) > bufferLen) throw new HalError('RESULT_TOO_LONG');
    return { attributes: found };
  },
};
