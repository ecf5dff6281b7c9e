/**
 * Stored forms of PINs. New ones are scrypt (RFC 7914); records of a CrypTech device (libhal `hal_set_pin`:
 * PBKDF2-HMAC-SHA-256, 16 bytes of salt, 64 bytes of result) are read too, among them the factory wheel PIN.
 */

import { createHash, pbkdf2, randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';

import { Bug } from '#src/wire/status.ts';

import { Gate } from './gate.ts';

export type PinRecord = ScryptPinRecord | Pbkdf2PinRecord;

interface ScryptPinRecord {
  readonly scheme: 'scrypt';
  /** Parameters of RFC 7914 section 2: N, r and p. Memory is 128 * N * r bytes. */
  readonly cost: number;
  readonly blockSize: number;
  readonly parallelization: number;
  readonly salt: Uint8Array;
  readonly value: Uint8Array;
}

interface Pbkdf2PinRecord {
  readonly scheme: 'pbkdf2-sha256';
  /** 0 means {@link DEFAULT_ITERATIONS}. */
  readonly iterations: number;
  readonly salt: Uint8Array;
  readonly value: Uint8Array;
}

const scryptAsync = promisify<string | Uint8Array, Uint8Array, number, object, Buffer>(scrypt);
const pbkdf2Async = promisify(pbkdf2);

/** 32 MiB and about 80 ms a guess: dear for someone with a copy of the store, cheap for a login. */
const NEW_RECORD = { scheme: 'scrypt', cost: 2 ** 15, blockSize: 8, parallelization: 1 } as const;
const SALT_SIZE = 16;
const VALUE_SIZE = 32;

/** Caps what a damaged or forged record can make us do. */
const MAX_MEMORY = 256 * 1024 * 1024;
const MAX_ITERATIONS = 10_000_000;

/** libhal `HAL_PIN_DEFAULT_ITERATIONS`. */
const DEFAULT_ITERATIONS = 2000;

/**
 * The wheel PIN of a factory-new device, `YouReallyNeedToChangeThisPINRightNowWeAreNotKidding`
 * (libhal `hal_last_gasp_pin`, as a PBKDF2 record with 1000 iterations).
 */
export const FACTORY_WHEEL_PIN_RECORD: PinRecord = {
  scheme: 'pbkdf2-sha256',
  iterations: 1000,
  salt: Buffer.from('343f183694ebdab65a5cbec761a0435f', 'hex'),
  value: Buffer.from(
    'd5dee99f0cd0c172fee18ee2ad949e9ab21114e4a404f098d144228a7c235ddb' +
      'e429a6954bbb34f7168b3f6765c9a22bcc5a25a7efd52e9975c80fd9ff76f61c',
    'hex',
  ),
};

/** Compared against where no scrypt record is; no PIN matches it because nobody looks at the result. */
const DECOY: ScryptPinRecord = { ...NEW_RECORD, salt: new Uint8Array(SALT_SIZE), value: new Uint8Array(VALUE_SIZE) };

/** Makes the record of a new PIN. */
export async function hashPin(pin: Uint8Array): Promise<PinRecord> {
  const salt = randomBytes(SALT_SIZE);
  return {
    ...NEW_RECORD,
    salt,
    value: await scryptValue(pin, { ...NEW_RECORD, salt, value: new Uint8Array(VALUE_SIZE) }),
  };
}

/**
 * Whether a PIN fits a record. Every call costs one scrypt, whether the PIN was never set (`undefined`), is still the
 * factory's or is a new one, so the time says nothing about the state of a role.
 */
export async function verifyPin(pin: Uint8Array, record: PinRecord | undefined): Promise<boolean> {
  const slow = record?.scheme === 'scrypt' ? record : DECOY;
  const matches = timingSafeEqual(await scryptValue(pin, slow), slow.value);
  if (record === undefined) return false;
  if (record.scheme === 'scrypt') return matches;
  const iterations = record.iterations || DEFAULT_ITERATIONS;
  if (record.value.length < VALUE_SIZE || iterations > MAX_ITERATIONS) throw new Bug('damaged PIN record');
  const value = await pbkdf2Async(distinct(pin), record.salt, iterations, record.value.length, 'sha256');
  return timingSafeEqual(value, record.value);
}

/** A storm of logins shall not take every thread of the pool from RSA signing, nor all memory. */
const gate = new Gate(2);

function scryptValue(pin: Uint8Array, record: ScryptPinRecord): Promise<Uint8Array> {
  const { cost, blockSize, parallelization, salt, value } = record;
  if (value.length < VALUE_SIZE) throw new Bug('damaged PIN record');
  const options = { cost, blockSize, parallelization, maxmem: MAX_MEMORY };
  return gate.run(() => scryptAsync(distinct(pin), salt, value.length, options));
}

/**
 * Both functions take the PIN as the key of an HMAC, which is padded with zero bytes (RFC 2104, 2): a PIN with zero bytes behind it
 * would fit the record of the PIN without them.
 */
function distinct(pin: Uint8Array): Uint8Array {
  return pin.at(-1) === 0 ? createHash('sha256').update(pin).update(Uint8Array.of(1)).digest() : pin;
}
