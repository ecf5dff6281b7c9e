/** What the appliance wants to know about a key of a board, put together from the answers to a handful of questions. */

import { parsePublicKey } from '#src/crypto/public-key.ts';
import { KeyType } from '#src/wire/enumerations.ts';
import { type ResultsOf } from '#src/wire/message.ts';
import { HalError } from '#src/wire/status.ts';
import { MAX_MESSAGE } from './board-link.ts';
import { type RoleClient } from './role-client.ts';

export type KeyFacts = ResultsOf<'KEY_LIST'>['keys'][number];

/** What never changes about a key. */
export interface FixedFacts {
  readonly type: number;
  readonly curve: number;
  readonly flags: number;
  readonly bits: number;
  readonly spki: Uint8Array;
}

/** Kept in memory, some 500 bytes each: more than a board has keys. */
const REMEMBERED = 8192;

/** Keys that the appliance can use; a board also lists the parts of its hash-based keys. */
const USABLE = new Set<number>([KeyType.RSA_PRIVATE, KeyType.RSA_PUBLIC, KeyType.EC_PRIVATE, KeyType.EC_PUBLIC]);

export class FactsMemory {
  readonly #facts = new Map<string, FixedFacts>();

  /**
   * @param pkey an open handle of the key
   * @throws HalError UNSUPPORTED_KEY for a key that the appliance cannot use
   */
  async of(role: RoleClient, key: Uint8Array, pkey: number): Promise<FixedFacts> {
    const known = this.#facts.get(key.toHex());
    if (known) return known;
    const { type } = await role.call('PKEY_GET_KEY_TYPE', { pkey });
    if (!USABLE.has(type)) throw new HalError('UNSUPPORTED_KEY', `a key of type ${type}`);
    const { curve } = await role.call('PKEY_GET_KEY_CURVE', { pkey });
    const { flags } = await role.call('PKEY_GET_KEY_FLAGS', { pkey });
    const spki = await readPublicKey(role, pkey);
    const facts = { type, curve, flags, bits: parsePublicKey(spki).bits, spki };
    if (this.#facts.size >= REMEMBERED) this.#facts.clear();
    this.#facts.set(key.toHex(), facts);
    return facts;
  }

  forget(key: Uint8Array): void {
    this.#facts.delete(key.toHex());
  }
}

/** SubjectPublicKeyInfo of a key, also of a private one. */
export async function readPublicKey(role: RoleClient, pkey: number): Promise<Uint8Array> {
  const { length } = await role.call('PKEY_GET_PUBLIC_KEY_LEN', { pkey });
  // The length is 0 after any failure; the question for the key then tells the reason.
  if (length > MAX_MESSAGE - 16) throw new HalError('IO_UNEXPECTED', `a public key of ${length} bytes`);
  return (await role.call('PKEY_GET_PUBLIC_KEY', { pkey, derMax: length })).der;
}
