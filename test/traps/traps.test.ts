/** What programs of others do that a module must be ready for. */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';

import { begin, build, pass, testsOf, tokenForTests } from '#test/field-reports/chapter.ts';

const HERE = import.meta.dirname;

describe('what programs do', { timeout: 180_000 }, () => {
  const token = tokenForTests({ pinDelayMs: 10 });
  testsOf(token, 'traps', HERE);
  testsOf(token, 'listed-mechanisms', HERE);

  it('the OpenSSL configuration of the host program is not the library’s', async (context) => {
    const folder = mkdtempSync(join(tmpdir(), 'dks-traps-'));
    try {
      const conf = join(folder, 'openssl.cnf');
      // Whoever reads this has no algorithm left.
      writeFileSync(
        conf,
        'openssl_conf = a\n[a]\nproviders = b\nalg_section = c\n[b]\nnull = d\n[d]\nactivate = 1\n[c]\ndefault_properties = fips=yes\n',
      );
      const env = { OPENSSL_CONF: conf, OPENSSL_MODULES: folder, SSL_CERT_FILE: '/nonexistent' };
      await pass(context, token, build('traps', HERE), 'works_by_itself', [], env);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('a login that only failed by an empty PIN is not counted, whoever tries again and again', async (context) => {
    const program = build('traps', HERE);
    const tries = Array.from({ length: 6 }, () => begin(token, program, 'logs_in_with_nothing').result);
    for (const result of await Promise.all(tries)) assert.deepEqual([result.status, result.stderr], [0, '']);
    await pass(context, token, program, 'is_not_locked');
  });
});
