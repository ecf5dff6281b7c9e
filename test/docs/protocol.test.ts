import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';

import { currentPage, PAGE } from '../../scripts/generate-protocol-table.ts';

describe('docs/protocol.md', () => {
  it('has the tables of the operation table in use (node scripts/generate-protocol-table.ts)', () => {
    const page = readFileSync(PAGE, 'utf8');
    assert.equal(page, currentPage(page));
  });
});
