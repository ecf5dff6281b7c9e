/** What the tools say about wrong command lines, PINs, modules, and an appliance that cannot work. */

import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { startAppliance } from '../appliance.ts';
import { MODULE, Pkcs11Host } from '../interop/pkcs11-host.ts';
import { buildTools, pathOf, run, softHsmToken, type Token, type ToolName } from './tools.ts';

const ROOT = join(import.meta.dirname, '..', '..');

before(buildTools);

describe('the command line', () => {
  for (const [line, status, message] of [
    ['keygen', 2, /^A label is needed/],
    ['keygen -a ECC -l', 2, /^Option -l requires an operand\nUsage:\n\tpkcs11-keygen /],
    ['keygen -a ECC -X label', 2, /^Unrecognised option: -X\nUsage:/],
    ['keygen -a ECC label another', 2, /^Unexpected argument: another\n/],
    ['keygen label', 2, /^Option -b: RSA keys need a size/],
    ['keygen -S -b 1024 label', 2, /^Option -S: .*Diffie-Hellman/],
    ['keygen -a DSA -b 1024 label', 2, /^Option -a: DSA keys are not made any more/],
    ['keygen -a dh -b 1024 label', 2, /^Option -a: dh keys are not made any more/],
    ['keygen -a NSEC3DSA -b 1024 label', 2, /^Option -a: NSEC3DSA keys are not made/],
    ['keygen -a FOO label', 2, /^Option -a: there is no algorithm FOO; there are: RSA .*ED448\n$/],
    ['keygen -a ECC -b 521 label', 2, /^Option -b: ECC keys have 256 or 384 bits\n$/],
    ['keygen -a ECX -b 384 label', 2, /^Option -b: ECX keys have 256 or 456 bits\n$/],
    ['keygen -a ECDSAP384SHA384 -b 256 label', 2, /^Option -b: ECDSAP384SHA384 keys have 384 bits\n$/],
    ['keygen -a ECC -e label', 2, /^Option -e: only RSA keys have an exponent\n$/],
    ['keygen -b 2k label', 2, /^Option -b: a key size is a number of bits\nUsage/],
    ['keygen -a ECC -i 4294967296 label', 2, /^Option -i: an ID is a number up to 4294967295/],
    ['keygen -a ECC -i hex:123 label', 2, /^Option -i: /],
    ['keygen -a ECC -i 010 label', 2, /^Option -i: /],
    ['destroy -i 0x', 1, /^Option -i: /],
    ['keygen -a ECC -i -1 label', 2, /^Option -i: /],
    ['list -s x', 1, /^Option -s: a slot is a number\nUsage:\n\tpkcs11-list /],
    ['list everything', 1, /^Unexpected argument: everything\n/],
    ['destroy', 1, /^One of -i and -l says what to destroy\n$/],
    ['destroy -i 1 -l label', 1, /^One of -i and -l says what to destroy\n$/],
    ['destroy -l label -w soon', 1, /^Option -w: .*\nUsage:\n\tpkcs11-destroy /],
    ['tokens -p 1234', 1, /^Unrecognised option: -p\nUsage:\n\tpkcs11-tokens /],
  ] as const) {
    it(`pkcs11-${line} is refused with ${status}`, async () => {
      const [name, ...args] = line.split(' ');
      const said = await run(name as ToolName, args, { env: { PKCS11_PROVIDER: '/nonexistent.so' } });
      assert.match(said.stderr, message);
      assert.deepEqual([said.status, said.stdout], [status, '']);
    });
  }

  const main = readFileSync(join(ROOT, 'pkcs11', 'tools', 'main.c'), 'utf8');
  for (const [, name = '', letters = ''] of main.matchAll(/"(pkcs11-\w+)",\n\s*":([\w:]+)"/g)) {
    it(`${name}.8 has exactly the options of ${name}, in the synopsis and in the list`, () => {
      const page = readFileSync(join(ROOT, 'docs', 'man', `${name}.8`), 'utf8');
      const options = letters.replaceAll(':', '').split('').toSorted().join('');
      const found = (text: string, pattern: RegExp) =>
        [...text.matchAll(pattern)]
          .flatMap(([, flags = '']) => flags.split(''))
          .toSorted()
          .join('');
      const [, synopsis = ''] = /^\.Sh SYNOPSIS\n([\s\S]*?)^\.Sh /m.exec(page) ?? [];
      assert.equal(found(page, /^\.It Fl (\w)/gm), options);
      assert.equal(found(synopsis, /Fl (\w+)/g), options);
    });
  }

  it('the program has to be called by one of four names', (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'pkcs11-tools-'));
    t.after(() => rmSync(folder, { recursive: true }));
    copyFileSync(pathOf('list'), join(folder, 'other'));
    const { status, stderr } = spawnSync(join(folder, 'other'), { encoding: 'utf8' });
    assert.equal(status, 2);
    assert.match(stderr, /call it pkcs11-keygen, pkcs11-list, pkcs11-destroy or pkcs11-tokens/);
  });
});

describe('the module', () => {
  it('is named if it cannot be loaded', async () => {
    for (const name of ['list', 'tokens'] as const) {
      const { status, stderr } = await run(name, ['-m', '/nonexistent.so']);
      assert.equal(status, 1);
      assert.match(
        stderr,
        /cannot load \/nonexistent\.so: .*\nName the PKCS#11 module with -m or in PKCS11_PROVIDER\n/,
      );
    }
  });

  it('has to be one', async () => {
    const { status, stderr } = await run('list', ['-P', '-m', 'libc.so.6']);
    assert.equal(status, 1);
    assert.match(stderr, /libc\.so\.6 is no PKCS#11 module/);
  });
});

describe('-p', () => {
  let token: Token;
  before(() => {
    token = softHsmToken();
  });
  after(() => token.stop());

  const list = (pin: readonly string[], options: { env?: Record<string, string>; input?: string } = {}) =>
    run('list', ['-m', token.module, '-s', token.slot, ...pin], { ...options, env: { ...token.env, ...options.env } });
  const LISTED = { status: 0, stderr: '' };
  const file = (name: string, content: string, mode = 0o600): string => {
    const path = join(token.folder, name);
    writeFileSync(path, content, { mode });
    return path;
  };

  it('is the PIN, a variable, or a file', async () => {
    for (const pin of ['1234', 'env:THE_PIN', `file:${file('a', '1234')}`, `file:${file('b', '1234\r\nmore\n')}`]) {
      const { status, stderr } = await list(['-p', pin], { env: { THE_PIN: '1234' } });
      assert.deepEqual({ status, stderr }, LISTED, pin);
    }
  });

  it('may be missing: without a terminal the PIN is the first line of standard input', async () => {
    for (const input of ['1234\n', '1234', '1234\nmore']) {
      const { status, stderr } = await list([], { input });
      assert.deepEqual({ status, stderr }, LISTED);
    }
    const { status, stderr } = await list([]);
    assert.deepEqual([status, stderr], [1, 'The PIN is empty\n']);
  });

  it('says what is wrong with where the PIN comes from', async () => {
    const long = 'x'.repeat(4097);
    for (const [pin, message] of [
      ['env:NO_SUCH_PIN', '-p env:NO_SUCH_PIN: there is no such environment variable\n'],
      ['file:/nonexistent', '-p file:/nonexistent: cannot read it: No such file or directory\n'],
      ['file:/tmp', '-p file:/tmp: cannot read it: Is a directory\n'],
      [`file:${file('empty', '\n')}`, 'The PIN is empty\n'],
      [`file:${file('long', long)}`, 'The PIN has more than 4096 bytes\n'],
      [long, 'The PIN has more than 4096 bytes\n'],
    ] as const) {
      const { status, stderr } = await list(['-p', pin]);
      assert.deepEqual([status, stderr], [1, message]);
    }
  });

  it('warns if all users can read the file', async () => {
    const path = file('open', '1234\n', 0o644);
    const { status, stderr } = await list(['-p', `file:${path}`]);
    assert.deepEqual([status, stderr], [0, `Warning: all users can read the PIN in ${path} (chmod 600)\n`]);
  });
});

describe('an appliance that cannot work', () => {
  const keygen = (env: Record<string, string>) =>
    run('keygen', ['-m', MODULE, '-p', 'user-4711', '-a', 'ECC', 'label'], { env: { DKS_PKCS11_LOG: 'none', ...env } });

  it('is locked, then is down', async (t) => {
    const appliance = await startAppliance();
    const host = await Pkcs11Host.of(appliance, 'user-4711');
    t.after(() => host.stop());
    const locked = await keygen(host.env);
    assert.equal(locked.status, 1);
    assert.match(
      locked.stderr,
      /C_Login: Error = 0x00000030 \(CKR_DEVICE_ERROR\): the HSM does not work now: is it unlocked/,
    );
    await appliance.kill();
    const down = await keygen(host.env);
    assert.equal(down.status, 1);
    assert.match(down.stderr, /there is no token in slot 0 or any other: is the HSM running/);
    const tokens = await run('tokens', ['-m', MODULE], { env: { ...host.env, DKS_PKCS11_LOG: 'none' } });
    assert.match(tokens.stderr, /^There is no token: is the HSM running/);
  });

  it('has no hsm.conf', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'pkcs11-tools-'));
    t.after(() => rmSync(folder, { recursive: true }));
    mkdirSync(join(folder, 'empty'));
    const { status, stderr } = await keygen({ DIAMOND_HSM_CONFIG_PATH: join(folder, 'empty') });
    assert.equal(status, 1);
    assert.match(stderr, /C_Initialize: Error = 0x00000005 \(CKR_GENERAL_ERROR\): the module cannot work/);
  });
});
