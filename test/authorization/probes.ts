/** Requests for every vendor function, made from the operation table: each of its rules broken once, and a right one. */

import { type ArgsOf, encodeRequest, HEADER_SIZE } from '#src/wire/message.ts';
import { type Operation } from '#src/wire/operation.ts';
import { vendorOperations } from '#src/wire/vendor-operations.ts';
import { type Kind, type Probe, type Purpose, type Role, type VendorName } from './model.ts';

/** What a connection has at hand. */
export interface Things {
  /** An EC key for signatures, with attributes; open twice more for functions that end a handle. */
  readonly pkey: number;
  readonly toClose: number;
  readonly toDelete: number;
  /** An RSA key under which keys travel. */
  readonly kekek: number;
  readonly uuid: Uint8Array;
  readonly spki: Uint8Array;
  readonly signature: Uint8Array;
  readonly exported: { readonly pkcs8: Uint8Array; readonly kek: Uint8Array };
  /** A session key that is usable without login, another at each call. */
  publicSession(): Promise<number>;
  /** A running digest, another at each call. */
  hash(): Promise<number>;
  pin(role: Role): Uint8Array;
}

export interface Request extends Probe {
  message(things: Things): Promise<Uint8Array>;
}

const NO_BYTES = new Uint8Array(0);
const DIGEST = new Uint8Array(32).fill(7);
const MUCH = 0xffff_ffff;
const NO_HANDLE = 0x7fff_ffff;
const TOKEN_SIGN = 0x09;
const PUBLIC_SESSION_SIGN = 0x11;
const NO_FLAGS = 0x40;
const EXPORT_MAX = { pkcs8Max: 5480, kekMax: 512 };
export const ROLE_NUMBERS: Readonly<Record<Role, number>> = { none: 0, user: 1, so: 2, wheel: 3 };

type Variants<N extends VendorName> = {
  /** Right arguments. */
  valid: (things: Things) => ArgsOf<N> | Promise<ArgsOf<N>>;
  implausible?: Partial<ArgsOf<N>>[];
  oversize?: Partial<ArgsOf<N>>[];
};

const allWith = <K extends string>(name: K, values: number[]) =>
  values.map((value) => ({ [name]: value }) as Record<K, number>);

/** Every function; one that is missing does not compile. */
const variants: { readonly [N in VendorName]: Variants<N> } = {
  GET_VERSION: { valid: () => ({}) },
  GET_RANDOM: { valid: () => ({ length: 5 }), oversize: allWith('length', [16_369, MUCH]) },
  SET_PIN: { valid: (t) => ({ user: 1, pin: t.pin('user') }), implausible: pinFaults() },
  LOGIN: { valid: (t) => ({ user: 1, pin: t.pin('user') }), implausible: pinFaults() },
  LOGOUT: { valid: () => ({}) },
  LOGOUT_ALL: { valid: () => ({}) },
  IS_LOGGED_IN: { valid: () => ({ user: 1 }), implausible: allWith('user', [0, 4, MUCH]) },
  HASH_GET_DIGEST_LEN: { valid: () => ({ alg: 3 }), implausible: allWith('alg', [0, 8, MUCH]) },
  HASH_GET_DIGEST_ALGORITHM_ID: {
    valid: () => ({ alg: 3, lenMax: 256 }),
    implausible: allWith('alg', [0, 8]),
    oversize: allWith('lenMax', [16_369, MUCH]),
  },
  HASH_GET_ALGORITHM: { valid: async (t) => ({ hash: await t.hash() }), implausible: allWith('hash', [0, NO_HANDLE]) },
  HASH_INITIALIZE: {
    valid: () => ({ session: 0, alg: 3, key: NO_BYTES }),
    implausible: allWith('alg', [0, 8]),
  },
  HASH_UPDATE: {
    valid: async (t) => ({ hash: await t.hash(), data: DIGEST }),
    implausible: allWith('hash', [0, NO_HANDLE]),
  },
  HASH_FINALIZE: {
    valid: async (t) => ({ hash: await t.hash(), length: 32 }),
    implausible: [{ length: 0 }, { length: 31 }, { hash: 0 }, { hash: NO_HANDLE }],
    oversize: allWith('length', [16_369, MUCH]),
  },
  PKEY_LOAD: {
    valid: (t) => ({ session: 0, der: t.spki.slice(), flags: TOKEN_SIGN }),
    implausible: [{ der: NO_BYTES }, { flags: NO_FLAGS }],
  },
  PKEY_OPEN: { valid: (t) => ({ session: 0, uuid: t.uuid }) },
  PKEY_GENERATE_RSA: {
    valid: () => ({ session: 0, bits: 1024, exponent: Uint8Array.of(1, 0, 1), flags: TOKEN_SIGN }),
    implausible: [{ bits: 0 }, { bits: 1028 }, { bits: MUCH }, { exponent: NO_BYTES }, { flags: NO_FLAGS }],
  },
  PKEY_GENERATE_EC: {
    valid: () => ({ session: 0, curve: 1, flags: TOKEN_SIGN }),
    implausible: [{ curve: 0 }, { curve: 4 }, { flags: MUCH }],
  },
  PKEY_CLOSE: { valid: (t) => ({ pkey: t.toClose }) },
  PKEY_DELETE: { valid: (t) => ({ pkey: t.toDelete }) },
  PKEY_GET_KEY_TYPE: { valid: (t) => ({ pkey: t.pkey }) },
  PKEY_GET_KEY_FLAGS: { valid: (t) => ({ pkey: t.pkey }) },
  PKEY_GET_PUBLIC_KEY_LEN: { valid: (t) => ({ pkey: t.pkey }) },
  PKEY_GET_PUBLIC_KEY: {
    valid: (t) => ({ pkey: t.pkey, derMax: 512 }),
    oversize: allWith('derMax', [16_369, MUCH]),
  },
  PKEY_SIGN: {
    valid: (t) => ({ pkey: t.pkey, hash: 0, input: DIGEST, sigMax: 64 }),
    implausible: [{ sigMax: 0 }, { input: NO_BYTES }, { hash: NO_HANDLE }],
    oversize: allWith('sigMax', [16_369, MUCH]),
  },
  PKEY_VERIFY: {
    valid: (t) => ({ pkey: t.pkey, hash: 0, input: DIGEST, signature: t.signature }),
    implausible: [{ signature: NO_BYTES }, { input: NO_BYTES }, { hash: NO_HANDLE }],
  },
  PKEY_MATCH: {
    valid: () => ({
      ...{ session: 0, type: 0, curve: 0, mask: 0, flags: 0, attributes: [] },
      ...{ state: 0, resultMax: 10, previous: new Uint8Array(16) },
    }),
    implausible: [{ resultMax: 0 }, { state: 4 }, { state: MUCH }],
  },
  PKEY_GET_KEY_CURVE: { valid: (t) => ({ pkey: t.pkey }) },
  PKEY_SET_ATTRIBUTES: {
    valid: (t) => ({ pkey: t.pkey, attributes: [{ type: 3, value: DIGEST }] }),
    implausible: [{ attributes: [] }],
  },
  PKEY_GET_ATTRIBUTES: {
    valid: (t) => ({ pkey: t.pkey, types: [3], bufferLen: 100 }),
    oversize: allWith('bufferLen', [2 ** 20 + 1, MUCH]),
  },
  PKEY_EXPORT: {
    valid: (t) => ({ pkey: t.pkey, kekek: t.kekek, ...EXPORT_MAX }),
    implausible: allWith('kekMax', [0, 32]),
    oversize: allWith('pkcs8Max', [16_368, MUCH]),
  },
  PKEY_IMPORT: {
    valid: (t) => ({ session: 0, kekek: t.kekek, ...t.exported, flags: TOKEN_SIGN }),
    implausible: [{ kek: NO_BYTES }, { kek: Uint8Array.of(1, 2) }, { flags: NO_FLAGS }],
  },
  PKEY_GENERATE_HASHSIG: {
    valid: () => ({ session: 0, levels: 1, lms: 5, lmots: 3, flags: TOKEN_SIGN }),
    implausible: [{ levels: 0 }, { levels: 9 }, { lms: 4 }, { lms: 10 }, { lmots: 0 }, { lmots: 5 }, { flags: MUCH }],
  },
  CHECK_TAMPER: { valid: () => ({}) },
  GET_HSM_STATE: { valid: () => ({}) },
  GET_IP: { valid: () => ({}) },
  SET_RPC_DEVICE: { valid: () => ({ index: 0 }) },
  DISABLE_CACHE_KEYGEN: { valid: () => ({}) },
  ENABLE_CACHE_KEYGEN: { valid: () => ({}) },
  USE_INCOMING_DEVICE_UUIDS: { valid: () => ({}) },
  USE_INCOMING_MASTER_UUIDS: { valid: () => ({}) },
};

function pinFaults(): { user?: number; pin?: Uint8Array }[] {
  return [{ pin: NO_BYTES }, { pin: Uint8Array.of(1, 2, 3) }, { user: 0 }, { user: 4 }];
}

/** These change the login or end it, and come last. */
const LAST: readonly VendorName[] = ['LOGIN', 'LOGOUT', 'LOGOUT_ALL'];

/** All requests, those that leave the connection as it is first. */
export function requestsFor(kind: Kind): Request[] {
  const names = Object.keys(vendorOperations) as VendorName[];
  return [...names.filter((name) => !LAST.includes(name)), ...LAST].flatMap((name) => requestsOf(name, kind));
}

function requestsOf(name: VendorName, kind: Kind): Request[] {
  const operation: Operation = vendorOperations[name];
  const { valid, implausible = [], oversize = [] } = variants[name] as Variants<VendorName>;
  const fields = Object.keys(operation.args);
  const handles = ['pkey', 'kekek'].filter((field) => fields.includes(field));
  const request = (
    purpose: Purpose,
    change: object | ((things: Things) => object | Promise<object>),
    more: Partial<Probe> & { cut?: boolean } = {},
  ): Request => ({
    name,
    purpose,
    usesKeys: handles.length > 0,
    isPublicSession: false,
    about: 'user',
    note: typeof change === 'function' ? '' : describe(change),
    ...more,
    async message(things) {
      const args = { ...(await valid(things)), ...(typeof change === 'function' ? await change(things) : change) };
      const message = encodeRequest(name, 0, args as ArgsOf<VendorName>);
      return more.cut === true ? message.subarray(0, HEADER_SIZE) : message;
    },
  });

  const requests = fields.length > 0 ? [request('cut', {}, { cut: true, note: 'no arguments' })] : [];
  requests.push(...implausible.map((change) => request('implausible', change)));
  // A buffer that a device cannot fill is no trouble for the appliance until it is larger than any message.
  requests.push(...oversize.map((change) => request('oversize', change)));
  requests.push(...handles.map((handle) => request('unknown handle', { [handle]: NO_HANDLE })));
  if (fields.includes('uuid')) requests.push(request('unknown name', { uuid: new Uint8Array(16).fill(1) }));
  if (name === 'SET_PIN' || name === 'IS_LOGGED_IN') {
    for (const about of ['user', 'so', 'wheel'] as const) {
      const user = ROLE_NUMBERS[about];
      const change = (t: Things) => (name === 'SET_PIN' ? { user, pin: t.pin(about) } : { user });
      requests.push(request('valid', change, { about, note: about }));
    }
    return requests;
  }
  requests.push(request('valid', {}));
  if (operation.caller !== 'userOrWheelUnlessPublicSession' && name !== 'PKEY_SIGN') return requests;
  if (operation.route === 'create') {
    // Hash-based keys are token keys; without the receiving key nothing can be imported.
    if (name === 'PKEY_GENERATE_HASHSIG' || name === 'PKEY_IMPORT') return requests;
    requests.push(
      request('valid', { flags: PUBLIC_SESSION_SIGN }, { isPublicSession: true, note: 'PUBLIC session key' }),
    );
  } else if (kind === 'device with public session keys') {
    const change = async (t: Things) => ({ pkey: await t.publicSession() });
    requests.push(request('valid', change, { isPublicSession: true, note: 'PUBLIC session key' }));
  }
  return requests;
}

function describe(change: object): string {
  return Object.entries(change)
    .map(
      ([name, value]) => `${name} ${value instanceof Uint8Array ? `of ${value.length} octets` : JSON.stringify(value)}`,
    )
    .join(', ');
}
