/** Making, opening and destroying keys; their facts (functions 13 to 22 and 26). */

import { type KeyEntry } from '#src/fleet/key-table.ts';
import { ALL_KEY_FLAGS, Curve, KeyFlags, KeyType, Limits } from '#src/wire/enumerations.ts';
import { HalError } from '#src/wire/status.ts';
import { vendorFlags } from '#src/wire/vendor-flags.ts';
import { type VendorHandlers } from './handler.ts';
import { copyOn, keyOnDevice, uuidDevice } from './one-device.ts';
import { type VendorSession } from './session.ts';

type Functions =
  | 'PKEY_LOAD'
  | 'PKEY_OPEN'
  | 'PKEY_GENERATE_RSA'
  | 'PKEY_GENERATE_EC'
  | 'PKEY_CLOSE'
  | 'PKEY_DELETE'
  | 'PKEY_GET_KEY_TYPE'
  | 'PKEY_GET_KEY_FLAGS'
  | 'PKEY_GET_PUBLIC_KEY_LEN'
  | 'PKEY_GET_PUBLIC_KEY'
  | 'PKEY_GET_KEY_CURVE';

const RSA_MIN = 1024;
const RSA_MAX = 8192;
/** F4, the only exponent of the vendor's devices. */
const EXPONENT = Uint8Array.of(1, 0, 1);
const CURVE_BITS: ReadonlyMap<number, number> = new Map([
  [Curve.P256, 256],
  [Curve.P384, 384],
  [Curve.P521, 521],
]);

export const keys: VendorHandlers<Functions> = {
  async PKEY_LOAD(session, { session: pkcs11Session, der, flags }) {
    checkFlags(flags);
    if (der.length === 0) throw new HalError('BAD_ARGUMENTS', 'no key');
    checkMayMake(session);
    const { fleet, connection } = session;
    const { device, unlisted } = session.mode;
    const request = { session: pkcs11Session, name: newName(), der, flags, attributes: [], device, unlisted };
    const entry = await fleet.loadKey(connection, request);
    if (entry.type >= KeyType.ED_PRIVATE) {
      // A vendor device does not know Edwards curves, and its clients could not name the type.
      await fleet.deleteKeys(connection, [entry]);
      throw new HalError('UNSUPPORTED_KEY');
    }
    return session.handOver(entry);
  },

  PKEY_OPEN(session, { uuid }) {
    session.requireLogin();
    const index = uuidDevice(session);
    if (index === undefined) return open(session, session.fleet.keys.get(uuid.toHex()));
    return keyOnDevice(session, index, uuid.slice()).then((entry) => open(session, entry));
  },

  PKEY_GENERATE_RSA(session, { session: pkcs11Session, bits, exponent, flags }) {
    checkFlags(flags);
    if (bits === 0 || bits % 8 !== 0) throw new HalError('BAD_ARGUMENTS', `${bits} bits`);
    if (exponent.length === 0) throw new HalError('BAD_ARGUMENTS', 'no exponent');
    checkMayMake(session);
    if (bits < RSA_MIN || bits > RSA_MAX) throw new HalError('UNSUPPORTED_KEY', `${bits} bits`);
    if (!isExponent(exponent)) throw new HalError('UNSUPPORTED_KEY', 'exponent');
    return generate(session, { session: pkcs11Session, type: KeyType.RSA_PRIVATE, curve: Curve.NONE, bits, flags });
  },

  PKEY_GENERATE_EC(session, { session: pkcs11Session, curve, flags }) {
    checkFlags(flags);
    const bits = CURVE_BITS.get(curve);
    if (bits === undefined) throw new HalError('BAD_ARGUMENTS', `curve ${curve}`);
    checkMayMake(session);
    return generate(session, {
      session: pkcs11Session,
      type: KeyType.EC_PRIVATE,
      curve: curve as Curve,
      bits,
      flags,
    });
  },

  PKEY_CLOSE(session, { pkey }) {
    if (!session.handles.close(pkey)) throw session.unknownHandle();
    return {};
  },

  async PKEY_DELETE(session, { pkey }) {
    const entry = session.key(pkey);
    session.requireUse(entry);
    await session.fleet.deleteKeys(session.connection, [entry]);
    session.unlisted.delete(entry.id);
    session.handles.close(pkey);
    return {};
  },

  PKEY_GET_KEY_TYPE: (session, { pkey }) => ({ type: session.key(pkey).type }),

  PKEY_GET_KEY_FLAGS(session, { pkey }) {
    const { flags, attributes } = session.key(pkey);
    return { flags: vendorFlags(flags, (type) => attributes.get(type)) };
  },

  PKEY_GET_PUBLIC_KEY_LEN(session, { pkey }) {
    try {
      return { length: session.key(pkey).spki.length };
    } catch (error) {
      // The function has no way to fail (libhal `hal_rpc_pkey_get_public_key_len`), but the vendor's appliance does not call it.
      if (session.settings.strictVendor && session.handles.get(pkey) === undefined) throw error;
      return { length: 0 };
    }
  },

  PKEY_GET_PUBLIC_KEY(session, { pkey, derMax }) {
    if (derMax > Limits.random) throw new HalError('RPC_PACKET_OVERFLOW');
    const { spki } = session.key(pkey);
    if (spki.length > derMax) throw new HalError('RESULT_TOO_LONG');
    return { der: spki };
  },

  PKEY_GET_KEY_CURVE: (session, { pkey }) => ({ curve: session.key(pkey).curve }),
};

/** @throws HalError KEY_NOT_FOUND, also if the connection is pinned to a device without a copy */
function open(session: VendorSession, entry: KeyEntry | undefined): { pkey: number } {
  if (!entry || !session.sees(entry)) throw new HalError('KEY_NOT_FOUND');
  const { device } = session.mode;
  if (device !== undefined) copyOn(entry, device);
  return { pkey: session.handles.open(entry, device) };
}

export function checkFlags(flags: number): void {
  if ((flags & ~ALL_KEY_FLAGS) !== 0) throw new HalError('BAD_ARGUMENTS', 'unknown key flags');
}

/** A login is needed even for PUBLIC session keys: making them would be a way to keep the devices busy. */
export function checkMayMake(session: VendorSession): void {
  session.requireLogin();
  session.handles.checkRoom();
}

async function generate(
  session: VendorSession,
  request: { session: number; type: KeyType; curve: Curve; bits: number; flags: number },
): Promise<{ pkey: number; uuid: Uint8Array }> {
  const entry = await session.fleet.createPrivateKey(session.connection, {
    ...request,
    device: session.mode.device,
    unlisted: session.mode.unlisted,
    name: newName(),
    exponent: request.type === KeyType.RSA_PRIVATE ? EXPONENT : new Uint8Array(0),
    flags: generatedFlags(session, request.flags),
  });
  return session.handOver(entry);
}

/** The operator may have all generated keys exportable, except those that protect others. */
export function generatedFlags({ settings }: VendorSession, flags: number): number {
  const ENCIPHERMENT = KeyFlags.KEYENCIPHERMENT | KeyFlags.DATAENCIPHERMENT;
  return settings.exportableKeys() && (flags & ENCIPHERMENT) === 0 ? flags | KeyFlags.EXPORTABLE : flags;
}

/** 65537, big-endian; leading zeros are allowed. */
function isExponent(value: Uint8Array): boolean {
  const first = value.findIndex((digit) => digit !== 0);
  return first >= 0 && Buffer.compare(value.subarray(first), EXPONENT) === 0;
}

/** A random UUID, version 4 (RFC 9562, 5.4). */
function newName(): Uint8Array {
  return Uint8Array.fromHex(crypto.randomUUID().replaceAll('-', ''));
}
