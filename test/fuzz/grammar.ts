/**
 * Makes requests from the operation table: well-formed ones with likely and unlikely values, and what is left of them when
 * they are cut, when a length or count lies, when numbers are extreme, when bytes are changed.
 */

import { KEKEK, EXPORTED_KEK, EXPORTED_KEY, EXPORTED_PKCS8 } from '#test/crypto/vendor-vectors.ts';
import { recordedCalls } from '#test/vectors/vectors.ts';
import { Curve, KeyFlags } from '#src/wire/enumerations.ts';
import { encodeRequest } from '#src/wire/message.ts';
import { type Operation } from '#src/wire/operation.ts';
import { type OperationName, operations } from '#src/wire/operations.ts';
import { type Schema } from '#src/wire/schema.ts';
import { type Random } from './random.ts';

/** Numbers at which arithmetic goes wrong. */
const EXTREMES = [
  0, 1, 2, 3, 4, 7, 8, 15, 16, 17, 31, 32, 33, 63, 64, 255, 256, 818, 819, 1024, 4095, 4096, 4097, 5479, 5480, 16_368,
  16_369, 16_383, 16_384, 65_535, 65_536, 1_048_576, 0x1fff_ffff, 0x2000_0000, 0x3fff_ffff, 0x4000_0000, 0x7fff_ffff,
  0x8000_0000, 0xffff_fff0, 0xffff_fffc, 0xffff_fffd, 0xffff_fffe, 0xffff_ffff,
] as const;

/** Likely values of numbers by the names of their fields. Nothing here keeps a device busy for long. */
const NUMBERS: Readonly<Record<string, readonly number[]>> = {
  user: [0, 1, 2, 3, 4],
  alg: [0, 1, 2, 3, 4, 5, 6, 7, 8],
  curve: [0, 1, 2, 3, 4, 16, 17],
  type: [0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 0x003, 0x102, 0x100, 0x180],
  flags: [0x01, 0x02, 0x09, 0x11, 0x21, 0x22, 0x29, 0x2b, 0x00, 0x3f, 0x40],
  mask: [0, 0x01, 0x08, 0x18, 0x3f],
  state: [0, 1, 2, 3, 4],
  session: [0, 1, 7],
  bits: [0, 1, 256, 384, 512, 521, 1016, 1023, 8200, 0xffff_fff8],
  levels: [0, 1, 9],
  lms: [0, 4, 5, 10],
  lmots: [0, 3, 4, 5],
  mechanism: [0x0001, 0x0000, 0x0006, 0x0040, 0x1040, 0x1041, 0x1044, 0x1055, 0x1057, 0x8000_1041],
  index: [0, 1, 2],
  version: [0, 1, 2],
};

const MAXIMA = [0, 32, 33, 64, 91, 128, 147, 256, 512, 2048, 5480, 16_368, 16_369] as const;

const DERS = [KEKEK, EXPORTED_KEY, EXPORTED_PKCS8, EXPORTED_KEK].map((der) => Buffer.from(der));
const RECORDED = recordedCalls.map(({ request_hex }) => Buffer.from(request_hex, 'hex'));

/** What earlier replies told: makes later requests hit something. */
export interface Known {
  readonly handles: readonly number[];
  readonly hashes: readonly number[];
  readonly uuids: readonly Uint8Array[];
}

/** Requests for an RSA key that keys travel under, and for keys that sign and may travel. */
export function keyRequests(client: number): Uint8Array[] {
  const flags = KeyFlags.DIGITALSIGNATURE | KeyFlags.KEYENCIPHERMENT | KeyFlags.EXPORTABLE;
  return [
    encodeRequest('PKEY_LOAD', client, { session: 0, der: KEKEK, flags }),
    encodeRequest('PKEY_LOAD', client, { session: 0, der: EXPORTED_KEY, flags }),
    encodeRequest('PKEY_GENERATE_EC', client, { session: 0, curve: Curve.P384, flags }),
    encodeRequest('PKEY_GENERATE_EC', client, { session: 0, curve: Curve.P256, flags: flags | KeyFlags.TOKEN }),
  ];
}

/** A part of a message that a mutation may change on purpose. */
interface Part {
  readonly bytes: Buffer;
  readonly kind: 'number' | 'length' | 'bytes';
}

export class Grammar {
  readonly #random: Random;
  readonly #names: readonly OperationName[];
  readonly #recorded: readonly Buffer[];

  /** @param names the functions to call */
  constructor(random: Random, names: readonly OperationName[]) {
    this.#random = random;
    this.#names = names;
    const codes = new Set(names.map((name) => operations[name].code));
    this.#recorded = RECORDED.filter((message) => message.length < 8 || codes.has(message.readUInt32BE(0)));
  }

  /**
   * A request without framing.
   * @param connection the first argument of functions between appliance and device
   */
  request(client: number, connection: number, known: Known): Buffer {
    const random = this.#random;
    if (random.oneIn(8)) return this.#mutated(client);
    if (random.oneIn(40)) return this.#noise(client);
    if (random.oneIn(40)) return Buffer.from(random.pick(keyRequests(client)));
    const name = random.pick(this.#names);
    const parts = this.#parts(name, connection, known);
    const header = Buffer.alloc(8);
    header.writeUInt32BE(operations[name].code);
    header.writeUInt32BE(client, 4);
    switch (random.below(8)) {
      case 0:
        return this.#cut(join(header, parts));
      case 1:
        return this.#lie(header, parts, 'length');
      case 2:
        return this.#lie(header, parts, 'number');
      case 3:
        return Buffer.concat([join(header, parts), random.bytes(random.below(12))]);
      default:
        return join(header, parts);
    }
  }

  /** A byte stream of frames with what disturbs framing: stray ENDs and ESCs, missing ENDs, noise in front. */
  stream(messages: readonly Uint8Array[]): Buffer {
    const random = this.#random;
    const bytes: number[] = [];
    for (const message of messages) {
      for (let i = random.oneIn(4) ? random.below(5) : 1; i > 0; i--) bytes.push(0xc0);
      for (const byte of message) {
        if (byte === 0xc0 || byte === 0xdb) bytes.push(0xdb, byte === 0xc0 ? 0xdc : 0xdd);
        else if (random.oneIn(400)) bytes.push(0xdb, byte);
        else bytes.push(byte);
      }
      if (random.oneIn(30)) bytes.push(0xdb);
      if (random.oneIn(40)) bytes.push(...random.bytes(random.below(30)));
      bytes.push(0xc0);
    }
    return Buffer.from(bytes);
  }

  #parts(name: OperationName, connection: number, known: Known): Part[] {
    const parts: Part[] = [];
    const fields = Object.entries((operations[name] as Operation).args) as [string, Schema<unknown>][];
    for (const [field, schema] of fields) {
      if (field === 'connection') parts.push(number(connection));
      else this.#add(parts, field, schema, known);
    }
    return parts;
  }

  #add(parts: Part[], field: string, schema: Schema<unknown>, known: Known): void {
    const random = this.#random;
    const { shape } = schema;
    switch (shape.type) {
      case 'u32':
        parts.push(number(this.#number(field, known)));
        break;
      case 'uuid':
        addOpaque(parts, this.#uuid(known));
        break;
      case 'text':
      case 'opaque':
        addOpaque(parts, this.#opaque(field, shape.max));
        break;
      case 'opaqueOrNil':
        if (random.oneIn(4)) parts.push({ bytes: number(0xffff_ffff).bytes, kind: 'length' });
        else addOpaque(parts, this.#opaque(field, shape.max));
        break;
      case 'array': {
        const count = random.pick([0, 1, 1, 2, 3, 9]);
        parts.push({ bytes: number(count).bytes, kind: 'length' });
        for (let i = 0; i < count; i++) this.#add(parts, field, shape.item, known);
        break;
      }
      case 'struct':
        for (const [inner, part] of Object.entries(shape.fields)) this.#add(parts, inner, part, known);
        break;
    }
  }

  #number(field: string, known: Known): number {
    const random = this.#random;
    if (random.oneIn(16)) return random.oneIn(2) ? random.pick(EXTREMES) : random.word();
    if (field === 'hash') return random.oneIn(2) ? 0 : handle(random, known.hashes);
    if (field === 'pkey' || field === 'kekek') return handle(random, known.handles);
    if (/max|limit|length|bufferLen/i.test(field)) return random.pick(MAXIMA);
    const likely = NUMBERS[field];
    return likely ? random.pick(likely) : random.pick(EXTREMES);
  }

  #uuid({ uuids }: Known): Uint8Array {
    const random = this.#random;
    if (uuids.length > 0 && !random.oneIn(4)) return random.pick(uuids);
    return random.oneIn(4) ? Buffer.alloc(16) : random.bytes(random.oneIn(20) ? random.below(40) : 16);
  }

  #opaque(field: string, max: number): Buffer {
    const random = this.#random;
    if (field === 'exponent')
      return random.pick([Buffer.of(1, 0, 1), Buffer.of(0, 1, 0, 1), Buffer.of(3), Buffer.of()]);
    if (field === 'der' || field === 'pkcs8' || field === 'kek') {
      const der = Buffer.from(random.pick(DERS));
      if (random.oneIn(2)) this.#damage(der);
      return random.oneIn(8) ? der.subarray(0, random.below(der.length)) : der;
    }
    const length = random.oneIn(100) ? Math.min(max, random.below(20_000)) : random.pick([0, 1, 4, 16, 20, 32, 64, 65]);
    return random.bytes(Math.min(length, max));
  }

  #cut(message: Buffer): Buffer {
    return message.subarray(0, this.#random.below(message.length + 1));
  }

  /** One length or number is replaced by an extreme one. */
  #lie(header: Buffer, parts: readonly Part[], kind: 'length' | 'number'): Buffer {
    const candidates = parts.filter((part) => part.kind === kind);
    const victim = candidates.length > 0 ? this.#random.pick(candidates) : undefined;
    const lie = number(this.#random.pick(EXTREMES)).bytes;
    return Buffer.concat([header, ...parts.map((part) => (part === victim ? lie : part.bytes))]);
  }

  /** A recorded request with changed bytes, words or length. */
  #mutated(client: number): Buffer {
    const random = this.#random;
    const message = Buffer.from(random.pick(this.#recorded));
    if (message.length < 8) return message;
    message.writeUInt32BE(client, 4);
    // Generation of large keys is the one valid request that takes long.
    const isGeneration = message.readUInt32BE(0) === operations.PKEY_GENERATE_RSA.code;
    const isHashsig = message.readUInt32BE(0) === operations.PKEY_GENERATE_HASHSIG.code;
    if (isGeneration || isHashsig) return message.subarray(0, 8 + random.below(8));
    for (let i = random.below(4); i > 0 && message.length > 12; i--) {
      if (random.oneIn(2))
        message.writeUInt32BE(random.pick(EXTREMES), 8 + 4 * random.below((message.length - 8) >> 2));
      else message[8 + random.below(message.length - 8)] = random.word();
    }
    return random.oneIn(5) ? this.#cut(message) : message;
  }

  #noise(client: number): Buffer {
    const bytes = this.#random.bytes(this.#random.below(64));
    if (bytes.length >= 8 && this.#random.oneIn(2)) bytes.writeUInt32BE(client, 4);
    return bytes;
  }

  #damage(bytes: Buffer): void {
    for (let i = this.#random.below(3) + 1; i > 0; i--) bytes[this.#random.below(bytes.length)] = this.#random.word();
  }
}

function handle(random: Random, known: readonly number[]): number {
  return known.length > 0 && !random.oneIn(8) ? random.pick(known) : random.word();
}

function number(value: number): Part {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(value >>> 0);
  return { bytes, kind: 'number' };
}

function addOpaque(parts: Part[], bytes: Uint8Array): void {
  parts.push({ bytes: number(bytes.length).bytes, kind: 'length' });
  const padded = Buffer.alloc(4 * Math.ceil(bytes.length / 4));
  padded.set(bytes);
  parts.push({ bytes: padded, kind: 'bytes' });
}

function join(header: Buffer, parts: readonly Part[]): Buffer {
  return Buffer.concat([header, ...parts.map(({ bytes }) => bytes)]);
}
