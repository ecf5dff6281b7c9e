/** Export, import, hash-based signature keys (functions 29 to 31). */

import { KeyFlags, Limits } from '#src/wire/enumerations.ts';
import { HalError } from '#src/wire/status.ts';
import { type VendorHandlers } from './handler.ts';
import { checkFlags, checkMayMake } from './keys.ts';

/** Size of the key encryption key (AES-256). */
const KEK_BYTES = 32;

export const keyExchange: VendorHandlers<'PKEY_EXPORT' | 'PKEY_IMPORT' | 'PKEY_GENERATE_HASHSIG'> = {
  PKEY_EXPORT(session, { pkey, kekek, pkcs8Max, kekMax }) {
    if (kekMax <= KEK_BYTES) throw new HalError('BAD_ARGUMENTS', 'no room for the KEK');
    if (8 + pkcs8Max + kekMax > Limits.random) throw new HalError('RPC_PACKET_OVERFLOW');
    if (!session.settings.keyExport()) throw new HalError('FORBIDDEN', 'ENABLE_KEY_EXPORT is FALSE');
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
    return session.handOver(await session.fleet.importKey(session.connection, under, request));
  },

  async PKEY_GENERATE_HASHSIG(session, request) {
    checkFlags(request.flags);
    checkMayMake(session);
    const NEEDED = KeyFlags.TOKEN | KeyFlags.DIGITALSIGNATURE;
    if ((request.flags & NEEDED) !== NEEDED) throw new HalError('FORBIDDEN', 'needs TOKEN and DIGITALSIGNATURE');
    return session.handOver(await session.fleet.generateHashsig(session.connection, request));
  },
};
