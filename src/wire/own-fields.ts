/** Fields that several of our own functions have. */

import { Limits } from './enumerations.ts';
import { array, opaque, opaqueOrNil, struct, u32, uuid } from './schema.ts';

const { attributes, attributeValue } = Limits;

/** CKA_ type and value; CK_ULONG values are 8 bytes little-endian, CK_BBOOL one byte, as the vendor's library stores them. */
export const attribute = struct({ type: u32, value: opaque(attributeValue) });
export const template = array(attribute, attributes);
export const attributesOrNil = array(struct({ type: u32, value: opaqueOrNil(attributeValue) }), attributes);

/** A PKCS#11 object and everything about it that is not secret. */
export const objectFacts = struct({ object: uuid, attributes: template });

/** Holds the longest AAD, {@link Limits.attributeValue}, and what else GCM and CCM take. */
export const parameter = opaque(attributeValue + 2048);
export const signature = opaque(65_536);
/** A wrapped key, a ciphertext of a key encapsulation, the value of a secret key or of a data object. */
export const keyBytes = opaque(65_536);
export const pin = opaque(Limits.pinMax);

/** What makes a new object on the way from a client: the session that owns it, and a name for the request. */
export const creation = { session: u32, request: uuid };

/** What a device needs to know of a new object. `bits` 0 leaves the size to the value. */
export const newObject = { session: u32, name: uuid, type: u32, bits: u32, flags: u32, attributes: template };

/**
 * A key as its device describes it. `key` is the device UUID, `name` the UUID that clients of the appliance see,
 * `session` the PKCS#11 session that owns a session key (0 else), `spki` the SubjectPublicKeyInfo.
 */
export const keyFacts = struct({
  key: uuid,
  name: uuid,
  type: u32,
  curve: u32,
  bits: u32,
  flags: u32,
  session: u32,
  spki: opaque(16_384),
  attributes: template,
});
