/**
 * How private keys are wrapped: AES-256 key wrap with padding (RFC 5649) under a key of its own for every row, derived from the
 * master key and from everything that must not change about the key; since version 2 also from its attributes. A row that was
 * edited, or whose wrapped part was moved to another row, does not unwrap. A row without a secret has a MAC instead.
 */

import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { deriveKey } from '#src/crypto/derive-key.ts';
import { unwrapKey, wrapKey } from '#src/crypto/key-wrap.ts';
import { wipe } from '#src/crypto/process-hardening.ts';
import { Bug } from '#src/wire/status.ts';
import { encodeAttributes } from './attributes-v1.ts';
import { type Attribute, type KeyIdentity, type RowBinding, type StoredKey } from './stored-key.ts';

const LABEL_V1 = 'key row v1';
const LABEL_V2 = 'key row v2';
const PUBLIC_LABEL = 'public row v1';
const CHECK_LABEL = 'master key check value v1';

/** What node:crypto takes as the info of HKDF, less the label and the parts of a fixed length: so far a public key stands for itself. */
const LONGEST_SPKI = 1024 - (LABEL_V1.length + 1) - 48;

/** Bytes of a check value: enough to tell a wrong master key, useless for guessing 256 bits. */
const CHECK_VALUE_SIZE = 4;

const NO_BYTES = new Uint8Array(0);

/** What a row with these attributes has: the wrapped secret, if there is one, and the seal. */
export function bindRow(
  masterKey: Uint8Array,
  identity: KeyIdentity,
  attributes: readonly Attribute[],
  secret: Uint8Array | undefined,
): RowBinding {
  if (secret === undefined) return { wrapped: undefined, seal: sealOf(masterKey, identity, attributes) };
  const kek = rowKey(masterKey, identity, attributes);
  try {
    return { wrapped: wrapKey(kek, secret), seal: NO_BYTES };
  } finally {
    wipe(kek);
  }
}

/** Whether a row without a secret is as the device has written it; one from before version 5 may be anything. */
export function isSealed(masterKey: Uint8Array, key: StoredKey): boolean {
  const expected = sealOf(masterKey, key, key.attributes);
  return key.seal?.length === expected.length && timingSafeEqual(key.seal, expected);
}

/** Wraps a PKCS#8 key for its row as version 1 did it, which session keys have still: nobody else changes their attributes. */
export function wrapForRow(masterKey: Uint8Array, identity: KeyIdentity, pkcs8: Uint8Array): Uint8Array {
  const kek = rowKey(masterKey, identity, undefined);
  try {
    return wrapKey(kek, pkcs8);
  } finally {
    wipe(kek);
  }
}

/**
 * The PKCS#8 key of a row; the caller wipes it.
 * @throws HalError KEYWRAP_BAD_MAGIC if the master key is another one than at the key's creation, or the row was changed
 */
export function unwrapRow(masterKey: Uint8Array, key: StoredKey): Uint8Array {
  if (key.wrapped === undefined) throw new Bug('a public key has nothing to unwrap');
  const kek = rowKey(masterKey, key, key.seal && key.attributes);
  try {
    return unwrapKey(kek, key.wrapped);
  } finally {
    wipe(kek);
  }
}

/** A short one-way value that tells one master key from another. */
export function checkValueOf(masterKey: Uint8Array): Uint8Array {
  return createHmac('sha256', masterKey).update(CHECK_LABEL).digest().subarray(0, CHECK_VALUE_SIZE);
}

/** @param attributes `undefined`: version 1 */
function rowKey(
  masterKey: Uint8Array,
  identity: KeyIdentity,
  attributes: readonly Attribute[] | undefined,
): Uint8Array {
  if (attributes) return deriveKey(masterKey, LABEL_V2, wholeRow(identity, attributes), 32);
  // Every part but the last has a fixed length, so that different identities never give the same context.
  return deriveKey(masterKey, LABEL_V1, Buffer.concat([head(identity), shortened(identity.spki)]), 32);
}

function sealOf(masterKey: Uint8Array, identity: KeyIdentity, attributes: readonly Attribute[]): Uint8Array {
  return deriveKey(masterKey, PUBLIC_LABEL, wholeRow(identity, attributes), 32);
}

/** All parts have a fixed length. */
function wholeRow(identity: KeyIdentity, attributes: readonly Attribute[]): Uint8Array {
  const digest = (part: Uint8Array): Uint8Array => createHash('sha256').update(part).digest();
  return Buffer.concat([head(identity), digest(identity.spki), digest(encodeAttributes(attributes))]);
}

function head({ uuid, name, type, curve, bits, flags }: KeyIdentity): Uint8Array {
  const numbers = new Uint8Array(16);
  const view = new DataView(numbers.buffer);
  [type, curve, bits, flags].forEach((number, index) => view.setUint32(4 * index, number));
  return Buffer.concat([uuid, name, numbers]);
}

/**
 * Post-quantum public keys and those of the largest RSA keys are longer than the context may be (node:crypto takes 1,024 bytes);
 * their hash stands for them. No public key is as short as a hash of one.
 */
function shortened(spki: Uint8Array): Uint8Array {
  return spki.length > LONGEST_SPKI ? createHash('sha256').update(spki).digest() : spki;
}
