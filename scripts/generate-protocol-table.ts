/**
 * Writes the tables of docs/protocol.md from the tables that the programs themselves use.
 * With `--check` it only tells whether the page is current.
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { type Leg, type Operation } from '#src/wire/operation.ts';
import { operations } from '#src/wire/operations.ts';
import { type Fields } from '#src/wire/schema.ts';
import { HalStatus, statusText } from '#src/wire/status.ts';

export const PAGE = join(import.meta.dirname, '..', 'docs', 'protocol.md');
const BEGIN = '<!-- tables: made by scripts/generate-protocol-table.ts -->';

const CHAPTERS: Readonly<Record<Leg, string>> = {
  vendor: "The vendor's functions",
  client: 'Our functions: client to appliance',
  device: 'Our functions: appliance to device',
  mkm: 'Our functions: device to master key memory',
};

/** The page as it should be: its hand-written part and fresh tables. */
export function currentPage(page: string): string {
  return `${page.slice(0, page.indexOf(BEGIN))}${BEGIN}\n\n${tables()}`;
}

function tables(): string {
  const chapters = (Object.entries(CHAPTERS) as [Leg, string][]).map(([leg, title]) => {
    const rows = Object.entries<Operation>(operations)
      .filter(([, operation]) => operation.leg === leg)
      .map(([name, operation]) => row(name, operation));
    return `### ${title}\n\n| Code | Name | Arguments | Results | Who | What |\n|---|---|---|---|---|---|\n${rows.join('\n')}\n`;
  });
  const statuses = Object.entries(HalStatus).map(([name, status]) => `| ${status} | ${name} | ${statusText(status)} |`);
  return `${chapters.join('\n')}\n### Status words\n\n| Number | Name | Meaning |\n|---|---|---|\n${statuses.join('\n')}\n`;
}

function row(name: string, { code, leg, args, results, caller, summary }: Operation): string {
  const number = leg === 'vendor' ? String(code) : `0x${code.toString(16).toUpperCase()}`;
  return `| ${number} | ${name} | ${fields(args)} | ${fields(results)} | ${caller} | ${summary.replaceAll('|', '\\|')} |`;
}

function fields(list: Fields): string {
  const texts = Object.entries(list).map(([name, schema]) => `${name}: ${schema.kind}`);
  return texts.length === 0 ? '–' : `\`${texts.join(', ')}\``;
}

if (import.meta.main) {
  const page = readFileSync(PAGE, 'utf8');
  const current = currentPage(page);
  if (process.argv.includes('--check')) {
    if (page !== current) {
      process.stderr.write('docs/protocol.md is not current: run node scripts/generate-protocol-table.ts\n');
      process.exitCode = 1;
    }
  } else {
    writeFileSync(PAGE, current);
  }
}
