/**
 * Keys on their way from one device of the appliance to another: sealed with AES-256-GCM under a key that only the devices and
 * the master key holder know. Whatever carries them learns nothing and changes nothing.
 */

import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { wipe } from '#src/crypto/process-hardening.ts';
import { type StoredKey } from '#src/store/stored-key.ts';
import { type Curve, type KeyType, Limits } from '#src/wire/enumerations.ts';
import { array, opaque, struct, u32, uuid } from '#src/wire/schema.ts';
import { HalError, WireError } from '#src/wire/status.ts';
import { XdrReader, XdrWriter } from '#src/wire/xdr.ts';

const ALGORITHM = 'aes-256-gcm';
const LABEL = Buffer.from('key transfer v2');
const NONCE_SIZE = 12;
const TAG_SIZE = 16;

/** No connection has this number. */
const NO_OWNER = 0xffff_ffff;

const attribute = struct({ type: u32, value: opaque(Limits.attributeValue) });
const sealedKey = struct({
  invitation: uuid,
  owner: u32,
  name: uuid,
  type: u32,
  curve: u32,
  bits: u32,
  flags: u32,
  spki: opaque(65_536),
  isSecret: u32,
  secret: opaque(65_536),
  attributes: array(attribute, Limits.attributes),
});

/** A key without what is of one device only. The invitation is that of the receiving device. */
export interface TransferredKey extends Omit<StoredKey, 'uuid' | 'wrapped' | 'checkValue'> {
  readonly invitation: Uint8Array;
  /** The connection of a session key. */
  readonly owner: number | undefined;
  /** As in {@link import('./key-space.ts').NewKey}. */
  readonly pkcs8: Uint8Array | undefined;
}

export function sealKey(transferKey: Uint8Array, key: TransferredKey): Uint8Array {
  const writer = new XdrWriter();
  const { invitation, owner, name, type, curve, bits, flags, spki, pkcs8, attributes } = key;
  sealedKey.write(
    writer,
    {
      invitation,
      owner: owner ?? NO_OWNER,
      name,
      type,
      curve,
      bits,
      flags,
      spki,
      isSecret: pkcs8 === undefined ? 0 : 1,
      secret: pkcs8 ?? new Uint8Array(0),
      attributes: [...attributes],
    },
    '',
  );
  const plain = writer.message();
  const nonce = randomBytes(NONCE_SIZE);
  const cipher = createCipheriv(ALGORITHM, transferKey, nonce, { authTagLength: TAG_SIZE });
  cipher.setAAD(LABEL);
  const sealed = Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  wipe(plain);
  return sealed;
}

/**
 * The secret part of the result is wiped by the caller.
 * @throws HalError KEYWRAP_BAD_MAGIC if it was not sealed under this key, or was changed
 */
export function openKey(transferKey: Uint8Array, sealed: Uint8Array): TransferredKey {
  if (sealed.length < NONCE_SIZE + TAG_SIZE) throw new HalError('KEYWRAP_BAD_MAGIC', 'a sealed key is cut off');
  const decipher = createDecipheriv(ALGORITHM, transferKey, sealed.subarray(0, NONCE_SIZE), {
    authTagLength: TAG_SIZE,
  });
  decipher.setAAD(LABEL);
  decipher.setAuthTag(sealed.subarray(sealed.length - TAG_SIZE));
  let plain: Uint8Array | undefined;
  try {
    plain = decipher.update(sealed.subarray(NONCE_SIZE, sealed.length - TAG_SIZE));
    decipher.final();
    const { owner, isSecret, secret, type, curve, ...rest } = sealedKey.read(new XdrReader(plain), '');
    return {
      ...rest,
      invitation: rest.invitation.slice(),
      name: rest.name.slice(),
      spki: rest.spki.slice(),
      attributes: rest.attributes.map((entry) => ({ type: entry.type, value: entry.value.slice() })),
      type: type as KeyType,
      curve: curve as Curve,
      owner: owner === NO_OWNER ? undefined : owner,
      pkcs8: isSecret === 0 ? undefined : secret.slice(),
    };
  } catch (error) {
    if (error instanceof HalError || error instanceof WireError) throw error;
    throw new HalError('KEYWRAP_BAD_MAGIC', 'a sealed key does not open');
  } finally {
    if (plain) wipe(plain);
  }
}
