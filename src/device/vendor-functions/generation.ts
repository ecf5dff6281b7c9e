/** PKEY_GENERATE_RSA, PKEY_GENERATE_EC, PKEY_GENERATE_HASHSIG. */

import { wipe } from '#src/crypto/process-hardening.ts';
import { parsePublicKey } from '#src/crypto/public-key.ts';
import { ALL_KEY_FLAGS, KeyFlags, KeyType } from '#src/wire/enumerations.ts';
import { HalError } from '#src/wire/status.ts';
import { type Device } from '../device.ts';
import { type Handlers } from '../handler.ts';
import { checkPlausible, checkSupported, generatePair, type PairKind } from '../key-generation.ts';
import { storeAndOpen } from './new-key.ts';

const NO_EXPONENT = new Uint8Array(0);

export const generation: Handlers<'PKEY_GENERATE_RSA' | 'PKEY_GENERATE_EC' | 'PKEY_GENERATE_HASHSIG'> = {
  PKEY_GENERATE_RSA: (device, connection, { session, bits, exponent, flags }) =>
    generate(device, connection, { type: KeyType.RSA_PRIVATE, curve: 0, bits, exponent }, flags, session),

  PKEY_GENERATE_EC: (device, connection, { session, curve, flags }) =>
    generate(device, connection, { type: KeyType.EC_PRIVATE, curve, bits: 0, exponent: NO_EXPONENT }, flags, session),

  /** Hash-based signatures (RFC 8554) are not implemented: arguments are checked, then no parameter set is supported. */
  PKEY_GENERATE_HASHSIG(device, connection, { levels, lms, lmots, flags }) {
    const plausible = levels >= 1 && levels <= 8 && lms >= 5 && lms <= 9 && lmots >= 1 && lmots <= 4;
    if (!plausible || (flags & ~ALL_KEY_FLAGS) !== 0) throw new HalError('BAD_ARGUMENTS');
    device.access.checkCreate(connection, flags);
    const needed = KeyFlags.TOKEN | KeyFlags.DIGITALSIGNATURE;
    if ((flags & needed) !== needed) throw new HalError('FORBIDDEN', 'hash-based keys are token keys for signatures');
    throw new HalError('UNSUPPORTED_KEY', 'hash-based signatures');
  },
};

async function generate(
  device: Device,
  connection: number,
  kind: PairKind,
  flags: number,
  session: number,
): Promise<{ pkey: number; uuid: Uint8Array }> {
  checkPlausible(kind);
  device.access.checkCreate(connection, flags);
  device.handles.checkRoom(connection);
  checkSupported(kind);
  return device.runFor(
    connection,
    () => generatePair(device, kind),
    ({ type, pkcs8, spki }) => {
      try {
        const { curve, bits } = parsePublicKey(spki);
        return storeAndOpen(device, connection, { type, curve, bits, pkcs8, spki }, flags, session);
      } finally {
        wipe(pkcs8);
      }
    },
  );
}
