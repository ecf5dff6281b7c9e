/**
 * Separation of keys: which use, change and new key is refused so that no sequence of calls reveals a sensitive or unextractable key
 * (J. Clulow, "On the Security of PKCS #11", 2003; M. Bortolozzo et al., "Attacking and Fixing PKCS#11 Security Tokens", 2010). Devices
 * ask before everything they do. The rules for new keys are in `new-key-rules.ts`, those for changes and copies in `change-rules.ts`.
 */

import { CkrError } from '#src/wire/status.ts';
import { readAttributeTemplate } from './attribute-templates.ts';
import { CKA, CKF_MECHANISM, CKM, CKO, CKR } from './constants.ts';
import { has, hasUsage, isProtected, type KeyView, strengthOf, valueOf } from './key-view.ts';
import { isLegacy, type Mechanism, mechanismOf } from './mechanisms.ts';
import { readParameter } from './parameters.ts';
import { EMPTY, equalBytes, mechanismsOf } from './values.ts';

export interface Policy {
  /** `standard`: what the standard asks for, and no more. */
  readonly keySeparation: 'strict' | 'standard';
  /** Whether MD5, SHA-1 in signatures and RSA below 2048 bits work. */
  readonly legacyMechanisms: boolean;
  /** Whether C_CreateObject takes private and secret keys. */
  readonly plaintextImport: boolean;
}

export const DEFAULT_POLICY: Policy = { keySeparation: 'strict', legacyMechanisms: true, plaintextImport: true };

interface UseRule {
  readonly flag: number;
  readonly usage: number;
  /** The CK_RV for a key that the mechanism does not work with. */
  readonly wrongType: number;
  /** Makes something new, and is therefore over after CKA_END_DATE; what was made before can still be read. */
  readonly makesNew: boolean;
}

const { KEY_TYPE_INCONSISTENT, WRAPPING_KEY_TYPE_INCONSISTENT, UNWRAPPING_KEY_TYPE_INCONSISTENT } = CKR;

function use(name: keyof typeof CKF_MECHANISM & keyof typeof CKA, makesNew: boolean, wrongType?: number): UseRule {
  return { flag: CKF_MECHANISM[name], usage: CKA[name], wrongType: wrongType ?? KEY_TYPE_INCONSISTENT, makesNew };
}

const USES = {
  sign: use('SIGN', true),
  verify: use('VERIFY', false),
  encrypt: use('ENCRYPT', true),
  decrypt: use('DECRYPT', false),
  wrap: use('WRAP', true, WRAPPING_KEY_TYPE_INCONSISTENT),
  unwrap: use('UNWRAP', false, UNWRAPPING_KEY_TYPE_INCONSISTENT),
  derive: use('DERIVE', true),
  encapsulate: use('ENCAPSULATE', true),
  decapsulate: use('DECAPSULATE', false),
} as const;

export type Use = keyof typeof USES;

/**
 * Whether a key may be used so with a mechanism today.
 * @throws CkrError CKR_MECHANISM_INVALID, CKR_KEY_TYPE_INCONSISTENT and the like, CKR_KEY_FUNCTION_NOT_PERMITTED, CKR_KEY_SIZE_RANGE
 */
export function checkUse(key: KeyView, kind: Use, mechanism: number, policy: Policy, now: Date): void {
  const { flag, usage, wrongType, makesNew } = USES[kind];
  const row = mechanismOf(mechanism);
  if (!row || (row.flags & flag) === 0)
    throw new CkrError(CKR.MECHANISM_INVALID, `mechanism 0x${mechanism.toString(16)}`);
  if (!row.keyTypes.includes(key.keyType)) throw new CkrError(wrongType, `${row.name} with key type ${key.keyType}`);
  // A private key can do what its public half can.
  const needed = usage === CKA.VERIFY && key.objectClass === CKO.PRIVATE_KEY ? CKA.SIGN : usage;
  if (!hasUsage(key, needed)) throw new CkrError(CKR.KEY_FUNCTION_NOT_PERMITTED, `the key is not for ${kind}`);
  const allowed = key.attributes.get(CKA.ALLOWED_MECHANISMS);
  if (allowed && allowed.length > 0 && !mechanismsOf(allowed).includes(mechanism)) {
    throw new CkrError(CKR.MECHANISM_INVALID, `${row.name} is not among CKA_ALLOWED_MECHANISMS`);
  }
  checkDates(key, makesNew, now);
  if (!policy.legacyMechanisms) checkLegacy(row, key);
}

function checkDates(key: KeyView, makesNew: boolean, now: Date): void {
  const start = key.attributes.get(CKA.START_DATE);
  const end = key.attributes.get(CKA.END_DATE);
  if (!start?.length && !end?.length) return;
  const today = now.toISOString().slice(0, 10).replaceAll('-', '');
  if (start?.length === 8 && today < text(start)) {
    throw new CkrError(CKR.KEY_FUNCTION_NOT_PERMITTED, 'CKA_START_DATE is to come');
  }
  if (makesNew && end?.length === 8 && today > text(end)) {
    throw new CkrError(CKR.KEY_FUNCTION_NOT_PERMITTED, 'CKA_END_DATE is over');
  }
}

function text(date: Uint8Array): string {
  return String.fromCharCode(...date);
}

function checkLegacy(row: Mechanism, { keyType, bits }: KeyView): void {
  if (row.legacy) throw new CkrError(CKR.MECHANISM_INVALID, `${row.name} is outdated`);
  if (isLegacy(row, keyType, bits)) throw new CkrError(CKR.KEY_SIZE_RANGE, `keys of ${bits} bits are outdated`);
}

/**
 * Whether a key may be wrapped under another one, whose use for that {@link checkUse} allows.
 * @throws CkrError CKR_KEY_UNEXTRACTABLE, CKR_KEY_NOT_WRAPPABLE, CKR_KEY_HANDLE_INVALID (CKA_WRAP_TEMPLATE), CKR_WRAPPING_KEY_SIZE_RANGE
 */
export function checkWrap(
  wrappingKey: KeyView,
  key: KeyView,
  mechanism: number,
  policy: Policy,
  parameter: Uint8Array = EMPTY,
): void {
  if (key.objectClass !== CKO.PRIVATE_KEY && key.objectClass !== CKO.SECRET_KEY) {
    throw new CkrError(CKR.KEY_NOT_WRAPPABLE, 'only private and secret keys are wrapped');
  }
  if (!has(key, CKA.EXTRACTABLE)) throw new CkrError(CKR.KEY_UNEXTRACTABLE, 'CKA_EXTRACTABLE is false');
  if (key.attributes.has(CKA.DKS_USE_LIMIT)) {
    throw new CkrError(CKR.KEY_NOT_WRAPPABLE, 'it would come back without its limit of uses');
  }
  if (has(key, CKA.WRAP_WITH_TRUSTED) && !has(wrappingKey, CKA.TRUSTED)) {
    throw new CkrError(CKR.KEY_NOT_WRAPPABLE, 'CKA_WRAP_WITH_TRUSTED');
  }
  for (const { type, value } of readAttributeTemplate(valueOf(wrappingKey, CKA.WRAP_TEMPLATE) ?? EMPTY)) {
    const own = valueOf(key, type);
    if (!own || !equalBytes(own, value)) throw new CkrError(CKR.KEY_HANDLE_INVALID, 'CKA_WRAP_TEMPLATE does not fit');
  }
  if (policy.keySeparation !== 'strict' || !isProtected(key)) return;
  if (!mayCarry(wrappingKey)) throw new CkrError(CKR.KEY_NOT_WRAPPABLE, 'the wrapping key could give the key away');
  const aesBits = mechanism === CKM.RSA_AES_KEY_WRAP ? readParameter('rsaAesWrap', parameter).aesBits : Infinity;
  if (Math.min(strengthOf(wrappingKey), aesBits) < strengthOf(key)) {
    throw new CkrError(CKR.WRAPPING_KEY_SIZE_RANGE, 'the wrapping key is weaker than the key');
  }
}

/**
 * Whether sensitive keys may travel under a key: nobody knows it, and it can give back what it wraps only as a sensitive key. Or the
 * security officer vouches for it.
 */
function mayCarry(wrappingKey: KeyView): boolean {
  if (wrappingKey.objectClass === CKO.PUBLIC_KEY) {
    return has(wrappingKey, CKA.DKS_CLOSED_PAIR) || has(wrappingKey, CKA.TRUSTED);
  }
  if (hasConflict(wrappingKey)) return false;
  const isOwn = [CKA.LOCAL, CKA.ALWAYS_SENSITIVE, CKA.NEVER_EXTRACTABLE].every((type) => has(wrappingKey, type));
  return isOwn || has(wrappingKey, CKA.TRUSTED);
}

const DATA_USES = [CKA.ENCRYPT, CKA.DECRYPT, CKA.SIGN, CKA.VERIFY];

/**
 * Whether a secret key has usages that undo each other: what is wrapped could be decrypted, what is encrypted could be unwrapped.
 */
export function hasConflict(key: KeyView): boolean {
  if (key.objectClass !== CKO.SECRET_KEY) return false;
  return hasMixedDerivation(key) || (isForKeys(key) && isForData(key));
}

/** Whether what is derived from a secret key could be computed with it otherwise: as a MAC, or by encryption. */
export function hasMixedDerivation(key: KeyView): boolean {
  return has(key, CKA.DERIVE) && (isForKeys(key) || isForData(key));
}

function isForKeys(key: KeyView): boolean {
  return has(key, CKA.WRAP) || has(key, CKA.UNWRAP);
}

function isForData(key: KeyView): boolean {
  return DATA_USES.some((usage) => has(key, usage));
}

/**
 * Whether the value of a key may be read, for C_GetAttributeValue and C_DigestKey.
 * @throws CkrError CKR_ATTRIBUTE_SENSITIVE
 */
export function checkValueRead(key: KeyView): void {
  if (isProtected(key)) throw new CkrError(CKR.ATTRIBUTE_SENSITIVE);
}

/** @throws CkrError CKR_ACTION_PROHIBITED */
export function checkDestroy(key: KeyView): void {
  if (valueOf(key, CKA.DESTROYABLE)?.[0] === 0) throw new CkrError(CKR.ACTION_PROHIBITED, 'CKA_DESTROYABLE is false');
}

/**
 * Whether the vendor's export function may give a key away under a key that somebody loaded.
 * @throws CkrError CKR_KEY_UNEXTRACTABLE, CKR_KEY_NOT_WRAPPABLE
 */
export function checkVendorExport(key: KeyView): void {
  if (!has(key, CKA.EXTRACTABLE)) throw new CkrError(CKR.KEY_UNEXTRACTABLE, 'CKA_EXTRACTABLE is false');
  if (has(key, CKA.WRAP_WITH_TRUSTED)) throw new CkrError(CKR.KEY_NOT_WRAPPABLE, 'CKA_WRAP_WITH_TRUSTED');
}
