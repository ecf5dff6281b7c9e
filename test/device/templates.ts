/** Templates of PKCS#11 objects as the appliance hands them to a device. */

import { CKA, CKC, CKK, CKM, CKO } from '#src/cryptoki/constants.ts';
import { writeParameter } from '#src/cryptoki/parameters.ts';
import { CKF_HKDF_SALT } from '#src/cryptoki/parameter-numbers.ts';
import { type Attribute, boolValue, ulongValue } from '#src/cryptoki/values.ts';
import { KeyFlags, KeyType } from '#src/wire/enumerations.ts';
import { type ArgsOf, type ResultsOf } from '#src/wire/message.ts';
import { type DeviceLink, freshName, NO_BYTES, pairArgs, USER } from './device-under-test.ts';

export type Facts = ResultsOf<'KEY_LOAD'>['loaded'];
type Values = Readonly<Record<number, boolean | number | Uint8Array>>;

/** Attributes by type; a number becomes a CK_ULONG. */
export function attributes(values: Values): Attribute[] {
  return Object.entries(values).map(([type, value]) => ({
    type: Number(type),
    value: typeof value === 'boolean' ? boolValue(value) : typeof value === 'number' ? ulongValue(value) : value,
  }));
}

export function valueOf(facts: { readonly attributes: readonly Attribute[] }, type: number): Uint8Array | undefined {
  return facts.attributes.find((attribute) => attribute.type === type)?.value;
}

const FLAG_OF: readonly (readonly [number, number])[] = [
  [CKA.SIGN, KeyFlags.DIGITALSIGNATURE],
  [CKA.VERIFY, KeyFlags.DIGITALSIGNATURE],
  [CKA.WRAP, KeyFlags.KEYENCIPHERMENT],
  [CKA.UNWRAP, KeyFlags.KEYENCIPHERMENT],
  [CKA.ENCAPSULATE, KeyFlags.KEYENCIPHERMENT],
  [CKA.DECAPSULATE, KeyFlags.KEYENCIPHERMENT],
  [CKA.ENCRYPT, KeyFlags.DATAENCIPHERMENT],
  [CKA.DECRYPT, KeyFlags.DATAENCIPHERMENT],
  [CKA.EXTRACTABLE, KeyFlags.EXPORTABLE],
];

/** Flags that go with attributes. */
export function flagsOf(values: Values, isToken = true): number {
  return FLAG_OF.reduce((flags, [type, flag]) => (values[type] === true ? flags | flag : flags), isToken ? 8 : 0);
}

const SENSITIVE: Values = { [CKA.SENSITIVE]: true, [CKA.EXTRACTABLE]: false, [CKA.PRIVATE]: true };

type NewObject = Pick<ArgsOf<'OBJECT_LOAD'>, 'session' | 'name' | 'type' | 'bits' | 'flags' | 'attributes'>;

/** A new secret key: sensitive and not extractable, unless said otherwise. */
export function secret(keyType: number, bits: number, values: Values = {}, isToken = true): NewObject {
  const all = { [CKA.CLASS]: CKO.SECRET_KEY, [CKA.KEY_TYPE]: keyType, [CKA.TOKEN]: isToken, ...SENSITIVE, ...values };
  const flags = flagsOf(all, isToken);
  return { session: 7, name: freshName(), type: KeyType.SECRET, bits, flags, attributes: attributes(all) };
}

export const OPEN: Values = { [CKA.SENSITIVE]: false, [CKA.EXTRACTABLE]: true };

/** Stores a secret key whose value the test knows. */
export async function loadSecret(
  link: DeviceLink,
  value: Uint8Array,
  values: Values,
  keyType: number = CKK.AES,
): Promise<Facts> {
  const { loaded } = await link.call('OBJECT_LOAD', USER, { ...secret(keyType, 0, values), value: Buffer.from(value) });
  return loaded;
}

/** HKDF with SHA-256, without salt and info. */
export const HKDF = {
  mechanism: CKM.HKDF_DERIVE,
  parameter: writeParameter('hkdf', {
    extract: 1,
    expand: 1,
    prf: CKM.SHA256,
    saltType: CKF_HKDF_SALT.NULL,
    salt: NO_BYTES,
    saltKey: NO_BYTES,
    info: NO_BYTES,
  }),
};

/** A pair with PKCS#11 templates. */
export async function makePair(
  link: DeviceLink,
  kind: Pick<ArgsOf<'KEY_PAIR_CREATE'>, 'type' | 'curve' | 'bits'>,
  privateValues: Values,
  publicValues: Values,
): Promise<{ privateKey: Facts; publicKey: Facts }> {
  const ofPrivate = { [CKA.CLASS]: CKO.PRIVATE_KEY, ...SENSITIVE, ...privateValues };
  const ofPublic = { [CKA.CLASS]: CKO.PUBLIC_KEY, ...publicValues };
  return link.call(
    'KEY_PAIR_CREATE',
    USER,
    pairArgs({
      ...kind,
      exponent: kind.type === KeyType.RSA_PRIVATE ? Buffer.from('010001', 'hex') : NO_BYTES,
      flags: flagsOf(ofPrivate),
      publicFlags: flagsOf(ofPublic),
      attributes: attributes(ofPrivate),
      publicAttributes: attributes(ofPublic),
    }),
  );
}

export const RSA_2048 = { type: KeyType.RSA_PRIVATE, curve: 0, bits: 2048 } as const;

/** A certificate or data object, public unless it has a secret value. */
export function object(type: number, values: Values, value: Uint8Array = NO_BYTES): NewObject & { value: Uint8Array } {
  const objectClass = type === KeyType.DATA ? CKO.DATA : CKO.CERTIFICATE;
  const kind: Values = type === KeyType.DATA ? {} : { [CKA.CERTIFICATE_TYPE]: CKC.X_509 };
  const all = { [CKA.CLASS]: objectClass, [CKA.PRIVATE]: value.length > 0, ...kind, ...values };
  const flags = KeyFlags.TOKEN | (value.length > 0 ? 0 : KeyFlags.PUBLIC);
  return {
    session: 7,
    name: freshName(),
    type,
    bits: 0,
    flags,
    attributes: attributes(all),
    value,
  };
}
