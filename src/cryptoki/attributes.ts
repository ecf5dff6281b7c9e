/**
 * The attribute table: for every object class and key type the attributes it has, and the rules for each. Template checks,
 * defaults, what C_SetAttributeValue and C_CopyObject may change, the key flags of the protocol and the manual's chapter come from here.
 */

import {
  ASYMMETRIC_KEY,
  attribute,
  type AttributeRule,
  computed,
  DATAENCIPHERMENT,
  EXPORTABLE,
  ID,
  imported,
  KEY,
  KEYENCIPHERMENT,
  PRIVATE_KEY,
  PUBLIC,
  PUBLIC_KEY,
  secret,
  SECRET_KEY,
  STORAGE_OBJECT,
  usage,
} from './attribute-rules.ts';
import { CKA, CKK, CKO } from './constants.ts';
import { EMPTY, FALSE, TRUE, ulongValue } from './values.ts';

type Rules = readonly AttributeRule[];

const { ENCRYPT, DECRYPT } = CKA;

/** Encryption and wrapping with RSA. What may encrypt may wrap: pkcs11-tool asks for the one and does the other. */
const RSA_ENCRYPTION: Rules = [
  usage('ENCRYPT', DATAENCIPHERMENT),
  usage('WRAP', KEYENCIPHERMENT, { defaultLike: ENCRYPT }),
  usage('ENCAPSULATE', KEYENCIPHERMENT, { stored: false }),
];
const RSA_DECRYPTION: Rules = [
  usage('DECRYPT', DATAENCIPHERMENT),
  usage('UNWRAP', KEYENCIPHERMENT, { defaultLike: DECRYPT }),
  usage('DECAPSULATE', KEYENCIPHERMENT, { stored: false }),
];
/** Programs set these on curve keys too; there they say nothing. */
const PUBLIC_USAGE: Rules = [
  usage('ENCRYPT', DATAENCIPHERMENT),
  usage('WRAP', KEYENCIPHERMENT),
  usage('ENCAPSULATE', KEYENCIPHERMENT, { stored: false }),
];
const PRIVATE_USAGE: Rules = [
  usage('DECRYPT', DATAENCIPHERMENT),
  usage('UNWRAP', KEYENCIPHERMENT),
  usage('DECAPSULATE', KEYENCIPHERMENT, { stored: false }),
];

/** PKCS#11 3.2 section 6.1.2. */
const RSA_PUBLIC_KEY: Rules = [
  ...RSA_ENCRYPTION,
  imported('MODULUS', 'bigInteger'),
  computed('MODULUS_BITS', 'ulong', { generate: 'must' }),
  imported('PUBLIC_EXPONENT', 'bigInteger', { generate: 'may' }),
];

/** Section 6.1.3. */
const RSA_PRIVATE_KEY: Rules = [
  ...RSA_DECRYPTION,
  imported('MODULUS', 'bigInteger'),
  imported('PUBLIC_EXPONENT', 'bigInteger'),
  secret('PRIVATE_EXPONENT', 'must'),
  secret('PRIME_1', 'must'),
  secret('PRIME_2', 'must'),
  secret('EXPONENT_1', 'may'),
  secret('EXPONENT_2', 'may'),
  secret('COEFFICIENT', 'may'),
];

/** Sections 6.3.3, 6.3.5 and 6.3.7. */
const EC_PUBLIC_KEY: Rules = [
  ...PUBLIC_USAGE,
  imported('EC_PARAMS', 'bytes', { generate: 'must' }),
  imported('EC_POINT', 'bytes'),
];

/**
 * Sections 6.3.4, 6.3.6 and 6.3.8. The standard has no CKA_EC_POINT here, but libp11 and pkcs11-provider ask for it before they look
 * for a public key object. It is not stored, so that a vendor client's search finds what it did before.
 */
const EC_PRIVATE_KEY: Rules = [
  ...PRIVATE_USAGE,
  imported('EC_PARAMS', 'bytes', { unwrap: 'may' }),
  imported('EC_POINT', 'bytes', { create: 'may', stored: false }),
  secret('VALUE', 'must', 'bytes'),
];

/** Sections 6.67 to 6.69: ML-DSA, ML-KEM, SLH-DSA. The public value is computed from the key. */
const POST_QUANTUM_PUBLIC_KEY: Rules = [
  ...PUBLIC_USAGE,
  imported('PARAMETER_SET', 'ulong', { generate: 'must' }),
  imported('VALUE', 'bytes', { stored: false }),
];
const POST_QUANTUM_PRIVATE_KEY: Rules = [
  ...PRIVATE_USAGE,
  imported('PARAMETER_SET', 'ulong', { generate: 'may', unwrap: 'may' }),
  secret('SEED', 'may', 'bytes'),
  secret('VALUE', 'may', 'bytes'),
];

/** Sections 4.6.2 and 4.6.3. What the certificate itself tells may be missing from the template. */
const X509_CERTIFICATE: Rules = [
  attribute('PRIVATE', 'bool', { default: FALSE, copy: 'likes', flagIfFalse: PUBLIC }),
  imported('CERTIFICATE_TYPE', 'ulong'),
  attribute('TRUSTED', 'bool', { default: FALSE, trueBySo: true, set: 'likes' }),
  attribute('CERTIFICATE_CATEGORY', 'ulong', { default: ulongValue(0) }),
  attribute('CHECK_VALUE', 'bytes', { stored: false, maxLength: 3 }),
  attribute('START_DATE', 'date', { default: EMPTY, set: 'likes' }),
  attribute('END_DATE', 'date', { default: EMPTY, set: 'likes' }),
  attribute('PUBLIC_KEY_INFO', 'bytes', { stored: false }),
  attribute('SUBJECT', 'bytes'),
  ID,
  attribute('ISSUER', 'bytes', { set: 'likes' }),
  attribute('SERIAL_NUMBER', 'bytes', { set: 'likes' }),
  imported('VALUE', 'bytes'),
  attribute('URL', 'text', { default: EMPTY, stored: false }),
  attribute('HASH_OF_SUBJECT_PUBLIC_KEY', 'bytes', { default: EMPTY, stored: false }),
  attribute('HASH_OF_ISSUER_PUBLIC_KEY', 'bytes', { default: EMPTY, stored: false }),
  attribute('NAME_HASH_ALGORITHM', 'ulong', { stored: false }),
  attribute('JAVA_MIDP_SECURITY_DOMAIN', 'ulong', { default: ulongValue(0), stored: false }),
];

/** Section 4.5. */
const DATA: Rules = [
  attribute('PRIVATE', 'bool', { default: TRUE, copy: 'toTrue', flagIfFalse: PUBLIC }),
  attribute('APPLICATION', 'text', { default: EMPTY, set: 'likes' }),
  attribute('OBJECT_ID', 'bytes', { default: EMPTY, set: 'likes' }),
  attribute('VALUE', 'bytes', { default: EMPTY }),
];

/** Section 4.13. */
const PROFILE: Rules = [
  attribute('PRIVATE', 'bool', { default: FALSE, flagIfFalse: PUBLIC }),
  computed('PROFILE_ID', 'ulong'),
];

/** Rules by attribute type. */
export type AttributeRules = ReadonlyMap<number, AttributeRule>;

export interface ObjectDescription {
  /** For the manual. */
  readonly name: string;
  readonly class: number;
  /** `undefined` for objects that are no keys. */
  readonly keyType: number | undefined;
  readonly rules: AttributeRules;
  /** The usage that a template gets if it grants none: GnuTLS, NSS and Java leave the choice to the token. */
  readonly defaultUsage: readonly number[];
  /** Key flags that all objects of the class have. */
  readonly flags: number;
}

function object(
  name: string,
  objectClass: number,
  keyType: number | undefined,
  defaultUsage: readonly number[],
  flags: number,
  ...groups: Rules[]
): ObjectDescription {
  const rules = new Map(groups.flat().map((rule) => [rule.type, rule]));
  return { name, class: objectClass, keyType, rules, defaultUsage, flags };
}

/** A public key is always exportable, as the vendor's library makes it. */
function publicKey(name: string, keyType: number, defaultUsage: readonly number[], group: Rules): ObjectDescription {
  const groups = [STORAGE_OBJECT, KEY, ASYMMETRIC_KEY, PUBLIC_KEY, group];
  return object(`${name} public key`, CKO.PUBLIC_KEY, keyType, defaultUsage, EXPORTABLE, ...groups);
}

function privateKey(name: string, keyType: number, defaultUsage: readonly number[], group: Rules): ObjectDescription {
  const groups = [STORAGE_OBJECT, KEY, ASYMMETRIC_KEY, PRIVATE_KEY, group];
  return object(`${name} private key`, CKO.PRIVATE_KEY, keyType, defaultUsage, 0, ...groups);
}

function secretKey(name: string, keyType: number, defaultUsage: readonly number[]): ObjectDescription {
  return object(name, CKO.SECRET_KEY, keyType, defaultUsage, 0, STORAGE_OBJECT, KEY, SECRET_KEY);
}

const { SIGN, VERIFY, DERIVE, ENCAPSULATE, DECAPSULATE } = CKA;

/** The key types of secrets that are for one HMAC only. */
export const HMAC_KEY_TYPES: readonly (keyof typeof CKK & `${string}_HMAC`)[] = [
  'SHA_1_HMAC',
  'SHA224_HMAC',
  'SHA256_HMAC',
  'SHA384_HMAC',
  'SHA512_HMAC',
  'SHA512_224_HMAC',
  'SHA512_256_HMAC',
  'SHA3_224_HMAC',
  'SHA3_256_HMAC',
  'SHA3_384_HMAC',
  'SHA3_512_HMAC',
];

/** Every kind of object that the token has. */
export const OBJECTS: readonly ObjectDescription[] = [
  publicKey('RSA', CKK.RSA, [VERIFY, ENCRYPT], RSA_PUBLIC_KEY),
  privateKey('RSA', CKK.RSA, [SIGN, DECRYPT], RSA_PRIVATE_KEY),
  publicKey('EC', CKK.EC, [VERIFY], EC_PUBLIC_KEY),
  privateKey('EC', CKK.EC, [SIGN], EC_PRIVATE_KEY),
  publicKey('Edwards', CKK.EC_EDWARDS, [VERIFY], EC_PUBLIC_KEY),
  privateKey('Edwards', CKK.EC_EDWARDS, [SIGN], EC_PRIVATE_KEY),
  publicKey('Montgomery', CKK.EC_MONTGOMERY, [DERIVE], EC_PUBLIC_KEY),
  privateKey('Montgomery', CKK.EC_MONTGOMERY, [DERIVE], EC_PRIVATE_KEY),
  publicKey('ML-DSA', CKK.ML_DSA, [VERIFY], POST_QUANTUM_PUBLIC_KEY),
  privateKey('ML-DSA', CKK.ML_DSA, [SIGN], POST_QUANTUM_PRIVATE_KEY),
  publicKey('SLH-DSA', CKK.SLH_DSA, [VERIFY], POST_QUANTUM_PUBLIC_KEY),
  privateKey('SLH-DSA', CKK.SLH_DSA, [SIGN], POST_QUANTUM_PRIVATE_KEY),
  publicKey('ML-KEM', CKK.ML_KEM, [ENCAPSULATE], POST_QUANTUM_PUBLIC_KEY),
  privateKey('ML-KEM', CKK.ML_KEM, [DECAPSULATE], POST_QUANTUM_PRIVATE_KEY),
  secretKey('AES key', CKK.AES, [ENCRYPT, DECRYPT]),
  secretKey('Generic secret key', CKK.GENERIC_SECRET, [SIGN, VERIFY]),
  secretKey('HKDF key', CKK.HKDF, [DERIVE]),
  ...HMAC_KEY_TYPES.map((name) => secretKey(`${name} key`, CKK[name], [SIGN, VERIFY])),
  object('X.509 certificate', CKO.CERTIFICATE, undefined, [], 0, STORAGE_OBJECT, X509_CERTIFICATE),
  object('Data', CKO.DATA, undefined, [], 0, STORAGE_OBJECT, DATA),
  object('Profile', CKO.PROFILE, undefined, [], 0, STORAGE_OBJECT, PROFILE),
];

const byClassAndType = new Map(OBJECTS.map((entry) => [`${entry.class} ${entry.keyType}`, entry]));

/** The description of a class and key type (`undefined` for what is no key), `undefined` if the token has no such objects. */
export function objectDescription(objectClass: number, keyType: number | undefined): ObjectDescription | undefined {
  return byClassAndType.get(`${objectClass} ${keyType}`);
}
