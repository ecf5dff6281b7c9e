import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { CKA } from '#src/cryptoki/constants.ts';
import { MECHANISMS } from '#src/cryptoki/mechanisms.ts';
import { absentFunctions, currentPage, functionLists, PAGE } from '../../scripts/generate-pkcs11-chapter.ts';

describe('docs/pkcs11.md', () => {
  const page = readFileSync(PAGE, 'utf8');

  it('has the tables in use (node scripts/generate-pkcs11-chapter.ts)', () => {
    assert.equal(page, currentPage(page));
  });

  it('tells of every function, and why one is not there', () => {
    const names = [...functionLists().values()].flat();
    assert.deepEqual([...functionLists().keys()], ['2.40', '3.0', '3.2']);
    assert.ok(names.length >= 104);
    for (const name of names) assert.ok(page.includes(`\`${name}\``), name);
    for (const [name, reason] of absentFunctions()) {
      assert.ok(names.includes(name), name);
      assert.ok(reason.length > 10, name);
    }
  });

  it('tells of every mechanism and of our own attributes with their numbers', () => {
    for (const { name } of MECHANISMS) assert.ok(page.includes(`| \`CKM_${name}\` |`), name);
    for (const name of ['DKS_USE_COUNT', 'DKS_USE_LIMIT', 'DKS_CLOSED_PAIR'] as const) {
      assert.ok(page.includes(`CKA_${name}\``) && page.includes(`0x${CKA[name].toString(16)}`), name);
    }
  });
});
