/** Keys that come with their public half: generated pairs, and private and public keys that arrive as DER. */

import { createHash } from 'node:crypto';
import { CKA } from '#src/cryptoki/constants.ts';
import { curveOfParams } from '#src/cryptoki/curves.ts';
import { pairMechanismOf } from '#src/cryptoki/key-objects.ts';
import { subjectPublicKey } from '#src/cryptoki/public-key-info.ts';
import { pairOriginAttributes } from '#src/cryptoki/origin.ts';
import { checkNewKey } from '#src/cryptoki/new-key-rules.ts';
import { ulongValue } from '#src/cryptoki/values.ts';
import { parsePublicKey, publicKeyAttributes } from '#src/crypto/public-key.ts';
import { type Attribute } from '#src/store/stored-key.ts';
import { Bug } from '#src/wire/status.ts';
import { changeAttributes } from './attributes.ts';
import { type Device } from './device.ts';
import { type KeyFacts, MANAGED } from './device-key.ts';
import { type ParsedKey } from './key-der.ts';
import { viewOf } from './key-policy.ts';
import { type NewKey } from './key-space.ts';
import { checkPrivate, hasTemplate, listOf, type Making, type NewObject, store, withoutOrigin } from './new-object.ts';

/** Stores a key that is not of this device's making, with the attributes that follow from it. */
export function storeParsedKey(
  device: Device,
  connection: number,
  object: Pick<NewObject, 'session' | 'name' | 'flags' | 'attributes'>,
  parsed: ParsedKey,
  making: Making,
): Promise<KeyFacts> {
  return store(device, connection, object, parsed, derivedBeside(object.attributes, parsed), making);
}

/** Both halves of a generated pair, checked and ready to be stored; the private one first. */
export function generatedPair(device: Device, connection: number, halves: readonly [NewKey, NewKey]): [NewKey, NewKey] {
  const [privateKey, publicKey] = halves.map(managed) as [NewKey, NewKey];
  if (!isManaged(privateKey) && !isManaged(publicKey)) return [privateKey, publicKey];
  const mechanism = pairMechanismOf(privateKey.type);
  if (mechanism === undefined) throw new Bug(`a pair of type ${privateKey.type}`);
  const origin = pairOriginAttributes(viewOf(privateKey), viewOf(publicKey), mechanism);
  const complete: [NewKey, NewKey] = [
    withAttributes(privateKey, origin.privateKey),
    withAttributes(publicKey, origin.publicKey),
  ];
  const { policy } = device.policy;
  const role = device.roleOf(connection);
  for (const half of complete) {
    if (!isManaged(half)) continue;
    checkPrivate(half);
    checkNewKey('generate', viewOf(half), { mechanism, sources: [], role, policy });
  }
  return complete;
}

/** A half with the attributes that follow from it; of one with a template nothing is believed that a device sets itself. */
function managed(half: NewKey): NewKey {
  if (!hasTemplate(half.attributes)) {
    return { ...half, attributes: changeAttributes(half.attributes, publicAttributes(half)) };
  }
  const hasId = half.attributes.some(({ type }) => type === CKA.ID);
  const id = hasId ? [] : [{ type: CKA.ID, value: keyIdentifier(half.spki) }];
  const attributes = changeAttributes(withoutOrigin(half.attributes), [...derivedBeside(half.attributes, half), ...id]);
  return { ...half, flags: half.flags | MANAGED, attributes };
}

/**
 * The CKA_ID of a pair that was given none: the key identifier of RFC 5280 section 4.2.1.2 (1), which is also the subjectKeyIdentifier
 * that OpenSSL puts into certificates.
 */
function keyIdentifier(spki: Uint8Array): Uint8Array {
  return createHash('sha1').update(subjectPublicKey(spki)).digest();
}

/** What follows from the key, but the name of its curve as it was given: pkcs11-tool and pkcs11-provider compare. */
function derivedBeside(given: readonly Attribute[], key: Parameters<typeof derivedAttributes>[0]): Attribute[] {
  const params = given.find(({ type }) => type === CKA.EC_PARAMS);
  const isSame = params !== undefined && curveOfParams(params.value).curve === key.curve;
  return derivedAttributes(key).filter(({ type }) => !isSame || type !== CKA.EC_PARAMS);
}

function isManaged({ flags }: NewKey): boolean {
  return (flags & MANAGED) !== 0;
}

function withAttributes(half: NewKey, origin: ReadonlyMap<number, Uint8Array>): NewKey {
  return isManaged(half) ? { ...half, attributes: changeAttributes(half.attributes, listOf(origin)) } : half;
}

/** CKA_CLASS and CKA_KEY_TYPE, and what the public key tells. */
export function derivedAttributes(key: Pick<NewKey, 'type' | 'curve' | 'bits' | 'spki' | 'pkcs8'>): Attribute[] {
  const { objectClass, keyType } = viewOf({ ...key, flags: MANAGED, attributes: [] });
  return [
    { type: CKA.CLASS, value: ulongValue(objectClass) },
    { type: CKA.KEY_TYPE, value: ulongValue(keyType) },
    ...publicAttributes(key),
  ];
}

export function publicAttributes({ spki, pkcs8 }: Pick<NewKey, 'spki' | 'pkcs8'>): Attribute[] {
  return [...publicKeyAttributes(parsePublicKey(spki), pkcs8 !== undefined)];
}
