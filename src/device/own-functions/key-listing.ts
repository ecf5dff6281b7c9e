/** KEY_LIST: how the appliance learns which token keys a device has. */

import { Limits } from '#src/wire/enumerations.ts';
import { HalError } from '#src/wire/status.ts';
import { factsOf, type KeyFacts } from '../device-key.ts';
import { type Handlers } from '../handler.ts';

/** A page ends when it is this long; the last key may still make it longer by its own size. */
const PAGE_BYTES = Limits.ownMessage / 2;

export const keyListing: Handlers<'KEY_LIST'> = {
  KEY_LIST(device, _connection, { after, limit }) {
    if (limit === 0 || limit > Limits.page) throw new HalError('BAD_ARGUMENTS', `a page of ${limit} keys`);
    // One more than asked for tells whether more follow.
    const found = device.keys.list(after, limit + 1);
    const keys: KeyFacts[] = [];
    let size = 0;
    for (const key of found.slice(0, limit)) {
      if (size > PAGE_BYTES) break;
      const facts = factsOf(key);
      keys.push(facts);
      size += encodedSize(facts);
    }
    return { more: keys.length < found.length ? 1 : 0, keys };
  },
};

/** Bytes on the wire, rounded up generously. */
function encodedSize({ spki, attributes }: KeyFacts): number {
  return attributes.reduce((size, { value }) => size + value.length + 12, spki.length + 96);
}
