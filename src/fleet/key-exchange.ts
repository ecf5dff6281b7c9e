/** Keys that a device makes by a vendor function: import, hash-based signatures; and export. All by handles of that device. */

import { createPublicKey } from 'node:crypto';
import { type Curve, KeyFlags, KeyType } from '#src/wire/enumerations.ts';
import { type ArgsOf, type ResultsOf } from '#src/wire/message.ts';
import { type OperationName } from '#src/wire/operations.ts';
import { HalError } from '#src/wire/status.ts';
import { type DeviceChooser } from './choose-device.ts';
import { type Connection } from './connection.ts';
import { type Device } from './device.ts';
import { keyId } from './key-entry.ts';
import { type Placement } from './key-operations.ts';
import { type KeyEntry, type KeyTable } from './key-table.ts';
import { tokenEntry } from './one-device.ts';
import { generationLimit, LONG, SHORT } from './time-limits.ts';

/** Longest SubjectPublicKeyInfo the protocol carries. */
const MAX_DER = 16_368;

export type ImportRequest = Omit<ArgsOf<'PKEY_IMPORT'>, 'kekek'>;

export class KeyExchange {
  readonly #keys: KeyTable;
  readonly #devices: readonly Device[];
  readonly #choose: DeviceChooser;

  constructor(keys: KeyTable, devices: readonly Device[], choose: DeviceChooser) {
    this.#keys = keys;
    this.#devices = devices;
    this.#choose = choose;
  }

  /** Exports a key under an RSA key. If no device holds both, the public half of the RSA key goes to the other's device. */
  async export(
    connection: Connection,
    entry: KeyEntry,
    kekek: KeyEntry,
    limits: { pkcs8Max: number; kekMax: number },
  ): Promise<ResultsOf<'PKEY_EXPORT'>> {
    const both = this.#devices.filter(({ index }) => entry.copies.has(index) && kekek.copies.has(index));
    const device = both.find(({ running }) => running) ?? both[0] ?? this.#choose.holding(entry);
    const useKekek = both.length > 0 ? withHandle : withPublicHalf;
    return withHandle(device, connection, entry, (pkey) =>
      useKekek(device, connection, kekek, (kekekHandle) =>
        vendor(device, connection, 'PKEY_EXPORT', { pkey, kekek: kekekHandle, ...limits }, LONG),
      ),
    );
  }

  /** Only the device that has the private half of the RSA key can import. */
  import(
    connection: Connection,
    kekek: KeyEntry,
    { device: _placed, unlisted, ...request }: ImportRequest & Placement,
  ): Promise<KeyEntry> {
    const device = this.#choose.holding(kekek);
    const imported = withHandle(device, connection, kekek, (handle) =>
      vendor(device, connection, 'PKEY_IMPORT', { ...request, kekek: handle }, LONG),
    );
    return connection.creating(imported.then((made) => this.#adopt(device, connection, made, request, unlisted)));
  }

  generateHashsig(
    connection: Connection,
    { device: index, unlisted, ...request }: ArgsOf<'PKEY_GENERATE_HASHSIG'> & Placement,
  ): Promise<KeyEntry> {
    const device = this.#choose.forNewKey(index, true);
    const made = vendor(device, connection, 'PKEY_GENERATE_HASHSIG', request, generationLimit(8192));
    return connection.creating(made.then((key) => this.#adopt(device, connection, key, request, unlisted)));
  }

  /** Enters a key that the device just made and frees its handle there. */
  async #adopt(
    device: Device,
    connection: Connection,
    { pkey, uuid }: { pkey: number; uuid: Uint8Array },
    { session, flags }: { session: number; flags: number },
    unlisted = false,
  ): Promise<KeyEntry> {
    const key = uuid.slice();
    try {
      const entry =
        (flags & KeyFlags.TOKEN) === 0
          ? await sessionEntry(device, connection, pkey, key, session)
          : await tokenEntry(device, connection, key);
      // A session key of a connection that ends is gone at once.
      if (!unlisted && !(entry.owner && connection.closed)) this.#keys.add([entry]);
      return entry;
    } finally {
      await vendor(device, connection, 'PKEY_CLOSE', { pkey }).catch(() => {});
    }
  }
}

/** Session keys are in no list; the device UUID serves as name. */
async function sessionEntry(
  device: Device,
  connection: Connection,
  pkey: number,
  key: Uint8Array,
  session: number,
): Promise<KeyEntry> {
  const { type } = await vendor(device, connection, 'PKEY_GET_KEY_TYPE', { pkey });
  const { curve } = await vendor(device, connection, 'PKEY_GET_KEY_CURVE', { pkey });
  const { flags } = await vendor(device, connection, 'PKEY_GET_KEY_FLAGS', { pkey });
  const { der } = await vendor(device, connection, 'PKEY_GET_PUBLIC_KEY', { pkey, derMax: MAX_DER });
  return {
    name: key,
    id: keyId(key),
    copies: new Map([[device.index, key]]),
    type: type as KeyType,
    curve: curve as Curve,
    bits: type === KeyType.HASHSIG_PUBLIC ? 0 : bitsOf(der),
    flags,
    spki: der.slice(),
    attributes: new Map(),
    owner: connection,
    session,
  };
}

/** Size of the RSA modulus or of the curve. OpenSSL does not know hash-based keys. */
function bitsOf(spki: Uint8Array): number {
  const key = createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
  const { modulusLength, namedCurve } = key.asymmetricKeyDetails ?? {};
  return modulusLength ?? CURVE_BITS[namedCurve ?? ''] ?? 0;
}

/** Names as OpenSSL has them. */
const CURVE_BITS: Readonly<Record<string, number>> = { prime256v1: 256, secp384r1: 384, secp521r1: 521 };

async function withHandle<T>(
  device: Device,
  connection: Connection,
  entry: KeyEntry,
  use: (pkey: number) => Promise<T>,
): Promise<T> {
  const uuid = entry.copies.get(device.index) as Uint8Array;
  const { pkey } = await vendor(device, connection, 'PKEY_OPEN', { session: 0, uuid });
  try {
    return await use(pkey);
  } finally {
    await vendor(device, connection, 'PKEY_CLOSE', { pkey }).catch(() => {});
  }
}

/** The public half of an RSA key as a session key of another device, for as long as it takes. */
async function withPublicHalf<T>(
  device: Device,
  connection: Connection,
  { type, flags, spki }: KeyEntry,
  use: (pkey: number) => Promise<T>,
): Promise<T> {
  // What the device would check with the key itself.
  if ((flags & KeyFlags.KEYENCIPHERMENT) === 0) throw new HalError('FORBIDDEN', 'the receiving key is not for keys');
  if (type !== KeyType.RSA_PRIVATE && type !== KeyType.RSA_PUBLIC) {
    throw new HalError('UNSUPPORTED_KEY', 'keys travel under RSA keys only');
  }
  const load = { session: 0, der: spki.slice(), flags: KeyFlags.KEYENCIPHERMENT };
  const { pkey } = await vendor(device, connection, 'PKEY_LOAD', load);
  try {
    return await use(pkey);
  } finally {
    await vendor(device, connection, 'PKEY_DELETE', { pkey }).catch(() => {});
  }
}

function vendor<N extends OperationName>(
  device: Device,
  connection: Connection,
  name: N,
  args: ArgsOf<N>,
  limit = SHORT,
): Promise<ResultsOf<N>> {
  return device.call(name, args, { connection: connection.number, limit });
}
