/** KEY_PAIR_GENERATE, OBJECT_CREATE and OBJECT_COPY. What fails leaves nothing behind, what is repeated finds what it made before. */

import { createHash } from 'node:crypto';
import { type KeyEntry } from '#src/fleet/key-table.ts';
import { CKA } from '#src/cryptoki/constants.ts';
import { copyRequest } from '#src/cryptoki/copied-objects.ts';
import { checkPublicValue, createRequest } from '#src/cryptoki/created-objects.ts';
import { type KeyHalf, keyPairRequest } from '#src/cryptoki/key-pair.ts';
import { subjectPublicKey } from '#src/cryptoki/public-key-info.ts';
import { type AttributeMap } from '#src/cryptoki/template.ts';
import { type Attribute, EMPTY, equalBytes } from '#src/cryptoki/values.ts';
import { type ArgsOf, type ResultsOf } from '#src/wire/message.ts';
import { type Application } from './application.ts';
import { attributeList, factsOf, makerOf, sessionObjectCount } from './new-objects.ts';
import { attributeReader, requireDescription, requireEntry, requireLoginFor } from './objects.ts';
import { refuseProfile } from './profiles.ts';
import { type TokenFleet } from './token-fleet.ts';
import { idOf, nameOfRequest, publicNameOf } from './uuid.ts';

export async function generateKeyPair(
  fleet: TokenFleet,
  application: Application,
  args: ArgsOf<'KEY_PAIR_GENERATE'>,
): Promise<ResultsOf<'KEY_PAIR_GENERATE'>> {
  const request = keyPairRequest(args.mechanism, args.publicTemplate, args.privateTemplate);
  const { privateKey, publicKey, deriveId } = request;
  requireLoginFor(application, privateKey.flags);
  requireLoginFor(application, publicKey.flags);
  const { session } = args;
  const name = nameOfRequest(args.request);
  return application.make(sessionObjectCount(privateKey, publicKey), fleet.keys, async () => {
    const existed = fleet.keys.get(idOf(name)) !== undefined;
    const pair = await fleet.createPair(makerOf(fleet, application, name), {
      session,
      name,
      publicName: publicNameOf(name),
      type: request.type,
      curve: request.curve,
      bits: request.bits,
      exponent: request.exponent,
      flags: privateKey.flags,
      publicFlags: publicKey.flags,
      attributes: attributesToStore(privateKey.attributes, deriveId),
      publicAttributes: attributesToStore(publicKey.attributes, deriveId),
    });
    const finished = await finish(fleet, application, pair, request, existed);
    return {
      privateKey: factsOf(fleet, application, finished.privateKey),
      publicKey: factsOf(fleet, application, finished.publicKey),
    };
  });
}

export async function createObject(
  fleet: TokenFleet,
  application: Application,
  args: ArgsOf<'OBJECT_CREATE'>,
): Promise<ResultsOf<'OBJECT_CREATE'>> {
  const request = createRequest(args.template, application.role);
  requireLoginFor(application, request.flags);
  const { session } = args;
  const name = nameOfRequest(args.request);
  return application.make(sessionObjectCount(request), fleet.keys, async () => {
    const connection = makerOf(fleet, application, name);
    const attributes = attributeList(request.attributes);
    const { flags } = request;
    if (request.form === 'object') {
      const { type, bits, value } = request;
      const object = await fleet.objects.load(connection, { session, name, type, bits, flags, attributes, value });
      return { created: factsOf(fleet, application, object) };
    }
    const existed = fleet.keys.get(idOf(name)) !== undefined;
    const key = await fleet.loadKey(connection, { session, name, der: request.der, flags, attributes });
    try {
      checkPublicValue(request.publicValue, key.spki);
    } catch (error) {
      if (!existed) await fleet.deleteKeys(connection, [key]);
      throw error;
    }
    return { created: factsOf(fleet, application, key) };
  });
}

export async function copyObject(
  fleet: TokenFleet,
  application: Application,
  args: ArgsOf<'OBJECT_COPY'>,
): Promise<ResultsOf<'OBJECT_COPY'>> {
  refuseProfile(args.object);
  const entry = requireEntry(fleet, application, args.object);
  const description = requireDescription(entry);
  const request = copyRequest(description, attributeReader(entry, description), args.template, application.role);
  requireLoginFor(application, request.flags);
  const { session } = args;
  const name = nameOfRequest(args.request);
  return application.make(sessionObjectCount(request), fleet.keys, async () => {
    const attributes = attributeList(request.attributes);
    const connection = entry.owner ?? application.connection;
    const copy = await fleet.objects.copy(connection, entry, { session, name, flags: request.flags, attributes });
    return { created: factsOf(fleet, application, copy) };
  });
}

interface KeyPair {
  readonly privateKey: KeyEntry;
  readonly publicKey: KeyEntry;
}

/**
 * A device gives a pair without a CKA_ID one that depends on the public value, which nobody knows before; and it keeps the name of the
 * curve as it was given. A CrypTech board does neither, so there a second request does before the application hears of the keys. The
 * CKA_ID is the same hash on both halves: EC public keys are found by CKA_ID only.
 */
async function finish(
  fleet: TokenFleet,
  application: Application,
  pair: KeyPair,
  request: { privateKey: KeyHalf; publicKey: KeyHalf; deriveId: boolean },
  existed: boolean,
): Promise<KeyPair> {
  const id = request.deriveId ? keyIdentifier(pair.publicKey.spki) : undefined;
  const [privateKey, publicKey] = await Promise.allSettled([
    setMissing(fleet, application, pair.privateKey, request.privateKey, id),
    setMissing(fleet, application, pair.publicKey, request.publicKey, id),
  ]);
  if (privateKey.status === 'fulfilled' && publicKey.status === 'fulfilled') {
    return { privateKey: privateKey.value, publicKey: publicKey.value };
  }
  // A repeated request may have found a pair that the application knows of.
  if (!existed) await fleet.deleteKeys(application.connection, [pair.privateKey, pair.publicKey]);
  throw privateKey.status === 'rejected' ? privateKey.reason : (publicKey as PromiseRejectedResult).reason;
}

/** Sets what the stored attributes of a new key lack: a CKA_ID, and the name of the curve that the application gave. */
async function setMissing(
  fleet: TokenFleet,
  application: Application,
  entry: KeyEntry,
  half: KeyHalf,
  id: Uint8Array | undefined,
): Promise<KeyEntry> {
  const missing: Attribute[] = [];
  if (id && (entry.attributes.get(CKA.ID) ?? EMPTY).length === 0) missing.push({ type: CKA.ID, value: id });
  const params = half.attributes.get(CKA.EC_PARAMS);
  if (params && !equalBytes(entry.attributes.get(CKA.EC_PARAMS) ?? EMPTY, params)) {
    missing.push({ type: CKA.EC_PARAMS, value: params });
  }
  if (missing.length === 0) return entry;
  return fleet.setAttributes(entry.owner ?? application.connection, entry, missing);
}

/** The key identifier of RFC 5280 section 4.2.1.2 (1), 20 bytes: also the subjectKeyIdentifier that OpenSSL puts into certificates. */
function keyIdentifier(spki: Uint8Array): Uint8Array {
  return createHash('sha1').update(subjectPublicKey(spki)).digest();
}

/** The device appends what it derives from the key. A curve's other name would be lost if it were not stored, its usual one is the device's. */
function attributesToStore(attributes: AttributeMap, deriveId: boolean): Attribute[] {
  return attributeList(attributes).filter(
    ({ type, value }) =>
      type !== CKA.PUBLIC_EXPONENT && !(type === CKA.EC_PARAMS && value[0] === 0x06) && !(type === CKA.ID && deriveId),
  );
}
