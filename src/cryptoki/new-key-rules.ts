/** Separation of keys: what may come to be. Devices ask before they store a new object, whose attributes are complete. */

import { CkrError } from '#src/wire/status.ts';
import { readAttributeTemplate } from './attribute-templates.ts';
import { CKA, CKM, CKO, CKR } from './constants.ts';
import { has, isProtected, type KeyView, valueOf } from './key-view.ts';
import { isLegacy, mechanismOf } from './mechanisms.ts';
import { type Origin } from './origin.ts';
import { readParameter } from './parameters.ts';
import { type Role } from './roles.ts';
import { hasConflict, hasMixedDerivation, type Policy } from './separation.ts';
import { EMPTY, equalBytes } from './values.ts';

export interface NewKeyContext {
  readonly mechanism: number;
  /** The mechanism parameter, where the key is derived. */
  readonly parameter?: Uint8Array;
  /** The keys that it is made with: the unwrapping key; base key and salt key; the key of an encapsulation. */
  readonly sources: readonly KeyView[];
  readonly role: Role;
  readonly policy: Policy;
}

/**
 * Whether an object may come to be.
 * @throws CkrError CKR_TEMPLATE_INCONSISTENT, CKR_ATTRIBUTE_READ_ONLY, CKR_KEY_SIZE_RANGE, CKR_MECHANISM_INVALID
 */
export function checkNewKey(origin: Origin, key: KeyView, context: NewKeyContext): void {
  const { policy, role } = context;
  const isSecret = key.objectClass === CKO.PRIVATE_KEY || key.objectClass === CKO.SECRET_KEY;
  if (has(key, CKA.TRUSTED) && role !== 'so') {
    throw new CkrError(CKR.ATTRIBUTE_READ_ONLY, 'only the security officer makes something trusted');
  }
  checkTrust(key, policy);
  if (origin === 'create' && isSecret && !policy.plaintextImport) {
    throw new CkrError(CKR.TEMPLATE_INCONSISTENT, 'keys in plaintext are not taken');
  }
  if (has(key, CKA.ALWAYS_AUTHENTICATE) && !has(key, CKA.PRIVATE)) {
    throw new CkrError(CKR.TEMPLATE_INCONSISTENT, 'CKA_ALWAYS_AUTHENTICATE without CKA_PRIVATE');
  }
  if (!policy.legacyMechanisms) checkLegacy(origin, key, context);
  checkPrescribed(origin, key, context);
  if (policy.keySeparation === 'strict') checkStrictly(origin, key, context);
}

/** A key that the security officer vouches for may carry others: it must not be able to give them away itself. */
export function checkTrust(key: KeyView, policy: Policy): void {
  if (policy.keySeparation !== 'strict' || !has(key, CKA.TRUSTED) || key.objectClass !== CKO.SECRET_KEY) return;
  if (hasConflict(key) || !has(key, CKA.SENSITIVE) || has(key, CKA.EXTRACTABLE)) {
    throw inconsistent('a trusted key is sensitive, not extractable, and for nothing but wrapping');
  }
}

function checkLegacy(origin: Origin, { keyType, bits }: KeyView, { mechanism }: NewKeyContext): void {
  const row = origin === 'generate' ? mechanismOf(mechanism) : undefined;
  if (row?.legacy === true) throw new CkrError(CKR.MECHANISM_INVALID, `${row.name} is outdated`);
  if (row && isLegacy(row, keyType, bits)) throw new CkrError(CKR.KEY_SIZE_RANGE, `keys of ${bits} bits are outdated`);
}

const PRESCRIBED_BY: Partial<Record<Origin, number>> = {
  unwrap: CKA.UNWRAP_TEMPLATE,
  derive: CKA.DERIVE_TEMPLATE,
  encapsulate: CKA.ENCAPSULATE_TEMPLATE,
  decapsulate: CKA.DECAPSULATE_TEMPLATE,
};

/** CKA_UNWRAP_TEMPLATE and the like: the new key has all that the key it is made with prescribes. */
function checkPrescribed(origin: Origin, key: KeyView, { sources }: NewKeyContext): void {
  const template = PRESCRIBED_BY[origin];
  if (template === undefined) return;
  for (const source of sources) {
    for (const { type, value } of readAttributeTemplate(source.attributes.get(template) ?? EMPTY)) {
      const own = valueOf(key, type);
      if (!own || !equalBytes(own, value)) throw inconsistent(`attribute 0x${type.toString(16)} is prescribed`);
    }
  }
}

/** Cannot be guessed. */
const MIN_SENSITIVE_BITS = 128;

function checkStrictly(origin: Origin, key: KeyView, context: NewKeyContext): void {
  if (key.objectClass === CKO.SECRET_KEY) checkUsages(key);
  switch (origin) {
    case 'unwrap':
      checkUnwrapped(key, context.sources);
      break;
    case 'derive':
      checkDerived(key, context);
      break;
    case 'encapsulate':
    case 'decapsulate':
      checkSize(key);
      break;
    case 'create':
    case 'generate':
  }
}

/**
 * A secret key is for keys, for data or for derivation. Programs ask for all at once (`pkcs11-tool --usage-decrypt --usage-wrap`,
 * and what libp11 derives); they get it for a key that says of itself that it is not sensitive, which never carries a sensitive one.
 */
function checkUsages(key: KeyView): void {
  if (isProtected(key) && hasMixedDerivation(key))
    throw inconsistent('a key that others are derived from is for nothing else');
  if (!has(key, CKA.SENSITIVE)) return;
  if (hasConflict(key)) throw inconsistent('usages that undo each other need CKA_SENSITIVE to be false');
  // It could be wrapped and come back for MACs, which are what is derived.
  if (has(key, CKA.DERIVE) && has(key, CKA.EXTRACTABLE)) {
    throw inconsistent('a sensitive key that others are derived from is not extractable');
  }
}

function checkUnwrapped(key: KeyView, sources: readonly KeyView[]): void {
  // What can decrypt the key anyway gives nothing away by unwrapping it.
  const isOpen = sources.every((source) => has(source, CKA.DECRYPT));
  if (!isOpen && !has(key, CKA.SENSITIVE)) throw inconsistent('what a mere wrapping key unwraps is sensitive');
  if (key.objectClass !== CKO.SECRET_KEY) return;
  if ([CKA.WRAP, CKA.UNWRAP].some((usage) => has(key, usage))) {
    throw inconsistent('an unwrapped key is not for wrapping');
  }
  if (has(key, CKA.DERIVE) && has(key, CKA.SENSITIVE)) throw inconsistent('an unwrapped key is not for derivation');
}

/** Secret keys give away no more of themselves than a key that is sensitive and long enough. */
function checkDerived(key: KeyView, { mechanism, parameter, sources }: NewKeyContext): void {
  const isFromSecret = sources.some((source) => source.objectClass === CKO.SECRET_KEY && isProtected(source));
  if (isFromSecret && !has(key, CKA.SENSITIVE)) throw inconsistent('what is derived from a sensitive key is sensitive');
  checkSize(key);
  if (!isProtected(key) || !isFromSecret) return;
  // The same derivation twice gives two keys of one value: no derivation may give MAC keys and base keys.
  const isExtracted = mechanism === CKM.HKDF_DERIVE && parameter !== undefined && isExtraction(parameter);
  if (isExtracted && USAGES.some((usage) => has(key, usage))) throw inconsistent('an extracted key is for derivation');
  if (!isExtracted && has(key, CKA.DERIVE))
    throw inconsistent('only CKM_HKDF_DERIVE without expansion gives base keys');
  if (isExtracted && !sources.every(isProtected)) throw inconsistent('extraction from a key that is known');
}

/** A long secret must not come out as short ones, to be guessed one after the other. */
function checkSize(key: KeyView): void {
  if (isProtected(key) && key.bits < MIN_SENSITIVE_BITS) {
    throw new CkrError(CKR.KEY_SIZE_RANGE, 'too short for a sensitive key');
  }
}

const USAGES = [CKA.ENCRYPT, CKA.DECRYPT, CKA.SIGN, CKA.VERIFY, CKA.WRAP, CKA.UNWRAP];

function isExtraction(parameter: Uint8Array): boolean {
  const { extract, expand } = readParameter('hkdf', parameter);
  return extract !== 0 && expand === 0;
}

function inconsistent(why: string): CkrError {
  return new CkrError(CKR.TEMPLATE_INCONSISTENT, why);
}
