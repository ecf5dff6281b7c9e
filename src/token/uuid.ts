/** UUIDs (RFC 9562) as keys of maps, as text, and derived from other UUIDs. */

import { createHash, randomBytes } from 'node:crypto';

/** 32 hexadecimal digits; ascending ids are ascending UUIDs. */
export function idOf(uuid: Uint8Array): string {
  return Buffer.from(uuid.buffer, uuid.byteOffset, uuid.byteLength).toString('hex');
}

/** The usual text form, 36 characters, of an id. */
export function uuidText(id: string): string {
  return `${id.slice(0, 8)}-${id.slice(8, 12)}-${id.slice(12, 16)}-${id.slice(16, 20)}-${id.slice(20)}`;
}

/** The id that a text form stands for; `undefined` if it is none. */
export function idOfText(text: Uint8Array): string | undefined {
  const id = Buffer.from(text.buffer, text.byteOffset, text.byteLength).toString('latin1').replaceAll('-', '');
  return text.length === 36 && /^[0-9a-f]{32}$/.test(id) ? id : undefined;
}

/**
 * The name of the object that a request makes: the request's UUID as one of version 4, so that a repeated request finds
 * the object that it made already. A request of zeros is nobody's and gets a random name.
 */
export function nameOfRequest(request: Uint8Array): Uint8Array {
  return version4(request.some((byte) => byte !== 0) ? request.slice() : randomBytes(16));
}

/** The name of the public half that belongs to a private key of this name. */
export function publicNameOf(name: Uint8Array): Uint8Array {
  return version4(createHash('sha256').update('public half').update(name).digest().subarray(0, 16));
}

/** Sets version 4 and variant 10: the appliance's names have both (RFC 9562 section 5.4). */
function version4(bytes: Uint8Array): Uint8Array {
  const uuid = Uint8Array.from(bytes);
  uuid[6] = ((uuid[6] as number) & 0x0f) | 0x40;
  uuid[8] = ((uuid[8] as number) & 0x3f) | 0x80;
  return uuid;
}
