/** What can be said about one attribute of one kind of object, and the attributes that many kinds share. */

import { KeyFlags } from '#src/wire/enumerations.ts';
import { CKA } from './constants.ts';
import { EMPTY, FALSE, TRUE, type ValueKind } from './values.ts';

/**
 * Whether a template gives the attribute: it `must`; it `may`; or `no`: the token sets it, and a template may at most repeat
 * the value that the token sets anyway (CKR_ATTRIBUTE_READ_ONLY else).
 */
export type Given = 'must' | 'may' | 'no';

/**
 * How an existing object's attribute may change: as one `likes`, a CK_BBOOL only `toTrue` or only `toFalse`, a number only to a `lower`
 * one, or `no`.
 */
export type Change = 'likes' | 'toTrue' | 'toFalse' | 'lower' | 'no';

/** How an object comes to be; the column of the attribute table that rules its template. Encapsulation goes with `derive`. */
export type Making = 'create' | 'generate' | 'unwrap' | 'derive';

export interface AttributeRule extends Readonly<Record<Making, Given>> {
  readonly type: number;
  /** Without the prefix `CKA_`. */
  readonly name: keyof typeof CKA;
  readonly kind: ValueKind;
  /** By C_SetAttributeValue. */
  readonly set: Change;
  /** In templates of C_CopyObject. */
  readonly copy: Change;
  /** The value of an object whose template does not give one; `undefined`: such an object lacks the attribute, or the token computes it. */
  readonly default: Uint8Array | undefined;
  /** The attribute whose value is the default instead. */
  readonly defaultLike: number | undefined;
  /** Whether defaults are written to the key store. The vendor's library stores and needs exactly these. */
  readonly stored: boolean;
  /** Never leaves the HSM, unless the key is extractable and not sensitive. */
  readonly sensitive: boolean;
  /** Only the security officer may say TRUE (CKR_ATTRIBUTE_READ_ONLY else). */
  readonly trueBySo: boolean;
  /** Bytes. */
  readonly maxLength: number;
  /** Key flag that TRUE sets, or FALSE. */
  readonly flagIfTrue: number;
  readonly flagIfFalse: number;
  /** One of the attributes that allow an operation with the key. */
  readonly usage: boolean;
}

type Options = Partial<Omit<AttributeRule, 'type' | 'name' | 'kind'>>;

/** In no template at all: what the token finds out or counts itself. */
const NEVER_GIVEN = { create: 'no', generate: 'no', unwrap: 'no', derive: 'no' } as const;
const MAX_LENGTH = 65_536;

export function attribute(name: keyof typeof CKA, kind: ValueKind, options: Options = {}): AttributeRule {
  return {
    type: CKA[name],
    name,
    kind,
    create: 'may',
    generate: 'may',
    unwrap: 'may',
    derive: 'may',
    set: 'no',
    copy: options.set ?? 'no',
    default: undefined,
    defaultLike: undefined,
    stored: true,
    sensitive: false,
    trueBySo: false,
    maxLength: MAX_LENGTH,
    flagIfTrue: 0,
    flagIfFalse: 0,
    usage: false,
    ...options,
  };
}

/** An attribute that the token sets. */
export function computed(name: keyof typeof CKA, kind: ValueKind, options: Options = {}): AttributeRule {
  return attribute(name, kind, { ...NEVER_GIVEN, ...options });
}

/** An attribute that allows an operation: may be taken away later, never given. */
export function usage(name: keyof typeof CKA, flagIfTrue = 0, options: Options = {}): AttributeRule {
  return attribute(name, 'bool', { default: FALSE, set: 'toFalse', usage: true, flagIfTrue, ...options });
}

/** A part of the secret value of a key. */
export function secret(name: keyof typeof CKA, create: Given, kind: ValueKind = 'bigInteger'): AttributeRule {
  return attribute(name, kind, { ...NEVER_GIVEN, create, sensitive: true, stored: false });
}

/** What an object made by C_CreateObject must give, and all others get from elsewhere. */
export function imported(name: keyof typeof CKA, kind: ValueKind, options: Options = {}): AttributeRule {
  return attribute(name, kind, { ...NEVER_GIVEN, create: 'must', ...options });
}

/** The template that the attributes of keys must fit, or that new keys get, when this key is used on them. */
function template(name: keyof typeof CKA): AttributeRule {
  return attribute(name, 'attributes', { stored: false });
}

export const { DIGITALSIGNATURE, KEYENCIPHERMENT, DATAENCIPHERMENT, TOKEN, PUBLIC, EXPORTABLE } = KeyFlags;

/** PKCS#11 3.2 sections 4.1.1 and 4.4. */
export const STORAGE_OBJECT: readonly AttributeRule[] = [
  attribute('CLASS', 'ulong', { create: 'must' }),
  attribute('TOKEN', 'bool', { default: FALSE, copy: 'likes', flagIfTrue: TOKEN }),
  attribute('MODIFIABLE', 'bool', { default: TRUE, copy: 'likes' }),
  attribute('COPYABLE', 'bool', { default: TRUE, set: 'toFalse', stored: false }),
  attribute('DESTROYABLE', 'bool', { default: TRUE, set: 'likes', stored: false }),
  attribute('LABEL', 'text', { default: EMPTY, set: 'likes' }),
  computed('UNIQUE_ID', 'text', { stored: false }),
];

/** CKA_ID is what a program uses to find its keys: any bytes. */
export const ID = attribute('ID', 'bytes', { default: EMPTY, set: 'likes', maxLength: 4096 });

/** Section 4.7. */
export const KEY: readonly AttributeRule[] = [
  attribute('KEY_TYPE', 'ulong', { create: 'must' }),
  ID,
  attribute('START_DATE', 'date', { default: EMPTY, set: 'likes' }),
  attribute('END_DATE', 'date', { default: EMPTY, set: 'likes' }),
  usage('DERIVE'),
  computed('LOCAL', 'bool', { default: FALSE }),
  computed('KEY_GEN_MECHANISM', 'ulong'),
  attribute('ALLOWED_MECHANISMS', 'mechanisms'),
];

/** Of public and private keys, sections 4.8 and 4.9. */
export const ASYMMETRIC_KEY: readonly AttributeRule[] = [
  attribute('SUBJECT', 'bytes', { default: EMPTY, set: 'likes' }),
  // An imported key may bring it along; it has to be the one that follows from the key.
  computed('PUBLIC_KEY_INFO', 'bytes', { create: 'may', stored: false }),
];

/** Of private and secret keys: what keeps the value inside, and how often it may be used. */
export const PROTECTED_KEY: readonly AttributeRule[] = [
  attribute('PRIVATE', 'bool', { default: TRUE, copy: 'toTrue', flagIfFalse: PUBLIC }),
  attribute('SENSITIVE', 'bool', { default: TRUE, set: 'toTrue' }),
  attribute('EXTRACTABLE', 'bool', { default: FALSE, set: 'toFalse', flagIfTrue: EXPORTABLE }),
  computed('ALWAYS_SENSITIVE', 'bool', { default: FALSE }),
  computed('NEVER_EXTRACTABLE', 'bool', { default: FALSE }),
  attribute('WRAP_WITH_TRUSTED', 'bool', { default: FALSE, set: 'toTrue' }),
  template('UNWRAP_TEMPLATE'),
  template('DERIVE_TEMPLATE'),
  computed('DKS_USE_COUNT', 'ulong', { stored: false }),
  attribute('DKS_USE_LIMIT', 'ulong', { set: 'lower', copy: 'no', stored: false }),
];

/** Section 4.8. Public keys are visible without login unless a template says otherwise: `ssh-keygen -D` has no PIN. */
export const PUBLIC_KEY: readonly AttributeRule[] = [
  attribute('PRIVATE', 'bool', { default: FALSE, copy: 'likes', flagIfFalse: PUBLIC }),
  attribute('TRUSTED', 'bool', { default: FALSE, trueBySo: true, set: 'toTrue', copy: 'no' }),
  usage('VERIFY', DIGITALSIGNATURE),
  usage('VERIFY_RECOVER'),
  template('WRAP_TEMPLATE'),
  template('ENCAPSULATE_TEMPLATE'),
  computed('DKS_CLOSED_PAIR', 'bool', { stored: false }),
];

/** Section 4.9. */
export const PRIVATE_KEY: readonly AttributeRule[] = [
  ...PROTECTED_KEY,
  usage('SIGN', DIGITALSIGNATURE),
  usage('SIGN_RECOVER'),
  template('DECAPSULATE_TEMPLATE'),
  attribute('ALWAYS_AUTHENTICATE', 'bool', { default: FALSE, stored: false }),
];

/** Section 4.10. */
export const SECRET_KEY: readonly AttributeRule[] = [
  ...PROTECTED_KEY,
  usage('ENCRYPT', DATAENCIPHERMENT),
  usage('DECRYPT', DATAENCIPHERMENT),
  usage('SIGN', DIGITALSIGNATURE),
  usage('VERIFY', DIGITALSIGNATURE),
  usage('WRAP', KEYENCIPHERMENT),
  usage('UNWRAP', KEYENCIPHERMENT),
  attribute('TRUSTED', 'bool', { default: FALSE, trueBySo: true, set: 'toTrue', copy: 'no' }),
  template('WRAP_TEMPLATE'),
  secret('VALUE', 'must', 'bytes'),
  attribute('VALUE_LEN', 'ulong', { create: 'may', stored: false }),
  attribute('CHECK_VALUE', 'bytes', { stored: false, maxLength: 3 }),
];
