/** The flags of a key as a vendor client sees them. */

import { ALL_KEY_FLAGS, KeyFlags } from './enumerations.ts';

const CKA_EXTRACTABLE = 0x162;
const CKA_WRAP_WITH_TRUSTED = 0x210;

/**
 * A key that was made unextractable later is not exportable any more.
 * @param valueOf the value of an attribute of the key
 */
export function vendorFlags(flags: number, valueOf: (type: number) => Uint8Array | undefined): number {
  const mayLeave = valueOf(CKA_EXTRACTABLE)?.[0] !== 0 && valueOf(CKA_WRAP_WITH_TRUSTED)?.[0] !== 1;
  return flags & ALL_KEY_FLAGS & ~(mayLeave ? 0 : KeyFlags.EXPORTABLE);
}
