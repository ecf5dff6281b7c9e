/**
 * The calls of the vendor's PKCS#11 library (2019), as it makes them: same functions, same order, same buffer sizes, same
 * attributes. It shares no code with the product.
 */

import { type Results, type VendorClient } from './vendor-client.ts';

const [LOAD, OPEN, GENERATE_RSA, GENERATE_EC, CLOSE, DELETE, GET_TYPE] = [13, 14, 15, 16, 17, 18, 19] as const;
const [PUBLIC_KEY_LEN, PUBLIC_KEY, SIGN, VERIFY, MATCH, SET_ATTRIBUTES, GET_ATTRIBUTES] = [
  21, 22, 23, 24, 25, 27, 28,
] as const;

/** Type and hexadecimal value. */
export type Attributes = readonly (readonly [type: number, value: string])[];

/** CK_ULONG of a 64-bit client. */
export const ulong = (value: number): string => {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt32LE(value);
  return bytes.toString('hex');
};
const UNAVAILABLE = 'ffffffffffffffff';
const SESSION = 0x4000_0001;
const TOKEN = 0x08;

export interface KeyKind {
  readonly name: 'RSA' | 'EC';
  readonly keyType: number;
  readonly mechanism: number;
  /** DER of the curve. */
  readonly params: string;
}

export const RSA: KeyKind = { name: 'RSA', keyType: 0, mechanism: 0, params: '' };
export const EC: KeyKind = { name: 'EC', keyType: 3, mechanism: 0x1040, params: '06082a8648ce3d030107' };

export class VendorLibrary {
  readonly #client: VendorClient;

  constructor(client: VendorClient) {
    this.#client = client;
  }

  /** C_Login(CKU_USER). */
  async login(pin: string): Promise<void> {
    await this.#client.login(1, pin);
  }

  /** C_GenerateKeyPair with TOKEN, SIGN or VERIFY, LABEL and ID in both templates. */
  async generateKeyPair(
    kind: KeyKind,
    label: string,
    id: string,
  ): Promise<{ publicUuid: string; privateUuid: string; spki: Buffer }> {
    const text = Buffer.from(label).toString('hex');
    const F4 = Buffer.from('010001', 'hex');
    const made =
      kind === RSA
        ? await this.#client.ok(GENERATE_RSA, [SESSION, 2048, F4, 0x09])
        : await this.#client.ok(GENERATE_EC, [SESSION, 1, 0x09]);
    const [pkey, privateUuid] = [made.word(), made.opaque().toString('hex')];
    const length = (await this.#client.ok(PUBLIC_KEY_LEN, [pkey])).word();
    const spki = (await this.#client.ok(PUBLIC_KEY, [pkey, length])).opaque();
    const loaded = await this.#client.ok(LOAD, [SESSION, spki, 0x29]);
    const [publicKey, publicUuid] = [loaded.word(), loaded.opaque().toString('hex')];
    await this.#set(pkey, [...privateTemplate(text, id), ...privateDefaults(kind), ...extras(kind, spki, false)]);
    await this.#set(publicKey, [
      ...publicTemplate(kind, text, id),
      ...publicDefaults(kind),
      ...extras(kind, spki, true),
    ]);
    await this.#client.ok(CLOSE, [pkey]);
    await this.#client.ok(CLOSE, [publicKey]);
    return { publicUuid, privateUuid, spki: Buffer.from(spki) };
  }

  /** C_FindObjectsInit and C_FindObjects: token objects, then session objects if the page is not full. */
  async find(template: Attributes, max: number): Promise<string[]> {
    const found: string[] = [];
    for (const flags of [TOKEN, 0]) {
      const criteria = [SESSION, 0, 0, TOKEN, flags, template.length, ...flat(template)];
      let [state, previous] = [0, Buffer.alloc(16)];
      while (found.length < max) {
        const page = await this.#client.ok(MATCH, [...criteria, state, max - found.length, previous]);
        const room = max - found.length;
        state = page.word();
        const uuids = Array.from({ length: page.word() }, () => page.opaque());
        found.push(...uuids.map((uuid) => uuid.toString('hex')));
        previous = Buffer.from(uuids.at(-1) ?? previous);
        if (uuids.length < room) break;
      }
    }
    return found;
  }

  /** C_GetAttributeValue: `null` for CKR_ATTRIBUTE_TYPE_INVALID. */
  async getAttributes(uuid: string, types: readonly number[]): Promise<(string | null)[]> {
    const pkey = await this.#open(uuid);
    const [objectClass] = await this.#values(pkey, [0, 2, 1, 0x100], [8, 1, 1, 8], 18);
    if (objectClass === ulong(3)) await this.#values(pkey, [0x162, 0x103], [1, 1], 16);
    const lengths = await this.#lengths(pkey, types);
    const present = types.filter((_type, i) => lengths[i] !== 0xffff_ffff && lengths[i] !== 0);
    const sizes = lengths.filter((length) => length !== 0xffff_ffff && length !== 0);
    const sum = sizes.reduce((total, size) => total + size, 0);
    const values = sum === 0 ? [] : await this.#values(pkey, present, sizes, sum);
    await this.#client.ok(CLOSE, [pkey]);
    return types.map((type, i) => (lengths[i] === 0xffff_ffff ? null : (values[present.indexOf(type)] ?? '')));
  }

  /** C_SignInit and C_Sign with a ready digest or DigestInfo. */
  async sign(uuid: string, input: Uint8Array, { hashing }: { hashing: boolean }): Promise<Buffer> {
    await this.#init(uuid, 0x108);
    const pkey = await this.#open(uuid);
    const [keyType] = await this.#values(pkey, [0x100], [8], 8);
    let size: number;
    if (keyType === ulong(0)) {
      [size] = (await this.#lengths(pkey, [0x120])) as [number];
    } else {
      const [params] = await this.#values(pkey, [0x180], [undefined], 20);
      size = params === EC.params ? 64 : params === '06052b81040022' ? 96 : 132;
    }
    if (hashing) await this.#client.ok(GET_TYPE, [pkey]);
    const signature = (await this.#client.ok(SIGN, [pkey, 0, input, size])).opaque();
    await this.#client.ok(CLOSE, [pkey]);
    if (signature.length !== size) throw new RangeError(`a signature of ${signature.length} octets, not ${size}`);
    return Buffer.from(signature);
  }

  /** C_VerifyInit and C_Verify. Gives the status. */
  async verify(uuid: string, input: Uint8Array, signature: Uint8Array): Promise<number> {
    await this.#init(uuid, 0x10a);
    const pkey = await this.#open(uuid);
    const { status } = await this.#client.call(VERIFY, [pkey, 0, input, signature]);
    await this.#client.ok(CLOSE, [pkey]);
    return status;
  }

  /** C_DestroyObject; the CLOSE behind the DELETE fails, as it always does. */
  async destroy(uuid: string): Promise<number> {
    const pkey = await this.#open(uuid);
    await this.#values(pkey, [2, 1], [1, 1], 2);
    await this.#client.ok(DELETE, [pkey]);
    return (await this.#client.call(CLOSE, [pkey])).status;
  }

  /** A key by the RPC alone, without any attribute, as other tools make it. */
  async bareKey(flags: number): Promise<{ uuid: string; spki: Buffer }> {
    const made = await this.#client.ok(GENERATE_EC, [0, 1, flags]);
    const [pkey, uuid] = [made.word(), made.opaque().toString('hex')];
    const spki = Buffer.from((await this.#client.ok(PUBLIC_KEY, [pkey, 512])).opaque());
    await this.#client.ok(CLOSE, [pkey]);
    return { uuid, spki };
  }

  async setAttributes(uuid: string, attributes: Attributes): Promise<void> {
    const pkey = await this.#open(uuid);
    await this.#set(pkey, attributes);
    await this.#client.ok(CLOSE, [pkey]);
  }

  async #init(uuid: string, usage: number): Promise<void> {
    const pkey = await this.#open(uuid);
    const [, allowed] = await this.#values(pkey, [0x100, usage, 2, 1], [8, 1, 1, 1], 19);
    await this.#client.ok(CLOSE, [pkey]);
    if (allowed !== '01') throw new RangeError('CKR_KEY_FUNCTION_NOT_PERMITTED');
  }

  async #open(uuid: string): Promise<number> {
    return (await this.#client.ok(OPEN, [SESSION, Buffer.from(uuid, 'hex')])).word();
  }

  async #set(pkey: number, attributes: Attributes): Promise<void> {
    await this.#client.ok(SET_ATTRIBUTES, [pkey, attributes.length, ...flat(attributes)]);
  }

  /** A value query; the library has a fixed buffer for each value, so each has to have exactly its size. */
  async #values(
    pkey: number,
    types: readonly number[],
    sizes: readonly (number | undefined)[],
    room: number,
  ): Promise<string[]> {
    const reply = await this.#client.ok(GET_ATTRIBUTES, [pkey, types.length, ...types, room]);
    return pairs(reply, types).map((value, i) => {
      const bytes = value(reply);
      if (sizes[i] !== undefined && bytes.length !== sizes[i]) {
        throw new RangeError(`attribute ${types[i]?.toString(16)} has ${bytes.length} octets, not ${sizes[i]}`);
      }
      return bytes.toString('hex');
    });
  }

  async #lengths(pkey: number, types: readonly number[]): Promise<number[]> {
    const reply = await this.#client.ok(GET_ATTRIBUTES, [pkey, types.length, ...types, 0]);
    if (reply.word() !== types.length) throw new RangeError('another number of attributes');
    return types.map((type) => {
      if (reply.word() !== type) throw new RangeError('another attribute');
      return reply.word();
    });
  }
}

/** Readers of the values of a reply, in the order asked. */
function pairs(reply: Results, types: readonly number[]): ((from: Results) => Buffer)[] {
  if (reply.word() !== types.length) throw new RangeError('another number of attributes');
  return types.map((type) => (from) => {
    if (from.word() !== type) throw new RangeError('another attribute');
    return from.opaque();
  });
}

function flat(attributes: Attributes): (number | Uint8Array)[] {
  return attributes.flatMap(([type, value]) => [type, Buffer.from(value, 'hex')]);
}

function privateTemplate(label: string, id: string): Attributes {
  return [
    [1, '01'],
    [0x108, '01'],
    [3, label],
    [0x102, id],
  ];
}

function publicTemplate(kind: KeyKind, label: string, id: string): Attributes {
  const parameters: Attributes =
    kind === RSA
      ? [
          [0x121, ulong(2048)],
          [0x122, '010001'],
        ]
      : [[0x180, kind.params]];
  return [...parameters, [1, '01'], [0x10a, '01'], [3, label], [0x102, id]];
}

/** Defaults of the library's table, ascending. */
function privateDefaults({ keyType }: KeyKind): Attributes {
  return [
    [0, ulong(3)],
    [2, '01'],
    [0x100, ulong(keyType)],
    [0x101, ''],
    [0x103, '01'],
    [0x105, '00'],
    [0x107, '00'],
    [0x109, '00'],
    [0x10c, '00'],
    [0x110, ''],
    [0x111, ''],
    [0x162, '00'],
    [0x163, '00'],
    [0x166, UNAVAILABLE],
    [0x170, '01'],
    [0x210, '00'],
  ];
}

function publicDefaults({ keyType }: KeyKind): Attributes {
  return [
    [0, ulong(2)],
    [2, '01'],
    [0x86, '00'],
    [0x100, ulong(keyType)],
    [0x101, ''],
    [0x104, '00'],
    [0x106, '00'],
    [0x10b, '00'],
    [0x10c, '00'],
    [0x110, ''],
    [0x111, ''],
    [0x163, '00'],
    [0x166, UNAVAILABLE],
    [0x170, '01'],
  ];
}

/** What the library adds; LOCAL and KEY_GEN_MECHANISM a second time, with the right values. */
function extras(kind: KeyKind, spki: Buffer, isPublic: boolean): Attributes {
  const made: Attributes = [
    [0x163, '01'],
    [0x166, ulong(kind.mechanism)],
  ];
  if (kind === RSA) return [...made, [0x120, modulusOf(spki)], [0x122, '010001']];
  const point = `0441${spki.subarray(-65).toString('hex')}`;
  return [...made, [0x180, kind.params], ...(isPublic ? [[0x181, point] as const] : [])];
}

/** Of a SubjectPublicKeyInfo for 2048 bits and exponent 65537. */
function modulusOf(spki: Buffer): string {
  return spki.subarray(spki.length - 5 - 256, spki.length - 5).toString('hex');
}
