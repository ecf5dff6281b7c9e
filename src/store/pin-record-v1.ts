/**
 * Stored form of a PIN, version 1: the byte 1, a byte for the scheme, its numbers (32 bits each, big-endian), then salt
 * and value, each behind its length (32 bits).
 */

import { type PinRecord } from '#src/crypto/pin-hash.ts';
import { HalError } from '#src/wire/status.ts';

const VERSION = 1;
const SCRYPT = 1;
const PBKDF2_SHA256 = 2;

export function encodePinRecord(record: PinRecord): Uint8Array {
  const numbers =
    record.scheme === 'scrypt' ? [record.cost, record.blockSize, record.parallelization] : [record.iterations];
  const head = Buffer.from([VERSION, record.scheme === 'scrypt' ? SCRYPT : PBKDF2_SHA256]);
  const words = (values: number[]) => {
    const bytes = Buffer.alloc(4 * values.length);
    values.forEach((value, index) => bytes.writeUInt32BE(value, 4 * index));
    return bytes;
  };
  const { salt, value } = record;
  return Buffer.concat([head, words(numbers), words([salt.length]), salt, words([value.length]), value]);
}

/** @throws HalError KEYSTORE_LOST_DATA if the bytes are damaged */
export function decodePinRecord(bytes: Uint8Array): PinRecord {
  if (bytes[0] !== VERSION) throw new HalError('KEYSTORE_LOST_DATA', `a PIN record of version ${bytes[0]}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let offset = 2;
  const number = () => {
    if (offset + 4 > bytes.length) throw new HalError('KEYSTORE_LOST_DATA', 'a PIN record is cut off');
    offset += 4;
    return view.getUint32(offset - 4);
  };
  const opaque = () => {
    const length = number();
    if (offset + length > bytes.length) throw new HalError('KEYSTORE_LOST_DATA', 'a PIN record is cut off');
    offset += length;
    return bytes.slice(offset - length, offset);
  };
  switch (bytes[1]) {
    case SCRYPT: {
      const [cost, blockSize, parallelization] = [number(), number(), number()];
      return { scheme: 'scrypt', cost, blockSize, parallelization, salt: opaque(), value: opaque() };
    }
    case PBKDF2_SHA256: {
      const iterations = number();
      return { scheme: 'pbkdf2-sha256', iterations, salt: opaque(), value: opaque() };
    }
    default:
      throw new HalError('KEYSTORE_LOST_DATA', `a PIN record of scheme ${bytes[1]}`);
  }
}
