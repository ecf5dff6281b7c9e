/**
 * The attribute table: for every object class and key type the attributes it has, and the rules for each. Template checks,
 * defaults, what C_SetAttributeValue and C_CopyObject may change, the key flags of the protocol and the manual's feature table come from here.
 */

import { KeyFlags } from '#src/wire/enumerations.ts';
import { CKA, CKK, CKO, CKR } from './constants.ts';
import { EMPTY, FALSE, TRUE, type ValueKind } from './values.ts';

/**
 * Whether a template gives the attribute: it `must`; it `may`; or `no`: the token sets it, and a template may at most repeat
 * the value that the token sets anyway (CKR_ATTRIBUTE_READ_ONLY else).
 */
type Given = 'must' | 'may' | 'no';

/** How an existing object's attribute may change: as one `likes`, a CK_BBOOL only `toTrue` or only `toFalse`, or `no`. */
type Change = 'likes' | 'toTrue' | 'toFalse' | 'no';

export interface AttributeRule {
  readonly type: number;
  /** Without the prefix `CKA_`. */
  readonly name: keyof typeof CKA;
  readonly kind: ValueKind;
  /** In templates of C_CreateObject. */
  readonly create: Given;
  /** In templates of C_GenerateKeyPair. */
  readonly generate: Given;
  /** By C_SetAttributeValue. */
  readonly set: Change;
  /** In templates of C_CopyObject. */
  readonly copy: Change;
  /** The value of an object whose template does not give one; `undefined`: such an object lacks the attribute, or the token computes it. */
  readonly default: Uint8Array | undefined;
  /** Whether defaults are written to the key store. The vendor's library stores and needs exactly these. */
  readonly stored: boolean;
  /** Never leaves the HSM. */
  readonly sensitive: boolean;
  /** The CK_RV if a template says TRUE to something that the token cannot give. */
  readonly refuseTrue: number | undefined;
  /** Key flag that TRUE sets, or FALSE. */
  readonly flagIfTrue: number;
  readonly flagIfFalse: number;
  /** One of the attributes that allow an operation with the key. */
  readonly usage: boolean;
}

type Options = Partial<Omit<AttributeRule, 'type' | 'name' | 'kind'>>;

function attribute(name: keyof typeof CKA, kind: ValueKind, options: Options = {}): AttributeRule {
  return {
    type: CKA[name],
    name,
    kind,
    create: 'may',
    generate: 'may',
    set: 'no',
    copy: options.set ?? 'no',
    default: undefined,
    stored: true,
    sensitive: false,
    refuseTrue: undefined,
    flagIfTrue: 0,
    flagIfFalse: 0,
    usage: false,
    ...options,
  };
}

/** An attribute that allows an operation: may be taken away later, never given. */
function usage(name: keyof typeof CKA, flagIfTrue = 0): AttributeRule {
  return attribute(name, 'bool', { default: FALSE, set: 'toFalse', usage: true, flagIfTrue });
}

/** A part of a private key's value. */
function secret(name: keyof typeof CKA, create: Given): AttributeRule {
  return attribute(name, 'bigInteger', { create, generate: 'no', sensitive: true, stored: false });
}

const { DIGITALSIGNATURE, KEYENCIPHERMENT, DATAENCIPHERMENT, TOKEN, PUBLIC, EXPORTABLE } = KeyFlags;

/** PKCS#11 3.1 section 4.1.1 and 4.4. */
const STORAGE_OBJECT = [
  attribute('CLASS', 'ulong', { create: 'must' }),
  attribute('TOKEN', 'bool', { default: FALSE, copy: 'likes', flagIfTrue: TOKEN }),
  attribute('MODIFIABLE', 'bool', { default: TRUE, copy: 'likes' }),
  attribute('COPYABLE', 'bool', { default: TRUE, set: 'toFalse', stored: false }),
  attribute('DESTROYABLE', 'bool', { default: TRUE, set: 'likes', stored: false }),
  attribute('LABEL', 'text', { default: EMPTY, set: 'likes' }),
  attribute('UNIQUE_ID', 'text', { create: 'no', generate: 'no', stored: false }),
];

/** Section 4.7. */
const KEY = [
  attribute('KEY_TYPE', 'ulong', { create: 'must' }),
  attribute('ID', 'bytes', { default: EMPTY, set: 'likes' }),
  attribute('START_DATE', 'date', { default: EMPTY, set: 'likes' }),
  attribute('END_DATE', 'date', { default: EMPTY, set: 'likes' }),
  usage('DERIVE'),
  attribute('LOCAL', 'bool', { create: 'no', generate: 'no', default: FALSE }),
  attribute('KEY_GEN_MECHANISM', 'ulong', { create: 'no', generate: 'no' }),
  attribute('ALLOWED_MECHANISMS', 'mechanisms'),
  attribute('SUBJECT', 'bytes', { default: EMPTY, set: 'likes' }),
  attribute('PUBLIC_KEY_INFO', 'bytes', { create: 'no', generate: 'no', stored: false }),
];

/** Section 4.8. Public keys are visible without login unless a template says otherwise: `ssh-keygen -D` has no PIN. */
const PUBLIC_KEY = [
  attribute('PRIVATE', 'bool', { default: FALSE, copy: 'likes', flagIfFalse: PUBLIC }),
  attribute('TRUSTED', 'bool', { default: FALSE, refuseTrue: CKR.ATTRIBUTE_READ_ONLY }),
  usage('ENCRYPT', DATAENCIPHERMENT),
  usage('VERIFY', DIGITALSIGNATURE),
  usage('VERIFY_RECOVER'),
  usage('WRAP', KEYENCIPHERMENT),
];

/** Section 4.9. */
const PRIVATE_KEY = [
  attribute('PRIVATE', 'bool', { default: TRUE, copy: 'likes', flagIfFalse: PUBLIC }),
  attribute('SENSITIVE', 'bool', { default: TRUE, set: 'toTrue' }),
  usage('DECRYPT', DATAENCIPHERMENT),
  usage('SIGN', DIGITALSIGNATURE),
  usage('SIGN_RECOVER'),
  usage('UNWRAP', KEYENCIPHERMENT),
  attribute('EXTRACTABLE', 'bool', { default: FALSE, set: 'toFalse', flagIfTrue: EXPORTABLE }),
  attribute('ALWAYS_SENSITIVE', 'bool', { create: 'no', generate: 'no', default: FALSE }),
  attribute('NEVER_EXTRACTABLE', 'bool', { create: 'no', generate: 'no', default: FALSE }),
  attribute('WRAP_WITH_TRUSTED', 'bool', { default: FALSE, set: 'toTrue' }),
  attribute('ALWAYS_AUTHENTICATE', 'bool', {
    default: FALSE,
    stored: false,
    refuseTrue: CKR.ATTRIBUTE_VALUE_INVALID,
  }),
];

/** Section 6.1.2. */
const RSA_PUBLIC_KEY = [
  attribute('MODULUS', 'bigInteger', { create: 'must', generate: 'no' }),
  attribute('MODULUS_BITS', 'ulong', { create: 'no', generate: 'must' }),
  attribute('PUBLIC_EXPONENT', 'bigInteger', { create: 'must' }),
];

/** Section 6.1.3. */
const RSA_PRIVATE_KEY = [
  attribute('MODULUS', 'bigInteger', { create: 'must', generate: 'no' }),
  attribute('PUBLIC_EXPONENT', 'bigInteger', { generate: 'no' }),
  secret('PRIVATE_EXPONENT', 'must'),
  secret('PRIME_1', 'may'),
  secret('PRIME_2', 'may'),
  secret('EXPONENT_1', 'may'),
  secret('EXPONENT_2', 'may'),
  secret('COEFFICIENT', 'may'),
];

/** Sections 6.3.3 and 6.3.5. */
const EC_PUBLIC_KEY = [
  attribute('EC_PARAMS', 'bytes', { create: 'must', generate: 'must' }),
  attribute('EC_POINT', 'bytes', { create: 'must', generate: 'no' }),
];

/**
 * Sections 6.3.4 and 6.3.6. The standard has no CKA_EC_POINT here, but libp11 and pkcs11-provider ask for it before they look
 * for a public key object. It is not stored, so that a vendor client's search finds what it did before.
 */
const EC_PRIVATE_KEY = [
  attribute('EC_PARAMS', 'bytes', { create: 'must', generate: 'no' }),
  attribute('EC_POINT', 'bytes', { generate: 'no', stored: false }),
  secret('VALUE', 'must'),
];

/** Rules by attribute type. */
export type AttributeRules = ReadonlyMap<number, AttributeRule>;

export interface ObjectDescription {
  /** For the feature table. */
  readonly name: string;
  readonly class: number;
  readonly keyType: number;
  readonly rules: AttributeRules;
  /** The usage that a template gets if it grants none: GnuTLS, NSS and Java leave the choice to the token. */
  readonly defaultUsage: number;
  /** Key flags that all objects of the class have. */
  readonly flags: number;
}

function object(
  name: string,
  objectClass: number,
  keyType: number,
  defaultUsage: number,
  flags: number,
  ...groups: AttributeRule[][]
): ObjectDescription {
  const rules = new Map(groups.flat().map((rule) => [rule.type, rule]));
  return { name, class: objectClass, keyType, rules, defaultUsage, flags };
}

/** A public key is always exportable, as the vendor's library makes it. */
function publicKey(name: string, keyType: number, group: AttributeRule[]): ObjectDescription {
  return object(name, CKO.PUBLIC_KEY, keyType, CKA.VERIFY, EXPORTABLE, STORAGE_OBJECT, KEY, PUBLIC_KEY, group);
}

function privateKey(name: string, keyType: number, group: AttributeRule[]): ObjectDescription {
  return object(name, CKO.PRIVATE_KEY, keyType, CKA.SIGN, 0, STORAGE_OBJECT, KEY, PRIVATE_KEY, group);
}

/** Every kind of object that the token has. */
export const OBJECTS: readonly ObjectDescription[] = [
  publicKey('RSA public key', CKK.RSA, RSA_PUBLIC_KEY),
  privateKey('RSA private key', CKK.RSA, RSA_PRIVATE_KEY),
  publicKey('EC public key', CKK.EC, EC_PUBLIC_KEY),
  privateKey('EC private key', CKK.EC, EC_PRIVATE_KEY),
  publicKey('Edwards public key', CKK.EC_EDWARDS, EC_PUBLIC_KEY),
  privateKey('Edwards private key', CKK.EC_EDWARDS, EC_PRIVATE_KEY),
];

/** The description of a class and key type, `undefined` if the token has no such objects. */
export function objectDescription(objectClass: number, keyType: number): ObjectDescription | undefined {
  return OBJECTS.find((description) => description.class === objectClass && description.keyType === keyType);
}
