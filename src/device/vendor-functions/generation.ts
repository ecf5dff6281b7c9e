/** PKEY_GENERATE_RSA, PKEY_GENERATE_EC, PKEY_GENERATE_HASHSIG. */

import { wipe } from '#src/crypto/process-hardening.ts';
import { parsePublicKey } from '#src/crypto/public-key.ts';
import { KeyType } from '#src/wire/enumerations.ts';
import { type Device } from '../device.ts';
import { type Handlers } from '../handler.ts';
import { checkHashsigFlags, checkHashsigKind } from '../hashsig-keys.ts';
import { checkPlausible, checkSupported, checkVendorCurve, generatePair, type PairKind } from '../key-generation.ts';
import { storeAndOpen, storeHashsig } from './new-key.ts';

const NO_EXPONENT = new Uint8Array(0);

export const generation: Handlers<'PKEY_GENERATE_RSA' | 'PKEY_GENERATE_EC' | 'PKEY_GENERATE_HASHSIG'> = {
  PKEY_GENERATE_RSA: (device, connection, { session, bits, exponent, flags }) =>
    generate(device, connection, { type: KeyType.RSA_PRIVATE, curve: 0, bits, exponent }, flags, session),

  async PKEY_GENERATE_EC(device, connection, { session, curve, flags }) {
    checkVendorCurve(curve);
    const kind = { type: KeyType.EC_PRIVATE, curve, bits: 0, exponent: NO_EXPONENT };
    return generate(device, connection, kind, flags, session);
  },

  PKEY_GENERATE_HASHSIG(device, connection, { session, flags, ...kind }) {
    checkHashsigKind(kind);
    device.access.checkCreate(connection, flags);
    checkHashsigFlags(flags);
    device.handles.checkRoom(connection);
    return device.runFor(
      connection,
      async () => {
        await device.masterKey.require();
        return device.generations.run(() => device.hashsig.generate(kind));
      },
      (made) => storeHashsig(device, connection, made, flags, session),
    );
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
    async ({ type, pkcs8, spki }) => {
      try {
        const { curve, bits } = parsePublicKey(spki);
        return await storeAndOpen(device, connection, { type, curve, bits, pkcs8, spki }, flags, session);
      } finally {
        wipe(pkcs8);
      }
    },
  );
}
