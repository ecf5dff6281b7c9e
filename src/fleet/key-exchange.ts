/** Keys that a device makes by a vendor function: import, hash-based signatures; and export. All by handles of that device. */

import { createPublicKey } from 'node:crypto';
import { type Curve, KeyFlags, type KeyType } from '#src/wire/enumerations.ts';
import { type ArgsOf, type ResultsOf } from '#src/wire/message.ts';
import { type OperationName } from '#src/wire/operations.ts';
import { HalError } from '#src/wire/status.ts';
import { type DeviceChooser } from './choose-device.ts';
import { type Connection } from './connection.ts';
import { type Device } from './device.ts';
import { entryFromFacts, keyId } from './key-entry.ts';
import { type KeyEntry, type KeyTable } from './key-table.ts';
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

  /** Exports a key under an RSA key that is on the same device. */
  async export(
    connection: Connection,
    entry: KeyEntry,
    kekek: KeyEntry,
    limits: { pkcs8Max: number; kekMax: number },
  ): Promise<ResultsOf<'PKEY_EXPORT'>> {
    const common = [...entry.copies.keys()].find((index) => kekek.copies.has(index));
    const device = common === undefined ? undefined : this.#devices[common];
    if (!device) throw new HalError('KEY_NOT_FOUND', 'no device holds both keys');
    return withHandle(device, connection, entry, (pkey) =>
      withHandle(device, connection, kekek, (kekekHandle) =>
        vendor(device, connection, 'PKEY_EXPORT', { pkey, kekek: kekekHandle, ...limits }, LONG),
      ),
    );
  }

  import(connection: Connection, kekek: KeyEntry, request: ImportRequest): Promise<KeyEntry> {
    const device = this.#choose.holding(kekek);
    const imported = withHandle(device, connection, kekek, (handle) =>
      vendor(device, connection, 'PKEY_IMPORT', { ...request, kekek: handle }, LONG),
    );
    return connection.creating(
      imported.then((made) => this.#adopt(device, connection, made, request.session, request.flags)),
    );
  }

  generateHashsig(connection: Connection, request: ArgsOf<'PKEY_GENERATE_HASHSIG'>): Promise<KeyEntry> {
    const device = this.#choose.forNewKey();
    const made = vendor(device, connection, 'PKEY_GENERATE_HASHSIG', request, generationLimit(8192));
    return connection.creating(
      made.then((key) => this.#adopt(device, connection, key, request.session, request.flags)),
    );
  }

  /** Enters a key that the device just made and frees its handle there. */
  async #adopt(
    device: Device,
    connection: Connection,
    { pkey, uuid }: { pkey: number; uuid: Uint8Array },
    session: number,
    flags: number,
  ): Promise<KeyEntry> {
    const key = uuid.slice();
    try {
      const entry =
        (flags & KeyFlags.TOKEN) === 0
          ? await sessionEntry(device, connection, pkey, key, session)
          : await tokenEntry(device, connection, key);
      this.#keys.add([entry]);
      return entry;
    } finally {
      await vendor(device, connection, 'PKEY_CLOSE', { pkey }).catch(() => {});
    }
  }
}

/** A stored key has its name in the device's list. */
async function tokenEntry(device: Device, connection: Connection, key: Uint8Array): Promise<KeyEntry> {
  const { keys } = await device.call(
    'KEY_LIST',
    { connection: connection.number, after: predecessor(key), limit: 1 },
    { limit: SHORT, repeat: true },
  );
  const [facts] = keys;
  if (!facts || keyId(facts.key) !== keyId(key)) throw new HalError('KEY_NOT_FOUND', 'the new key is not listed');
  return entryFromFacts(device.index, facts);
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
    bits: bitsOf(der),
    flags,
    spki: der.slice(),
    attributes: new Map(),
    owner: connection,
    session,
  };
}

/** Size of the RSA modulus or of the curve. */
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

function vendor<N extends OperationName>(
  device: Device,
  connection: Connection,
  name: N,
  args: ArgsOf<N>,
  limit = SHORT,
): Promise<ResultsOf<N>> {
  return device.call(name, args, { connection: connection.number, limit });
}

/** The UUID right below. */
function predecessor(uuid: Uint8Array): Uint8Array {
  const before = uuid.slice();
  for (let i = before.length - 1; i >= 0; i--) {
    before[i] = (before[i] as number) - 1;
    if (before[i] !== 0xff) break;
  }
  return before;
}
