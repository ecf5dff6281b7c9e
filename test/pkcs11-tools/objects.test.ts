/** pkcs11-list, pkcs11-destroy and pkcs11-tokens on both tokens. */

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { applianceToken, buildTools, judge, listed, on, run, softHsmToken, start, type Token } from './tools.ts';

for (const [name, makeToken] of [
  ['the appliance', applianceToken],
  ['SoftHSM2', softHsmToken],
] as const) {
  describe(`on ${name}`, () => {
    let token: Token;
    before(async () => {
      buildTools();
      token = await makeToken();
      for (const label of ['one', 'two']) await on(token, 'keygen', `-a ECC ${label}`);
    });
    after(() => token.stop());

    it('pkcs11-list shows all objects, or those with a label', async () => {
      const all = await on(token, 'list', '');
      assert.deepEqual([all.status, all.stderr], [0, '']);
      const lines = all.stdout.split('\n').filter((line) => line.startsWith('object['));
      assert.deepEqual(
        lines.map((line) => Number(/\d+/.exec(line)?.[0])),
        lines.map((_, index) => index),
      );
      assert.equal(lines.filter((line) => line.includes(`'one'`)).length, 2);
      assert.equal(lines.filter((line) => line.includes(`'two'`)).length, 2);
      const one = await on(token, 'list', '-l one');
      assert.ok(one.stdout.includes('label one\n'));
      assert.equal(one.stdout.match(/^object/gm)?.length, 2);
      assert.deepEqual(await listed(token, 'none'), []);
    });

    it('pkcs11-list -P shows the public objects and needs no PIN', async () => {
      const args = ['-P', '-m', token.module, '-s', token.slot];
      const { status, stdout, stderr } = await run('list', args, { env: token.env });
      assert.deepEqual([status, stderr], [0, '']);
      const classes = [...stdout.matchAll(/^object\[\d+\]: handle \d+ class (\d) /gm)].map(([, number]) => number);
      assert.ok(classes.length >= 2);
      assert.deepEqual(new Set(classes), new Set(['2']));
    });

    it('the module can be named by PKCS11_PROVIDER; -m comes first', async () => {
      const args = ['-P', '-s', token.slot];
      const named = await run('list', args, { env: { ...token.env, PKCS11_PROVIDER: token.module } });
      assert.match(named.stdout, /'one'/);
      const both = await run('list', ['-m', token.module, ...args], {
        env: { ...token.env, PKCS11_PROVIDER: '/nonexistent.so' },
      });
      assert.match(both.stdout, /'one'/);
    });

    it('control characters in labels do not reach the terminal', async () => {
      writeFileSync(join(token.folder, 'value'), 'x');
      judge(token, ['--write-object', 'value', '--type', 'data', '--label', 'a\u001B[2Jb\n']);
      const { stdout } = await on(token, 'list', '');
      assert.match(stdout, / class 0 label\[7\] 'a\\x1b\[2Jb\\x0a' id\[0\] \n/);
    });

    it('pkcs11-destroy shows what it destroys, and waits', async () => {
      await on(token, 'keygen', '-a ECC -i 0x123456 gone');
      const started = performance.now();
      const { status, stdout, stderr } = await on(token, 'destroy', '-i 0x123456 -w 1');
      assert.ok(performance.now() - started >= 1000);
      assert.deepEqual([status, stderr], [0, '']);
      const lines = stdout.split('\n');
      assert.equal(lines[0], 'Key objects found:');
      assert.deepEqual(
        lines
          .slice(1, 3)
          .toSorted()
          .map((line) => line.replace(/class \d/, 'class')),
        [`  object[0]: class, label 'gone', id[4] 0x00123456`, `  object[1]: class, label 'gone', id[4] 0x00123456`],
      );
      assert.deepEqual(lines.slice(3), [
        'WARNING: This action is irreversible! Destroying key objects in 1 seconds',
        '  .',
        'Destruction complete.',
        '',
      ]);
      assert.deepEqual(await listed(token, 'gone'), []);
      assert.equal((await listed(token, 'one')).length, 2);
    });

    it('pkcs11-destroy says so if there is nothing', async () => {
      const { status, stdout } = await on(token, 'destroy', '-l nobody');
      assert.deepEqual([status, stdout], [0, 'No matching key objects found.\n']);
    });

    it('pkcs11-destroy can be interrupted while it waits; the PIN of -p is not in the list of processes then', async () => {
      await on(token, 'keygen', '-a ECC kept');
      const args = ['-m', token.module, '-s', token.slot, '-p', token.pin, '-l', 'kept', '-w', '60'];
      const { child, said } = start('destroy', args, { env: token.env });
      let commandLine = '';
      // The first dot is printed when the wait has begun.
      child.stdout.on('data', (chunk: Buffer) => {
        if (!chunk.includes('.')) return;
        commandLine = readFileSync(`/proc/${child.pid}/cmdline`, 'latin1');
        child.kill('SIGINT');
      });
      const { status, stdout } = await said;
      assert.equal(status, 'SIGINT');
      assert.ok(commandLine.includes('kept'));
      assert.ok(!commandLine.includes(token.pin));
      assert.match(stdout, /in 60 seconds\n/);
      assert.equal((await listed(token, 'kept')).length, 2);
    });

    it('pkcs11-tokens shows the token and what it can do', async () => {
      const { status, stdout, stderr } = await on(token, 'tokens', '');
      assert.deepEqual([status, stderr], [0, '']);
      const [defaults = '', first = ''] = stdout.split('\nTOKEN\n');
      const address = /^\taddress=(0x[0-9a-f]+)$/m.exec(first)?.[1];
      assert.ok(address !== undefined);
      const headings = ['rand_token', 'best_rsa_token', 'digest_token', 'best_ec_token', 'aes_token'];
      for (const heading of headings) assert.ok(defaults.includes(`\t${heading}=${address}\n`), defaults);
      assert.ok(defaults.includes('\tbest_gost_token=(nil)\n'));
      assert.match(
        first,
        new RegExp(`^\\tslotID=${token.slot}\\n\\tlabel=${token.label} *\\n\\tmanufacturerID=.{32}\\n`, 'm'),
      );
      assert.match(
        first,
        /^\tmodel=.{16}\n\tserialNumber=.{16}\n\tsupported operations=0x1(66|7e) \(RAND,RSA,(DSA,DH,)?DIGEST,EC,AES\)$/m,
      );
      const verbose = await on(token, 'tokens', '-v');
      assert.match(verbose.stderr, /: PKCS#11 [23]\.\d+, /);
      assert.match(verbose.stderr, new RegExp(`slot ${token.slot}: no GOST`));
    });
  });
}

describe('pkcs11-destroy', () => {
  it('destroys also more objects than one search gives at once', async (t) => {
    const token = softHsmToken();
    t.after(() => token.stop());
    writeFileSync(join(token.folder, 'value'), 'x');
    for (let i = 0; i < 60; i++) judge(token, ['--write-object', 'value', '--type', 'data', '--label', 'many']);
    const { stdout } = await on(token, 'destroy', '-l many -w 0');
    assert.match(stdout, /object\[59\]: class 0, label 'many', id\[0\] \nDestruction complete\.\n$/);
    assert.deepEqual(await listed(token, 'many'), []);
  });
});
