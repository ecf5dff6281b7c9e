/**
 * How private keys are wrapped, version 1: AES-256 key wrap with padding (RFC 5649) under a key of its own for every row,
 * derived from the master key and from everything that must not change about the key. A row that was edited, or whose
 * wrapped part was moved to another row, does not unwrap.
 */

import { createHash, createHmac } from 'node:crypto';
import { deriveKey } from '#src/crypto/derive-key.ts';
import { unwrapKey, wrapKey } from '#src/crypto/key-wrap.ts';
import { wipe } from '#src/crypto/process-hardening.ts';
import { Bug } from '#src/wire/status.ts';
import { type KeyIdentity, type StoredKey } from './stored-key.ts';

const LABEL = 'key row v1';
const CHECK_LABEL = 'master key check value v1';

/** What node:crypto takes as the info of HKDF, less the label and the parts of a fixed length: so far a public key stands for itself. */
const LONGEST_SPKI = 1024 - (LABEL.length + 1) - 48;

/** Bytes of a check value: enough to tell a wrong master key, useless for guessing 256 bits. */
const CHECK_VALUE_SIZE = 4;

/** Wraps a PKCS#8 key for its row. */
export function wrapForRow(masterKey: Uint8Array, identity: KeyIdentity, pkcs8: Uint8Array): Uint8Array {
  const kek = rowKey(masterKey, identity);
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
  const kek = rowKey(masterKey, key);
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

function rowKey(masterKey: Uint8Array, { uuid, name, type, curve, bits, flags, spki }: KeyIdentity): Uint8Array {
  const numbers = new Uint8Array(16);
  const view = new DataView(numbers.buffer);
  [type, curve, bits, flags].forEach((number, index) => view.setUint32(4 * index, number));
  // Every part but the last has a fixed length, so that different identities never give the same context.
  return deriveKey(masterKey, LABEL, Buffer.concat([uuid, name, numbers, shortened(spki)]), 32);
}

/**
 * Post-quantum public keys and those of the largest RSA keys are longer than the context may be (node:crypto takes 1,024 bytes);
 * their hash stands for them. No public key is as short as a hash of one.
 */
function shortened(spki: Uint8Array): Uint8Array {
  return spki.length > LONGEST_SPKI ? createHash('sha256').update(spki).digest() : spki;
}
