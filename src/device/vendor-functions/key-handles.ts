/** PKEY_LOAD, PKEY_OPEN, PKEY_CLOSE, PKEY_DELETE and what can be asked about the key behind a handle. */

import { checkDestroy } from '#src/cryptoki/separation.ts';
import { wipe } from '#src/crypto/process-hardening.ts';
import { KeyType } from '#src/wire/enumerations.ts';
import { HalError } from '#src/wire/status.ts';
import { type Device } from '../device.ts';
import { type DeviceKey, isVendorType, vendorFlags } from '../device-key.ts';
import { type Handlers } from '../handler.ts';
import { type ParsedKey, parseKey } from '../key-der.ts';
import { viewOf } from '../key-policy.ts';
import { openHandle, storeAndOpen } from './new-key.ts';
import { checkReplySize, opaqueSize } from './reply-size.ts';

export const keyHandles: Handlers<
  | 'PKEY_LOAD'
  | 'PKEY_OPEN'
  | 'PKEY_CLOSE'
  | 'PKEY_DELETE'
  | 'PKEY_GET_KEY_TYPE'
  | 'PKEY_GET_KEY_FLAGS'
  | 'PKEY_GET_KEY_CURVE'
  | 'PKEY_GET_PUBLIC_KEY_LEN'
  | 'PKEY_GET_PUBLIC_KEY'
> = {
  async PKEY_LOAD(device, connection, { session, der, flags }) {
    if (der.length === 0) throw new HalError('BAD_ARGUMENTS', 'empty key');
    device.access.checkCreate(connection, flags);
    const parsed = parseVendorKey(der);
    wipe(der);
    try {
      device.handles.checkRoom(connection);
      return await device.runFor(
        connection,
        () => device.masterKey.require(),
        () => storeAndOpen(device, connection, parsed, flags, session),
      );
    } finally {
      if (parsed.pkcs8) wipe(parsed.pkcs8);
    }
  },

  PKEY_OPEN(device, connection, { uuid }) {
    device.handles.checkRoom(connection);
    const key = device.keys.find(connection, uuid);
    if (!isVendorType(key)) throw new HalError('KEY_NOT_FOUND', 'of a kind that vendor clients do not know');
    return { pkey: openHandle(device, connection, key) };
  },

  PKEY_CLOSE(device, connection, { pkey }) {
    if (device.handles.get(connection, pkey) === undefined) throw new HalError('KEY_NOT_FOUND');
    device.handles.close(connection, pkey);
    return {};
  },

  PKEY_DELETE(device, connection, { pkey }) {
    const key = keyBehind(device, connection, pkey);
    device.access.checkUse(connection, key);
    checkDestroy(viewOf(key));
    device.keys.delete([key]);
    device.handles.close(connection, pkey);
    return {};
  },

  PKEY_GET_KEY_TYPE: (device, connection, { pkey }) => ({ type: keyBehind(device, connection, pkey).type }),
  PKEY_GET_KEY_FLAGS: (device, connection, { pkey }) => ({ flags: vendorFlags(keyBehind(device, connection, pkey)) }),
  PKEY_GET_KEY_CURVE: (device, connection, { pkey }) => ({ curve: keyBehind(device, connection, pkey).curve }),

  /** libhal cannot report an error here: any failure is the length 0. */
  async PKEY_GET_PUBLIC_KEY_LEN(device, connection, { pkey }) {
    try {
      const { spki } = await readableKey(device, connection, pkey);
      return { length: spki.length };
    } catch (error) {
      if (error instanceof HalError) return { length: 0 };
      throw error;
    }
  },

  async PKEY_GET_PUBLIC_KEY(device, connection, { pkey, derMax }) {
    checkReplySize(opaqueSize(derMax));
    const { spki } = await readableKey(device, connection, pkey);
    if (spki.length > derMax) throw new HalError('RESULT_TOO_LONG');
    return { der: spki };
  },
};

/** The key behind a handle of this connection. HalError KEY_NOT_FOUND, also if the key was deleted meanwhile. */
export function keyBehind(device: Device, connection: number, pkey: number): DeviceKey {
  const uuid = device.handles.get(connection, pkey);
  if (uuid === undefined) throw new HalError('KEY_NOT_FOUND');
  return device.keys.find(connection, uuid);
}

/** A key of the types that vendor clients know. HalError as {@link parseKey}. */
export function parseVendorKey(der: Uint8Array): ParsedKey {
  const parsed = parseKey(der);
  if (parsed.type > KeyType.HASHSIG_PUBLIC) {
    if (parsed.pkcs8) wipe(parsed.pkcs8);
    throw new HalError('UNSUPPORTED_KEY', 'unknown to the protocol of CrypTech');
  }
  return parsed;
}

/** A CrypTech device cannot read even a public key without the master key: all are wrapped. */
async function readableKey(device: Device, connection: number, pkey: number): Promise<DeviceKey> {
  keyBehind(device, connection, pkey);
  await device.masterKey.require();
  const key = keyBehind(device, connection, pkey);
  device.keys.checkReadable(key);
  return key;
}
