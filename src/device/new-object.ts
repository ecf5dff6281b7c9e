/** Objects that own functions make: which attributes they get, what is checked, and that a repeated request makes no second. */

import { objectDescription } from '#src/cryptoki/attributes.ts';
import { checkValue } from '#src/cryptoki/check-value.ts';
import { CKA, CKK, CKO, CKR } from '#src/cryptoki/constants.ts';
import { AES_BYTES, SECRET_BYTES } from '#src/cryptoki/mechanisms.ts';
import { type KeyView } from '#src/cryptoki/key-view.ts';
import { ORIGIN_ATTRIBUTES, originAttributes } from '#src/cryptoki/origin.ts';
import { checkNewKey } from '#src/cryptoki/new-key-rules.ts';
import { equalBytes, isTrue, ulongOf, ulongValue } from '#src/cryptoki/values.ts';
import { type Attribute } from '#src/store/stored-key.ts';
import { Curve, KeyFlags, KeyType } from '#src/wire/enumerations.ts';
import { type ArgsOf } from '#src/wire/message.ts';
import { CkrError, HalError } from '#src/wire/status.ts';
import { changeAttributes } from './attributes.ts';
import { type Device } from './device.ts';
import { attributeOf, type DeviceKey, factsOf, idOf, type KeyFacts, MANAGED } from './device-key.ts';
import { viewOf } from './key-policy.ts';
import { type NewKey } from './key-space.ts';

export type Origin = Parameters<typeof originAttributes>[0];

/** What a request says of a new object. */
export type NewObject = Omit<ArgsOf<'OBJECT_LOAD'>, 'connection' | 'value'>;

/** How it comes to be. */
export interface Making {
  readonly origin: Origin;
  readonly mechanism: number;
  /** Of the mechanism, where the key is derived. */
  readonly parameter?: Uint8Array;
  /** The keys that it is made with. */
  readonly sources: readonly KeyView[];
}

/** Whether attributes are those of a PKCS#11 object, and not what the vendor's functions leave behind. */
export function hasTemplate(attributes: readonly Attribute[]): boolean {
  return attributes.some(({ type }) => type === CKA.CLASS);
}

/**
 * Makes an object unless an earlier request has made it. Requests with one name that arrive while the first is at work share
 * its result.
 * @throws HalError FORBIDDEN, KEY_NAME_IN_USE if the name belongs to another kind of object
 */
export async function makeOnce(
  device: Device,
  connection: number,
  { name, type, flags }: Pick<NewObject, 'name' | 'type' | 'flags'>,
  make: () => Promise<KeyFacts>,
): Promise<KeyFacts> {
  device.access.checkCreate(connection, flags, () => !isKey(type));
  const id = `${connection} ${type} ${idOf(name)}`;
  const running = device.objectsInProgress.get(id);
  if (running !== undefined) return running;
  const existing = device.keys.findByName(connection, name);
  if (existing !== undefined) {
    if (existing.type !== type) throw new HalError('KEY_NAME_IN_USE');
    return factsOf(existing);
  }
  const making = make().finally(() => device.objectsInProgress.delete(id));
  device.objectsInProgress.set(id, making);
  return making;
}

/** Stores a secret key with this value, which the caller wipes when this has returned its promise. */
export function storeSecretKey(
  device: Device,
  connection: number,
  object: NewObject,
  value: Uint8Array,
  making: Making,
): Promise<KeyFacts> {
  const keyType = Number(ulongOf(object.attributes.find(({ type }) => type === CKA.KEY_TYPE)?.value) ?? -1n);
  if (!objectDescription(CKO.SECRET_KEY, keyType))
    throw new CkrError(CKR.TEMPLATE_INCONSISTENT, 'unknown CKA_KEY_TYPE');
  checkLength(keyType, value.length, object.bits, making.origin);
  const derived: Attribute[] = [
    { type: CKA.CLASS, value: ulongValue(CKO.SECRET_KEY) },
    { type: CKA.VALUE_LEN, value: ulongValue(value.length) },
  ];
  const given = object.attributes.find(({ type }) => type === CKA.CHECK_VALUE)?.value;
  const check = checkValue(keyType, value);
  // An empty one asks for none.
  if (check !== undefined && given?.length !== 0) {
    if (given !== undefined && !equalBytes(given, check)) {
      throw new CkrError(CKR.ATTRIBUTE_VALUE_INVALID, 'another CKA_CHECK_VALUE');
    }
    derived.push({ type: CKA.CHECK_VALUE, value: check });
  }
  const facts = { type: KeyType.SECRET, curve: Curve.NONE, bits: 8 * value.length, spki: NO_BYTES };
  return store(device, connection, object, { ...facts, pkcs8: value }, derived, making);
}

/** Stores a private or public key, or an object that is no key. */
export async function store(
  device: Device,
  connection: number,
  { session, name, flags, attributes }: Pick<NewObject, 'session' | 'name' | 'flags' | 'attributes'>,
  parsed: Pick<NewKey, 'type' | 'curve' | 'bits' | 'spki' | 'pkcs8'>,
  derived: readonly Attribute[],
  making: Making,
): Promise<KeyFacts> {
  const complete = checkedAttributes(device, connection, { ...parsed, flags, attributes }, derived, making);
  const { type, curve, bits, spki, pkcs8 } = parsed;
  const made = { name, type, curve, bits, spki, pkcs8, flags: flags | MANAGED, session, attributes: complete };
  const [key] = await device.keys.add(connection, [made]);
  return factsOf(key as DeviceKey);
}

/**
 * The attributes of a new object: what came, less what a device sets itself, with what follows from the object and from how
 * it was made; the result has passed the rules.
 */
export function checkedAttributes(
  device: Device,
  connection: number,
  object: Pick<DeviceKey, 'type' | 'curve' | 'bits' | 'flags' | 'attributes'>,
  derived: readonly Attribute[],
  { origin, mechanism, parameter, sources }: Making,
): Attribute[] {
  checkPrivate(object);
  const own = withoutOrigin(object.attributes);
  const seen = (attributes: readonly Attribute[]): KeyView =>
    viewOf({ ...object, flags: object.flags | MANAGED, attributes });
  const attributes = changeAttributes(own, derived);
  const complete = isKey(object.type)
    ? changeAttributes(attributes, listOf(originAttributes(origin, seen(attributes), { mechanism, sources })))
    : attributes;
  const { policy } = device.policy;
  const role = device.roleOf(connection);
  checkNewKey(origin, seen(complete), { mechanism, ...(parameter && { parameter }), sources, role, policy });
  return complete;
}

/** The flag lets anybody use a session key. @throws CkrError CKR_TEMPLATE_INCONSISTENT if the attributes say otherwise */
export function checkPrivate({ flags, attributes }: Pick<DeviceKey, 'flags' | 'attributes'>): void {
  if ((flags & KeyFlags.PUBLIC) !== 0 && isTrue(attributeOf({ attributes }, CKA.PRIVATE))) {
    throw new CkrError(CKR.TEMPLATE_INCONSISTENT, 'CKA_PRIVATE and the flag PUBLIC');
  }
}

/** Attributes without those that only a device sets. */
export function withoutOrigin(attributes: readonly Attribute[]): Attribute[] {
  return changeAttributes(
    [],
    attributes.filter(({ type }) => !ORIGIN_ATTRIBUTES.has(type)),
  );
}

export function listOf(attributes: ReadonlyMap<number, Uint8Array>): Attribute[] {
  return [...attributes].map(([type, value]) => ({ type, value }));
}

export function isKey(type: number): boolean {
  return type !== KeyType.CERTIFICATE && type !== KeyType.DATA;
}

const NO_BYTES = new Uint8Array(0);

/** What is wrong with the length of a value says something else to each kind of caller. */
const WRONG_LENGTH: Partial<Record<Origin, number>> = {
  create: CKR.ATTRIBUTE_VALUE_INVALID,
  unwrap: CKR.WRAPPED_KEY_INVALID,
};

function checkLength(keyType: number, length: number, bits: number, origin: Origin): void {
  const fits =
    keyType === CKK.AES ? AES_BYTES.includes(length) : length >= SECRET_BYTES.min && length <= SECRET_BYTES.max;
  const asAsked = bits === 0 || bits === 8 * length;
  if (fits && asAsked) return;
  // CKA_VALUE_LEN of the template contradicts what came out of the wrapping (PKCS#11 3.1 section 5.18.4).
  if (!asAsked && origin === 'unwrap')
    throw new CkrError(CKR.WRAPPED_KEY_LEN_RANGE, 'another length than was asked for');
  throw new CkrError(WRONG_LENGTH[origin] ?? CKR.KEY_SIZE_RANGE, `a secret key of ${length} bytes`);
}
