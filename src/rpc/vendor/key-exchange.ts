/** Export, import, hash-based signature keys (functions 29 to 31). */

import { KeyFlags, Limits } from '#src/wire/enumerations.ts';
import { HalError } from '#src/wire/status.ts';
import { type VendorHandlers } from './handler.ts';
import { checkFlags, checkMayMake, generatedFlags } from './keys.ts';

/** Size of the key encryption key (AES-256). */
const KEK_BYTES = 32;

/** Size of an opaque on the wire. Numbers of the peer are 32 bits: bit operations would wrap. */
function opaqueSize(length: number): number {
  return 4 + 4 * Math.ceil(length / 4);
}

export const keyExchange: VendorHandlers<'PKEY_EXPORT' | 'PKEY_IMPORT' | 'PKEY_GENERATE_HASHSIG'> = {
  PKEY_EXPORT(session, { pkey, kekek, pkcs8Max, kekMax }) {
    if (kekMax <= KEK_BYTES) throw new HalError('BAD_ARGUMENTS', 'no room for the KEK');
    if (opaqueSize(pkcs8Max) + opaqueSize(kekMax) > Limits.random + 4) throw new HalError('RPC_PACKET_OVERFLOW');
    if (!session.internal && !session.settings.keyExport())
      throw new HalError('FORBIDDEN', 'ENABLE_KEY_EXPORT is FALSE');
    const entry = session.key(pkey);
    const under = session.key(kekek);
    session.requireUse(entry);
    return session.fleet.exportKey(session.connection, entry, under, { pkcs8Max, kekMax });
  },

  async PKEY_IMPORT(session, { kekek, ...request }) {
    checkFlags(request.flags);
    if (request.kek.length < 3) throw new HalError('BAD_ARGUMENTS', 'KEK too short');
    const under = session.key(kekek);
    checkMayMake(session);
    return session.handOver(await session.fleet.importKey(session.connection, under, { ...request, ...session.mode }));
  },

  async PKEY_GENERATE_HASHSIG(session, request) {
    checkFlags(request.flags);
    checkParameters(request);
    checkMayMake(session);
    const NEEDED = KeyFlags.TOKEN | KeyFlags.DIGITALSIGNATURE;
    if ((request.flags & NEEDED) !== NEEDED) throw new HalError('FORBIDDEN', 'needs TOKEN and DIGITALSIGNATURE');
    const flags = generatedFlags(session, request.flags);
    const made = session.fleet.generateHashsig(session.connection, { ...request, flags, ...session.mode });
    return session.handOver(await made);
  },
};

/** Levels and types of RFC 8554: which of them can be had is the device's business. */
function checkParameters({ levels, lms, lmots }: { levels: number; lms: number; lmots: number }): void {
  if (levels < 1 || levels > 8 || lms < 5 || lms > 9 || lmots < 1 || lmots > 4) {
    throw new HalError('BAD_ARGUMENTS', `hash-based key of ${levels} levels, types ${lms} and ${lmots}`);
  }
}
