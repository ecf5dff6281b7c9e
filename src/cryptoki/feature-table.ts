/** The attribute and mechanism tables as rows of text, for the manual. */

import { type AttributeRule, OBJECTS } from './attributes.ts';
import { CKF_MECHANISM, CKK, CKM } from './constants.ts';
import { MECHANISMS } from './mechanisms.ts';

export interface AttributeRow {
  readonly object: string;
  readonly attribute: string;
  readonly kind: string;
  /** Hexadecimal, `empty`, or nothing. */
  readonly default: string;
  readonly create: string;
  readonly generate: string;
  readonly set: string;
  readonly copy: string;
  readonly readable: boolean;
}

export interface MechanismRow {
  readonly mechanism: string;
  readonly keyType: string;
  readonly keySizes: string;
  readonly operations: string;
  /** The digest that is computed in the library, if any. */
  readonly digest: string;
}

/** A row for every attribute of every kind of object. */
export function attributeRows(): AttributeRow[] {
  return OBJECTS.flatMap(({ name, rules }) =>
    [...rules.values()].map((rule) => ({
      object: name,
      attribute: `CKA_${rule.name}`,
      kind: rule.kind,
      default: defaultText(rule),
      create: rule.create,
      generate: rule.generate,
      set: rule.set,
      copy: rule.copy,
      readable: !rule.sensitive,
    })),
  );
}

/** A row for every mechanism. */
export function mechanismRows(): MechanismRow[] {
  return MECHANISMS.map(({ name, keyType, minKeySize, maxKeySize, flags, digest }) => ({
    mechanism: `CKM_${name}`,
    keyType: keyType === undefined ? '' : `CKK_${nameOf(CKK, keyType)}`,
    keySizes: maxKeySize === 0 ? '' : `${minKeySize} to ${maxKeySize}`,
    operations: (['SIGN', 'VERIFY', 'DIGEST', 'GENERATE', 'GENERATE_KEY_PAIR'] as const)
      .filter((operation) => (flags & CKF_MECHANISM[operation]) !== 0)
      .join(', '),
    digest: digest === undefined ? '' : `CKM_${nameOf(CKM, digest)}`,
  }));
}

function defaultText({ default: value }: AttributeRule): string {
  if (!value) return '';
  return value.length === 0 ? 'empty' : Array.from(value, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function nameOf(table: Readonly<Record<string, number>>, number: number): string {
  return Object.entries(table).find(([, value]) => value === number)?.[0] ?? String(number);
}
