/**
 * Key derivation by a pseudo-random function (SP 800-108r1): counter, feedback and double-pipeline mode. What the function is fed
 * with is put together field by field, as PKCS#11 3.1 section 6.42 lets the caller choose.
 */

import { aesBits } from './aes.ts';
import { HASHES, type HashName } from './hashes.ts';
import { cmac, hmac } from './mac.ts';
import { wipe } from './process-hardening.ts';
import { CryptoRefusal } from './refusal.ts';

export type KbkdfMode = 'counter' | 'feedback' | 'double-pipeline';

/** HMAC with a hash, or CMAC with the AES key that is derived from. */
export type KbkdfPrf = { readonly kind: 'hmac'; readonly hash: HashName } | { readonly kind: 'cmac' };

/** How a number is written. */
interface NumberFormat {
  /** 8, 16, 24 or 32; of a length also 64. */
  readonly bits: number;
  readonly littleEndian?: boolean;
}

export type KbkdfField =
  /** CK_SP800_108_ITERATION_VARIABLE: the counter in counter mode (the format counts), else the value that is fed back. */
  | ({ readonly kind: 'iteration' } & NumberFormat)
  /** CK_SP800_108_OPTIONAL_COUNTER of the other two modes. */
  | ({ readonly kind: 'counter' } & NumberFormat)
  /** CK_SP800_108_DKM_LENGTH: bits of the key, or of all segments that it is cut from. */
  | ({ readonly kind: 'length'; readonly method: 'keys' | 'segments' } & NumberFormat)
  /** CK_SP800_108_BYTE_ARRAY: label, separator, context. */
  | { readonly kind: 'bytes'; readonly value: Uint8Array };

export interface KbkdfParameters {
  readonly fields: readonly KbkdfField[];
  /** K(0) of feedback mode. */
  readonly iv?: Uint8Array;
}

const MAX_LENGTH = 8192;
const COUNTER_BITS: readonly number[] = [8, 16, 24, 32];
const LENGTH_BITS: readonly number[] = [...COUNTER_BITS, 64];
const NO_BYTES = new Uint8Array(0);

/**
 * Derives a key. Secret: wipe it after use.
 * @param length bytes wanted
 * @throws CryptoRefusal parameter, key-size (CMAC with what is no AES key)
 */
export async function kbkdf(
  mode: KbkdfMode,
  prf: KbkdfPrf,
  key: Uint8Array,
  parameters: KbkdfParameters,
  length: number,
): Promise<Uint8Array> {
  const size = prf.kind === 'cmac' ? aesBits(key) && 16 : HASHES[prf.hash].size;
  if (!Number.isSafeInteger(length) || length < 1 || length > MAX_LENGTH) {
    throw new CryptoRefusal('parameter', `key of ${length} bytes`);
  }
  const count = Math.ceil(length / size);
  const fields = checkFields(mode, parameters, count);
  const run = (input: Uint8Array): Promise<Uint8Array> =>
    prf.kind === 'cmac' ? cmac(key, input) : hmac(prf.hash, key, input);
  const keyBits = 8n * BigInt(length);
  const segmentBits = 8n * BigInt(count * size);
  const fixed = (field: KbkdfField): Uint8Array => fixedField(field, keyBits, segmentBits);

  const result = new Uint8Array(length);
  let iteration: Uint8Array =
    mode === 'feedback'
      ? (parameters.iv ?? NO_BYTES)
      : Buffer.concat(fields.filter(({ kind }) => kind === 'bytes' || kind === 'length').map(fixed));
  for (let index = 1; index <= count; index++) {
    // A(i) of the first pipeline; feedback mode takes K(i-1).
    if (mode === 'double-pipeline') iteration = await run(iteration);
    const input = Buffer.concat(fields.map((field) => fieldBytes(field, mode, index, iteration, fixed)));
    const segment = await run(input);
    wipe(input);
    result.set(segment.subarray(0, length - (index - 1) * size), (index - 1) * size);
    if (mode === 'feedback') iteration = segment;
    else wipe(segment);
  }
  return result;
}

function fieldBytes(
  field: KbkdfField,
  mode: KbkdfMode,
  index: number,
  iteration: Uint8Array,
  fixed: (field: KbkdfField) => Uint8Array,
): Uint8Array {
  switch (field.kind) {
    case 'iteration':
      return mode === 'counter' ? writeNumber(BigInt(index), field) : iteration;
    case 'counter':
      return writeNumber(BigInt(index), field);
    case 'length':
    case 'bytes':
      return fixed(field);
  }
}

function fixedField(field: KbkdfField, keyBits: bigint, segmentBits: bigint): Uint8Array {
  if (field.kind === 'length') return writeNumber(field.method === 'keys' ? keyBits : segmentBits, field);
  return field.kind === 'bytes' ? field.value : NO_BYTES;
}

function writeNumber(value: bigint, { bits, littleEndian }: NumberFormat): Uint8Array {
  if (value >= 1n << BigInt(bits)) throw new CryptoRefusal('parameter', `a number needs more than ${bits} bits`);
  const bytes = Buffer.from(value.toString(16).padStart(bits / 4, '0'), 'hex');
  return littleEndian ? bytes.reverse() : bytes;
}

/** Each field once at most but for bytes; the iteration variable always; the counter nowhere in counter mode. */
function checkFields(mode: KbkdfMode, { fields }: KbkdfParameters, count: number): readonly KbkdfField[] {
  const number = (kind: KbkdfField['kind']): number => fields.filter((field) => field.kind === kind).length;
  if (number('iteration') !== 1 || number('counter') > (mode === 'counter' ? 0 : 1) || number('length') > 1) {
    throw new CryptoRefusal('parameter', 'a field is missing, too many or not of this mode');
  }
  for (const field of fields) {
    if (field.kind === 'bytes' || (field.kind === 'iteration' && mode !== 'counter')) continue;
    const allowed = field.kind === 'length' ? LENGTH_BITS : COUNTER_BITS;
    if (!allowed.includes(field.bits)) throw new CryptoRefusal('parameter', `a number of ${field.bits} bits`);
    if (field.kind !== 'length' && count >= 2 ** field.bits)
      throw new CryptoRefusal('parameter', 'the counter is too short');
  }
  return fields;
}
