/** The attribute and mechanism tables as rows of text, for the manual. */

import { type AttributeRule } from './attribute-rules.ts';
import { OBJECTS } from './attributes.ts';
import { CKA, CKF_MECHANISM, CKK, CKO } from './constants.ts';
import { MECHANISMS, type Mechanism } from './mechanisms.ts';

export interface AttributeRow {
  readonly attribute: string;
  /** The kinds of objects of the class that have it so; empty for all. */
  readonly of: string;
  readonly kind: string;
  readonly default: string;
  readonly create: string;
  readonly generate: string;
  readonly unwrap: string;
  readonly derive: string;
  readonly set: string;
  readonly copy: string;
}

export interface MechanismRow {
  readonly mechanism: string;
  readonly keyTypes: string;
  readonly keySizes: string;
  readonly functions: string;
  readonly standard: string;
  readonly parts: string;
  readonly legacy: boolean;
}

/** A row for every attribute of the objects of a class; what some key types have otherwise has a row of its own. */
export function attributeRows(objectClass: number): AttributeRow[] {
  const kinds = OBJECTS.filter((description) => description.class === objectClass);
  const rows = new Map<string, { rule: AttributeRule; of: string[] }>();
  for (const { name, rules } of kinds) {
    for (const rule of rules.values()) {
      const key = JSON.stringify({ ...rule, default: text(rule) });
      const row = rows.get(key) ?? { rule, of: [] };
      rows.set(key, { rule, of: [...row.of, name.replace(/ (public|private) key$|( secret)? key$/, '')] });
    }
  }
  const list = [...rows.values()].map(({ rule, of }) => ({
    attribute: `CKA_${rule.name}`,
    of: of.length === kinds.length ? '' : of.join(', '),
    kind: rule.kind,
    default: text(rule),
    create: given(rule, rule.create),
    generate: given(rule, rule.generate),
    unwrap: given(rule, rule.unwrap),
    derive: given(rule, rule.derive),
    set: change(rule, rule.set),
    copy: change(rule, rule.copy),
  }));
  return [...list.filter(({ of }) => of === ''), ...list.filter(({ of }) => of !== '')];
}

const CLASS_NAMES = new Map<number, string>([
  [CKO.PUBLIC_KEY, 'Public keys'],
  [CKO.PRIVATE_KEY, 'Private keys'],
  [CKO.SECRET_KEY, 'Secret keys'],
  [CKO.CERTIFICATE, 'Certificates'],
  [CKO.DATA, 'Data objects'],
  [CKO.PROFILE, 'Profile objects'],
]);

/** The classes of objects that the token has, with their titles. */
export function objectClasses(): [number: number, title: string][] {
  return [...CLASS_NAMES];
}

const FUNCTIONS = [
  ['ENCRYPT', 'encrypt'],
  ['DECRYPT', 'decrypt'],
  ['SIGN', 'sign'],
  ['VERIFY', 'verify'],
  ['SIGN_RECOVER', 'sign with recovery'],
  ['VERIFY_RECOVER', 'verify with recovery'],
  ['DIGEST', 'digest'],
  ['GENERATE', 'generate'],
  ['GENERATE_KEY_PAIR', 'generate'],
  ['WRAP', 'wrap'],
  ['UNWRAP', 'unwrap'],
  ['DERIVE', 'derive'],
  ['ENCAPSULATE', 'encapsulate'],
  ['DECAPSULATE', 'decapsulate'],
  ['MESSAGE_ENCRYPT', 'encrypt messages'],
  ['MESSAGE_DECRYPT', 'decrypt messages'],
  ['MESSAGE_SIGN', 'sign messages'],
  ['MESSAGE_VERIFY', 'verify messages'],
] as const;

/** A row for every mechanism. */
export function mechanismRows(): MechanismRow[] {
  return MECHANISMS.map((row) => ({
    mechanism: `CKM_${row.name}`,
    keyTypes: row.keyTypes.map((keyType) => `CKK_${nameOf(CKK, keyType)}`).join(', '),
    keySizes: sizes(row),
    functions: FUNCTIONS.flatMap(([flag, name]) => ((row.flags & CKF_MECHANISM[flag]) === 0 ? [] : [name])).join(', '),
    standard: row.standard,
    parts: row.parts === 'once' ? 'no' : 'yes',
    legacy: row.legacy,
  }));
}

const BITS: ReadonlySet<number> = new Set([CKK.RSA, CKK.EC, CKK.EC_EDWARDS, CKK.EC_MONTGOMERY]);

function sizes({ keyTypes, minKeySize, maxKeySize, generates }: Mechanism): string {
  const [keyType] = keyTypes;
  if (keyType === undefined) return '';
  const isGenericSecret = generates !== undefined && keyType !== CKK.AES && maxKeySize > 32_768;
  const unit = BITS.has(keyType) || isGenericSecret ? 'bits' : 'bytes';
  return `${minKeySize} to ${maxKeySize} ${unit}`;
}

function text({ default: value, defaultLike, kind }: AttributeRule): string {
  if (defaultLike !== undefined) return `as CKA_${nameOf(CKA, defaultLike)}`;
  if (!value) return '';
  if (kind === 'bool') return value[0] === 1 ? 'TRUE' : 'FALSE';
  return value.length === 0 ? 'empty' : String(value[0]);
}

function given({ trueBySo }: AttributeRule, word: 'must' | 'may' | 'no'): string {
  return trueBySo && word === 'may' ? 'TRUE only by the SO' : word;
}

const CHANGES = { likes: 'yes', toTrue: 'to TRUE', toFalse: 'to FALSE', lower: 'to a lower one', no: 'no' } as const;

function change({ trueBySo }: AttributeRule, word: keyof typeof CHANGES): string {
  return trueBySo && word !== 'no' ? `${CHANGES[word]}, TRUE by the SO` : CHANGES[word];
}

function nameOf(table: Readonly<Record<string, number>>, number: number): string {
  return Object.entries(table).find(([, value]) => value === number)?.[0] ?? String(number);
}
