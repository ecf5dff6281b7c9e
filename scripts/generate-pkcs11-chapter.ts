/**
 * Writes the tables of docs/pkcs11.md from the tables that the programs themselves use, and from the C library's list of functions.
 * With `--check` it only tells whether the page is current.
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { attributeRows, mechanismRows, objectClasses } from '#src/cryptoki/feature-table.ts';
import { RSA_BITS, SECRET_BYTES } from '#src/cryptoki/mechanisms.ts';
import { Limits } from '#src/wire/enumerations.ts';

const ROOT = join(import.meta.dirname, '..');
export const PAGE = join(ROOT, 'docs', 'pkcs11.md');
const BEGIN = '<!-- tables: made by scripts/generate-pkcs11-chapter.ts -->';

/** The page as it should be: its hand-written part and fresh tables. */
export function currentPage(page: string): string {
  return `${page.slice(0, page.indexOf(BEGIN))}${BEGIN}\n\n${tables()}`;
}

function tables(): string {
  return [functionTables(), mechanismTable(), ...attributeTables(), limits()].join('\n\n').concat('\n');
}

/** Functions that are not there, and why: the comments of the file that answers for them. */
export function absentFunctions(): Map<string, string> {
  const source = readFileSync(join(ROOT, 'pkcs11', 'unsupported.c'), 'utf8');
  const absent = new Map<string, string>();
  let reason = '';
  for (const [, comment, name, other] of source.matchAll(
    /\/\*((?:[^*]|\*(?!\/))*)\*\/|UNSUPPORTED\((C_\w+)|CK_RV (C_\w+)\(/g,
  )) {
    if (comment !== undefined) reason = comment.replaceAll(/\s+/g, ' ').trim();
    const found = name ?? other;
    if (found !== undefined) absent.set(found, reason);
  }
  return absent;
}

/** The functions of each version, in the order of the function lists. */
export function functionLists(): Map<string, string[]> {
  const header = readFileSync(join(ROOT, 'pkcs11', 'cryptoki.h'), 'utf8');
  const lists = new Map<string, string[]>();
  for (const [, version = '', body = ''] of header.matchAll(
    /#define CK_FUNCTIONS_(\d_\d+)\(X\)((?:(?!#define CK_(?:FUNCTIONS|DECLARE))[^])*)/g,
  )) {
    lists.set(
      version.replace('_', '.'),
      [...body.matchAll(/X\((C_\w+),/g)].map(([, name = '']) => name),
    );
  }
  return lists;
}

function functionTables(): string {
  const absent = absentFunctions();
  const lines = [...functionLists()].map(([version, names]) => {
    const present = names.filter((name) => !absent.has(name));
    return `* Version ${version}: ${present.map((name) => `\`${name}\``).join(', ')}.`;
  });
  const missing = [...absent].map(([name, reason]) => `| \`${name}\` | ${reason} |`);
  return `## Functions\n\nThe library has these functions.\n\n${lines.join('\n')}\n\n### Functions that are not there\n\n| Function | Reason |\n|---|---|\n${missing.join('\n')}`;
}

function mechanismTable(): string {
  const rows = mechanismRows().map(({ mechanism, functions, keyTypes, keySizes, parts, legacy, standard }) =>
    row([`\`${mechanism}\``, functions, keyTypes, keySizes, parts, legacy ? 'legacy' : '', standard]),
  );
  const head = ['Mechanism', 'Functions', 'Key types', 'Key sizes', 'In parts', 'Legacy', 'Standard'];
  return `## Mechanisms\n\n${table(head, rows)}`;
}

function attributeTables(): string[] {
  return objectClasses().map(([objectClass, title]) => {
    const rows = attributeRows(objectClass).map((entry) =>
      row([
        `\`${entry.attribute}\``,
        entry.of,
        entry.kind,
        entry.default,
        entry.create,
        entry.generate,
        entry.unwrap,
        entry.derive,
        entry.set,
        entry.copy,
      ]),
    );
    const moments = [
      'C_CreateObject',
      'Generation',
      'C_UnwrapKey',
      'C_DeriveKey',
      'C_SetAttributeValue',
      'C_CopyObject',
    ];
    return `## Attributes: ${title.toLowerCase()}\n\n${table(['Attribute', 'Only of', 'Kind', 'Default', ...moments], rows)}`;
  });
}

function limits(): string {
  const rows = [
    ['RSA keys', `${RSA_BITS.min} to ${RSA_BITS.max} bits in steps of 8, public exponent 65537`],
    ['Secret keys but AES', `${SECRET_BYTES.min} to ${SECRET_BYTES.max} bytes`],
    ['CKA_ID', '0 to 4,096 bytes'],
    ['One attribute', `${Limits.attributeValue} bytes`],
    ['Attributes of one template', `${Limits.attributes}`],
    ['Input of one signature, MAC, encryption or decryption at once', `${Limits.signInput} bytes`],
    ['PINs', `${Limits.pinMin} to ${Limits.pinMax} bytes`],
  ];
  return `## Limits\n\n${table(['What', 'Limit'], rows.map(row))}`;
}

function table(head: readonly string[], rows: readonly string[]): string {
  return [row(head), `|${'---|'.repeat(head.length)}`, ...rows].join('\n');
}

function row(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}

if (import.meta.main) {
  const page = readFileSync(PAGE, 'utf8');
  const current = currentPage(page);
  if (process.argv.includes('--check')) {
    if (page !== current) {
      process.stderr.write('docs/pkcs11.md is not current: run node scripts/generate-pkcs11-chapter.ts\n');
      process.exitCode = 1;
    }
  } else {
    writeFileSync(PAGE, current);
  }
}
