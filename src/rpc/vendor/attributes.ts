/** Attributes of keys (functions 27 and 28). */

import { Limits } from '#src/wire/enumerations.ts';
import { NIL } from '#src/wire/schema.ts';
import { HalError } from '#src/wire/status.ts';
import { SizeReply, type VendorHandlers } from './handler.ts';

export const attributes: VendorHandlers<'PKEY_SET_ATTRIBUTES' | 'PKEY_GET_ATTRIBUTES'> = {
  async PKEY_SET_ATTRIBUTES(session, { pkey, attributes: changes }) {
    if (changes.length === 0) throw new HalError('BAD_ARGUMENTS', 'no attributes');
    const entry = session.key(pkey);
    session.requireUse(entry);
    await session.fleet.setAttributes(session.connection, entry, changes);
    return {};
  },

  PKEY_GET_ATTRIBUTES(session, { pkey, types, bufferLen }) {
    if (8 * types.length + bufferLen > Limits.ownMessage) throw new HalError('RPC_PACKET_OVERFLOW');
    const stored = session.key(pkey).attributes;
    if (bufferLen === 0) {
      // The vendor's PKCS#11 library takes NIL as "no such attribute"; a length of 0, as the device says, confuses it.
      const lengths = types.map((type) => ({ type, length: stored.get(type)?.length ?? NIL }));
      return new SizeReply<'PKEY_GET_ATTRIBUTES'>({ attributes: lengths });
    }
    const values = types.map((type) => {
      const value = stored.get(type);
      if (!value) throw new HalError('ATTRIBUTE_NOT_FOUND');
      return { type, value };
    });
    const total = values.reduce((sum, { value }) => sum + value.length, 0);
    if (total > bufferLen) throw new HalError('RESULT_TOO_LONG');
    return { attributes: values };
  },
};
