/** KEY_PAIR_GENERATE and OBJECT_CREATE. What fails leaves nothing behind, what is repeated finds what it made before. */

import { createHash } from 'node:crypto';
import { type KeyEntry } from '#src/fleet/key-table.ts';
import { CKA } from '#src/cryptoki/constants.ts';
import { type KeyHalf, keyPairRequest } from '#src/cryptoki/key-pair.ts';
import { subjectPublicKey } from '#src/cryptoki/public-key-info.ts';
import { publicKeyRequest } from '#src/cryptoki/public-key-template.ts';
import { type AttributeMap } from '#src/cryptoki/template.ts';
import { type Attribute, EMPTY, equalBytes } from '#src/cryptoki/values.ts';
import { KeyFlags } from '#src/wire/enumerations.ts';
import { type ArgsOf, type ResultsOf } from '#src/wire/message.ts';
import { type Application } from './application.ts';
import { readableAttributes, requireDescription, requireEntry, requireLoginFor } from './objects.ts';
import { type TokenFleet } from './token-fleet.ts';
import { idOf, nameOfRequest, publicNameOf } from './uuid.ts';

export async function generateKeyPair(
  fleet: TokenFleet,
  application: Application,
  args: ArgsOf<'KEY_PAIR_GENERATE'>,
): Promise<ResultsOf<'KEY_PAIR_GENERATE'>> {
  const request = keyPairRequest(args.mechanism, args.publicTemplate, args.privateTemplate);
  const { privateKey, publicKey } = request;
  requireLoginFor(application, privateKey.flags);
  requireLoginFor(application, publicKey.flags);
  const name = nameOfRequest(args.request);
  return application.make(sessionObjectCount(privateKey, publicKey), fleet.keys, async () => {
    const existed = fleet.keys.get(idOf(name)) !== undefined;
    const pair = await fleet.createPair(application.connection, {
      session: args.session,
      name,
      publicName: publicNameOf(name),
      type: request.type,
      curve: request.curve,
      bits: request.bits,
      exponent: request.exponent,
      flags: privateKey.flags,
      publicFlags: publicKey.flags,
      attributes: attributesToStore(privateKey.attributes),
      publicAttributes: attributesToStore(publicKey.attributes),
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
  const request = publicKeyRequest(args.template);
  requireLoginFor(application, request.flags);
  const { session } = args;
  const name = nameOfRequest(args.request);
  return application.make(sessionObjectCount(request), fleet.keys, async () => {
    const existed = fleet.keys.get(idOf(name)) !== undefined;
    const entry = await fleet.loadKey(application.connection, {
      session,
      name,
      der: request.spki,
      flags: request.flags,
      attributes: [...request.attributes].map(([type, value]) => ({ type, value })),
    });
    try {
      const finished = await setMissing(fleet, application, entry, request, undefined);
      return { created: factsOf(fleet, application, finished) };
    } catch (error) {
      if (!existed) await fleet.deleteKeys(application.connection, [entry]);
      throw error;
    }
  });
}

interface KeyPair {
  readonly privateKey: KeyEntry;
  readonly publicKey: KeyEntry;
}

/**
 * The device stores a pair and its attributes in one transaction, before anybody knows the public value. What depends on it is
 * therefore set by a second request before the application hears of the keys: the CKA_ID of a pair that was not given one, the same
 * hash on both halves (EC public keys are found by CKA_ID only). Likewise the name of the curve as it was given, if the device
 * has put its own there.
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
function attributesToStore(attributes: AttributeMap): Attribute[] {
  const stored: Attribute[] = [];
  for (const [type, value] of attributes) {
    const derived = type === CKA.PUBLIC_EXPONENT || (type === CKA.EC_PARAMS && value[0] === 0x06);
    if (!derived) stored.push({ type, value });
  }
  return stored;
}

function sessionObjectCount(...halves: { readonly flags: number }[]): number {
  return halves.filter(({ flags }) => (flags & KeyFlags.TOKEN) === 0).length;
}

/** The reply for a new object. A repeated request of another application must not show that one's session object. */
function factsOf(fleet: TokenFleet, application: Application, entry: KeyEntry): ResultsOf<'OBJECT_CREATE'>['created'] {
  const own = requireEntry(fleet, application, entry.name);
  return { object: own.name, attributes: readableAttributes(own, requireDescription(own)) };
}
