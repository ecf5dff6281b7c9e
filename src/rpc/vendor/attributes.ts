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
    // All copies of a key have the same attributes, whichever is meant.
    const listed = session.fleet.keys.get(entry.id);
    const changed = await session.fleet.setAttributes(session.connection, listed ?? entry, changes);
    if (!listed) session.unlisted.set(entry.id, changed);
    return {};
  },

  PKEY_GET_ATTRIBUTES(session, { pkey, types, bufferLen }) {
    const { strictVendor } = session.settings;
    if (types.length === 0 && strictVendor) throw new HalError('BAD_ARGUMENTS', 'no attributes');
    if (8 * types.length + bufferLen > Limits.ownMessage) throw new HalError('RPC_PACKET_OVERFLOW');
    const stored = session.key(pkey).attributes;
    if (stored.size === 0 && strictVendor) throw new HalError('ATTRIBUTE_NOT_FOUND', 'no attributes at all');
    if (bufferLen === 0) {
      // The vendor's PKCS#11 library takes NIL as "no such attribute"; a length of 0, as the vendor's device says, confuses it.
      const missing = strictVendor ? 0 : NIL;
      const lengths = types.map((type) => ({ type, length: stored.get(type)?.length ?? missing }));
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
