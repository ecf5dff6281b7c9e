/** A key as the device works with it: a stored key and, for session keys, whose it is. */

import { type StoredKey } from '#src/store/stored-key.ts';
import { KeyType } from '#src/wire/enumerations.ts';
import { type ResultsOf } from '#src/wire/message.ts';

export interface DeviceKey extends StoredKey {
  /** The connection that owns a session key; `undefined` for token keys. */
  readonly owner: number | undefined;
  /** The PKCS#11 session of a session key, 0 else. */
  readonly session: number;
}

export type KeyFacts = ResultsOf<'KEY_LOAD'>['loaded'];

/** A UUID as a map key. */
export function idOf(uuid: Uint8Array): string {
  return Buffer.from(uuid.buffer, uuid.byteOffset, uuid.byteLength).toString('latin1');
}

/** Whether a key is a hash-based one: these sign by {@link import('./hashsig-keys.ts').HashsigKeys}. */
export function isHashsig({ type }: Pick<StoredKey, 'type'>): boolean {
  return type === KeyType.HASHSIG_PRIVATE || type === KeyType.HASHSIG_PUBLIC;
}

/** What the appliance is told about a key. */
export function factsOf({ uuid, name, type, curve, bits, flags, session, spki, attributes }: DeviceKey): KeyFacts {
  return { key: uuid, name, type, curve, bits, flags, session, spki, attributes: [...attributes] };
}
