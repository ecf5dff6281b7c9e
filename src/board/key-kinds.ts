/** Rules about the keys of boards. */

import { KeyFlags, KeyType } from '#src/wire/enumerations.ts';
import { type ArgsOf } from '#src/wire/message.ts';
import { HalError } from '#src/wire/status.ts';
import { type Attribute } from './attribute-reading.ts';

/** @throws HalError UNSUPPORTED_KEY for what a board cannot make */
export function checkKind({ type, exponent }: Pick<ArgsOf<'KEY_PAIR_CREATE'>, 'type' | 'exponent'>): void {
  if (type !== KeyType.RSA_PRIVATE && type !== KeyType.EC_PRIVATE) {
    throw new HalError('UNSUPPORTED_KEY', 'a CrypTech board has RSA keys and keys on the NIST curves only');
  }
  if (type === KeyType.RSA_PRIVATE && BigInt(`0x0${exponent.toHex()}`) !== 65_537n) {
    throw new HalError('UNSUPPORTED_KEY', 'only 65537 is a public exponent');
  }
}

/** The last value of each type. */
export function latest(attributes: readonly Attribute[]): Attribute[] {
  return [...new Map(attributes.map((attribute) => [attribute.type, attribute])).values()];
}

export function isToken(flags: number): boolean {
  return (flags & KeyFlags.TOKEN) !== 0;
}

export function isPrivate(type: number): boolean {
  return type === KeyType.RSA_PRIVATE || type === KeyType.EC_PRIVATE;
}

/** A random UUID (version 4, RFC 9562), 16 bytes. */
export function newUuid(): Uint8Array {
  return Uint8Array.fromHex(crypto.randomUUID().replaceAll('-', ''));
}
