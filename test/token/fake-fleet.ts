/** A fleet in memory: real keys by node:crypto, the real key table, logins by fiat, and the device's rules that the token relies on. */

import {
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign as signWith,
  verify as verifyWith,
  constants,
} from 'node:crypto';
import { type FleetConnection } from '#src/fleet/connection.ts';
import { type KeyEntry, KeyTable } from '#src/fleet/key-table.ts';
import { type TokenFleet } from '#src/token/token-fleet.ts';
import { CK_UNAVAILABLE_INFORMATION, CKA, CKM } from '#src/cryptoki/constants.ts';
import { CURVES } from '#src/cryptoki/curves.ts';
import { ecPointOf, rsaNumbers } from '#src/cryptoki/public-key-info.ts';
import { FALSE, ulongValue } from '#src/cryptoki/values.ts';
import { idOf } from '#src/token/uuid.ts';
import { ApplianceState, Curve, KeyFlags, KeyType, User } from '#src/wire/enumerations.ts';
import { HalError } from '#src/wire/status.ts';
import { fakeObjects, fakeUses } from './fake-objects.ts';

export class FakeConnection implements FleetConnection {
  readonly number: number;
  readonly #fleet: FakeFleet;
  user: User = User.NONE;
  closed = false;

  constructor(number: number, fleet: FakeFleet) {
    this.number = number;
    this.#fleet = fleet;
  }

  login(user: User): Promise<void> {
    this.user = user;
    return Promise.resolve();
  }

  logout(keepsPublic = false): Promise<void> {
    this.user = User.NONE;
    for (const { id, flags } of this.#fleet.keys.ownedBy(this)) {
      if (!keepsPublic || (flags & KeyFlags.PUBLIC) === 0) this.#fleet.keys.remove(id);
    }
    return Promise.resolve();
  }

  setPin(): Promise<void> {
    return Promise.resolve();
  }

  async replacePin(user: User, oldPin: Uint8Array, newPin: Uint8Array): Promise<void> {
    this.#fleet.begin('replacePin', undefined, 0);
    this.#fleet.pinChanges.push([user, Buffer.from(oldPin).toString(), Buffer.from(newPin).toString()]);
    await Promise.resolve();
  }

  async close(): Promise<void> {
    await this.logout();
    this.closed = true;
  }
}

const NODE_CURVES = new Map<number, string>([
  [Curve.P256, 'P-256'],
  [Curve.P384, 'P-384'],
  [Curve.P521, 'P-521'],
]);

/** RSA keys take long to make; a test needs no fresh ones. */
const rsaKeys = new Map<number, { publicKey: KeyObject; privateKey: KeyObject }>();

const PUBLIC_TYPES = new Map<KeyType, KeyType>([
  [KeyType.RSA_PRIVATE, KeyType.RSA_PUBLIC],
  [KeyType.EC_PRIVATE, KeyType.EC_PUBLIC],
  [KeyType.ED_PRIVATE, KeyType.ED_PUBLIC],
]);

type CreatePair = Parameters<TokenFleet['createPair']>[1];
type LoadKey = Parameters<TokenFleet['loadKey']>[1];
type Attributes = { type: number; value: Uint8Array }[];

export class FakeFleet implements TokenFleet {
  readonly keys = new KeyTable();
  state: ApplianceState = ApplianceState.OPERATIONAL;
  hasOnlyBoards = false;
  pinState = { userFailures: 0, soFailures: 0, pinsSet: 0b1110 };
  readonly objects = fakeObjects(this);
  readonly uses = fakeUses(this);
  /** Secret parts by id. */
  readonly values = new Map<string, Uint8Array>();
  /** Role, old and new PIN. */
  readonly pinChanges: [User, string, string][] = [];
  /** PIN of the security officer, and whether the keys are to go. */
  readonly initialisations: [string, boolean][] = [];
  /** What came with the last signature. */
  lastParameter: Uint8Array = new Uint8Array(0);
  /** Every request that changes something, by name. */
  readonly requests: string[] = [];
  /** The next request of this name fails. */
  failNext: { name: string; error: Error } | undefined;
  readonly #secrets = new Map<string, KeyObject>();
  #connections = 0;

  connection(user: User = User.NONE): FakeConnection {
    const connection = new FakeConnection(++this.#connections, this);
    connection.user = user;
    return connection;
  }

  async createPair(connection: FleetConnection, request: CreatePair) {
    this.begin('createPair', connection, request.flags & request.publicFlags);
    const existing = this.keys.get(idOf(request.name));
    const existingPublic = this.keys.get(idOf(request.publicName));
    if (existing && existingPublic) return { privateKey: existing, publicKey: existingPublic };
    const { publicKey, privateKey } = generate(request);
    await Promise.resolve();
    const spki = publicKey.export({ type: 'spki', format: 'der' });
    const secret = this.#enter(connection, spki, request.type, request, request.attributes);
    const open = this.#enter(
      connection,
      spki,
      PUBLIC_TYPES.get(request.type) as KeyType,
      { ...request, name: request.publicName, flags: request.publicFlags },
      request.publicAttributes,
    );
    this.#secrets.set(secret.id, privateKey);
    return { privateKey: secret, publicKey: open };
  }

  async loadKey(connection: FleetConnection, request: LoadKey) {
    this.begin('loadKey', connection, request.flags);
    const existing = this.keys.get(idOf(request.name));
    if (existing) return existing;
    await Promise.resolve();
    const key = parse(request.der);
    const type = key.asymmetricKeyType === 'rsa' ? KeyType.RSA_PUBLIC : KeyType.EC_PUBLIC;
    const named = CURVES.find(({ oid }) => Buffer.from(request.der).includes(oid));
    return this.#enter(
      connection,
      request.der,
      named?.publicType ?? type,
      {
        ...request,
        curve: named?.curve ?? Curve.NONE,
        bits: key.asymmetricKeyDetails?.modulusLength ?? named?.bits ?? 0,
      },
      [...request.attributes, ...IMPORTED],
    );
  }

  async initialise(_: FleetConnection, pin: Uint8Array, erase: boolean) {
    this.begin('initialise', undefined, 0);
    await Promise.resolve();
    this.initialisations.push([Buffer.from(pin).toString(), erase]);
  }

  async deleteKeys(connection: FleetConnection, entries: readonly KeyEntry[]) {
    this.begin('deleteKeys', connection, 0);
    await Promise.resolve();
    for (const { id } of entries) this.keys.remove(id);
  }

  async setAttributes(
    connection: FleetConnection,
    entry: KeyEntry,
    changes: readonly { type: number; value: Uint8Array | null }[],
  ) {
    this.begin('setAttributes', connection, entry.flags);
    await Promise.resolve();
    const attributes = new Map(entry.attributes);
    for (const { type, value } of changes) if (value) attributes.set(type, value);
    const changed = { ...entry, attributes };
    this.keys.add([changed]);
    return changed;
  }

  async sign(_: FleetConnection, entry: KeyEntry, mechanism: number, parameter: Uint8Array, data: Uint8Array) {
    this.begin('sign', undefined, 0);
    this.lastParameter = parameter.slice();
    await Promise.resolve();
    const key = this.#secrets.get(entry.id);
    if (!key) throw new HalError('KEY_NOT_FOUND');
    if (mechanism === CKM.EDDSA) return signWith(null, data, key);
    // node:crypto signs no ready digest, so the fake hashes again for ECDSA; only the token is under test.
    if (entry.type === KeyType.EC_PRIVATE) return signWith('sha256', data, { key, dsaEncoding: 'ieee-p1363' });
    return signWith('sha256', data, { key, padding: constants.RSA_PKCS1_PADDING });
  }

  async verify(
    _: FleetConnection,
    entry: KeyEntry,
    mechanism: number,
    __: Uint8Array,
    data: Uint8Array,
    signature: Uint8Array,
  ) {
    await Promise.resolve();
    const key = parse(entry.spki);
    const good =
      mechanism === CKM.EDDSA
        ? verifyWith(null, data, key, signature)
        : verifyWith('sha256', data, { key, dsaEncoding: 'ieee-p1363' }, signature);
    if (!good) throw new HalError('INVALID_SIGNATURE');
  }

  /** A key as another tool stores it. */
  put(type: KeyType, spki: Uint8Array, fields: Partial<KeyEntry>): KeyEntry {
    const name = fields.name ?? crypto.getRandomValues(new Uint8Array(16));
    const entry: KeyEntry = {
      name,
      id: idOf(name),
      copies: new Map(),
      type,
      curve: Curve.NONE,
      bits: 0,
      flags: KeyFlags.TOKEN,
      spki,
      attributes: new Map(),
      owner: undefined,
      session: 0,
      ...fields,
    };
    this.keys.add([entry]);
    return entry;
  }

  /** Access rule userOrWheelUnlessPublicSession, and the failure that a test has asked for. */
  begin(name: string, connection: FleetConnection | undefined, flags: number): void {
    this.requests.push(name);
    const publicSession = (flags & KeyFlags.PUBLIC) !== 0 && (flags & KeyFlags.TOKEN) === 0;
    if (connection && name !== 'deleteKeys' && !publicSession && connection.user !== User.NORMAL) {
      throw new HalError('FORBIDDEN');
    }
    if (this.failNext?.name !== name) return;
    const { error } = this.failNext;
    this.failNext = undefined;
    throw error;
  }

  #enter(
    connection: FleetConnection,
    spki: Uint8Array,
    type: KeyType,
    request: { name: Uint8Array; flags: number; session: number; curve: Curve; bits: number },
    attributes: Attributes,
  ): KeyEntry {
    const session = (request.flags & KeyFlags.TOKEN) === 0;
    return this.put(type, Uint8Array.from(spki), {
      name: request.name.slice(),
      curve: request.curve,
      bits: request.bits,
      flags: request.flags,
      attributes: new Map([...derived(spki, type), ...attributes].map(({ type: t, value }) => [t, value.slice()])),
      owner: session ? connection : undefined,
      session: session ? request.session : 0,
    });
  }
}

/** What a device notes of a key that it did not make. */
const IMPORTED: Attributes = [
  { type: CKA.LOCAL, value: FALSE },
  { type: CKA.KEY_GEN_MECHANISM, value: ulongValue(CK_UNAVAILABLE_INFORMATION) },
];

/** What a device appends by itself. */
function derived(spki: Uint8Array, type: KeyType): Attributes {
  if (type === KeyType.RSA_PRIVATE || type === KeyType.RSA_PUBLIC) {
    const { modulus, exponent } = rsaNumbers(spki);
    return [
      { type: CKA.MODULUS, value: modulus },
      { type: CKA.PUBLIC_EXPONENT, value: exponent },
    ];
  }
  const curve = CURVES.find(({ oid }) => Buffer.from(spki).includes(oid));
  const params = { type: CKA.EC_PARAMS, value: curve?.oid ?? new Uint8Array() };
  return type === curve?.publicType ? [params, { type: CKA.EC_POINT, value: ecPointOf(spki) }] : [params];
}

function generate({ type, curve, bits }: CreatePair): { publicKey: KeyObject; privateKey: KeyObject } {
  if (type === KeyType.RSA_PRIVATE) {
    const known = rsaKeys.get(bits) ?? generateKeyPairSync('rsa', { modulusLength: Math.min(bits, 2048) });
    rsaKeys.set(bits, known);
    return known;
  }
  if (curve === Curve.ED25519) return generateKeyPairSync('ed25519');
  if (curve === Curve.ED448) return generateKeyPairSync('ed448');
  return generateKeyPairSync('ec', { namedCurve: NODE_CURVES.get(curve) as string });
}

function parse(spki: Uint8Array): KeyObject {
  try {
    return createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
  } catch {
    throw new HalError('KEY_NOT_ON_CURVE');
  }
}
