/** A key as the device works with it: a stored key and, for session keys, whose it is. */

import { type StoredKey } from '#src/store/stored-key.ts';
import { CKA } from '#src/cryptoki/constants.ts';
import { ulongOf } from '#src/cryptoki/values.ts';
import { ALL_KEY_FLAGS, KeyType } from '#src/wire/enumerations.ts';
import { type ResultsOf } from '#src/wire/message.ts';
import { vendorFlags as flagsForVendor } from '#src/wire/vendor-flags.ts';

/**
 * A flag of our own, which nobody outside sees or sets: the key was made with a PKCS#11 template, so its attributes were under
 * our rules from its first moment, and what they say of its origin is true. It is bound to the key as all flags are.
 */
export const MANAGED = 0x100;

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
  return {
    key: uuid,
    name,
    type,
    curve,
    bits,
    flags: flags & ALL_KEY_FLAGS,
    session,
    spki,
    attributes: [...attributes],
  };
}

export function isManaged({ flags }: Pick<StoredKey, 'flags'>): boolean {
  return (flags & MANAGED) !== 0;
}

/** The value of an attribute. */
export function attributeOf({ attributes }: Pick<StoredKey, 'attributes'>, type: number): Uint8Array | undefined {
  return attributes.find((attribute) => attribute.type === type)?.value;
}

/** The limit of uses, `undefined` if there is none. */
export function limitOf(key: Pick<DeviceKey, 'attributes'>): number | undefined {
  const limit = ulongOf(attributeOf(key, CKA.DKS_USE_LIMIT));
  // CK_UNAVAILABLE_INFORMATION
  return limit === undefined || limit === 0xffff_ffff_ffff_ffffn ? undefined : Number(limit);
}

/** The flags as a vendor client sees them. */
export function vendorFlags(key: Pick<StoredKey, 'flags' | 'attributes'>): number {
  return flagsForVendor(key.flags, (type) => attributeOf(key, type));
}

/** Whether vendor clients know keys of this kind. */
export function isVendorType({ type }: Pick<StoredKey, 'type'>): boolean {
  return type < FIRST_OWN_TYPE;
}

/** Types that clients of the vendor's protocol never see begin here; they cope with Edwards keys. */
export const FIRST_OWN_TYPE = KeyType.X_PRIVATE;
