/** pkcs11-keygen on both tokens: what it makes, judged by pkcs11-tool and by Node's own crypto. */

import assert from 'node:assert/strict';
import { createPublicKey, verify } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { applianceToken, buildTools, judge, listed, on, softHsmToken, type Token } from './tools.ts';

const COMPLETE = { status: 0, stdout: 'Key pair generation complete.\n', stderr: '' };

/** The ID that a line of pkcs11-list shows, for pkcs11-tool. */
function idOf(line: string | undefined): string {
  const [, decimal, hex] = / id\[\d+\] (?:(\d+)(?: |$)|0x([\da-f]+))/.exec(line ?? '') ?? [];
  return hex ?? Number(decimal).toString(16).padStart(4, '0');
}

function publicKey(token: Token, label: string) {
  const file = join(token.folder, 'public.der');
  judge(token, ['--read-object', '--type', 'pubkey', '--label', label, '-o', file]);
  return createPublicKey({ key: readFileSync(file), format: 'der', type: 'spki' });
}

/** Both halves are there, not extractable, and share an ID that the tool chose. */
async function assertPair(token: Token, label: string): Promise<void> {
  const lines = await listed(token, label);
  assert.deepEqual(new Set(lines.map((line) => / class (\d) /.exec(line)?.[1])), new Set(['2', '3']));
  const described = `^object\\[[01]\\]: handle \\d+ class (2|3) label\\[${label.length}\\] '${label}' id\\[4\\] 0x[0-9a-f]{8}`;
  for (const line of lines) assert.match(line, new RegExp(described));
  assert.match(lines.find((line) => line.includes('class 3')) ?? '', / E:never$/);
  assert.equal(idOf(lines[0]), idOf(lines[1]));
}

for (const [name, makeToken] of [
  ['the appliance', applianceToken],
  ['SoftHSM2', softHsmToken],
] as const) {
  describe(`pkcs11-keygen on ${name}`, () => {
    let token: Token;
    before(async () => {
      buildTools();
      token = await makeToken();
    });
    after(() => token.stop());

    for (const [args, details] of [
      ['-b 1024 -l rsa1', { modulusLength: 1024, publicExponent: 65_537n }],
      ['-a nsec3rsasha1 -b 2048 rsa2', { modulusLength: 2048, publicExponent: 65_537n }],
    ] as const) {
      it(`makes the key pair of ${args}`, async () => {
        assert.deepEqual(await on(token, 'keygen', args), COMPLETE);
        const label = args.split(' ').at(-1) as string;
        await assertPair(token, label);
        assert.deepEqual(publicKey(token, label).asymmetricKeyDetails, details);
      });
    }

    // pkcs11-tool 0.23 shows the object identifier of P-384 and no Edwards curve: there the length of the point tells.
    for (const [args, shown] of [
      ['-a ECC ec1', /EC_PARAMS:\s*06082a8648ce3d030107/],
      ['-a ECC -b 384 ec2', /EC_PARAMS:\s*06052b81040022/],
      ['-a ECDSAP384SHA384 ec3', /EC_PARAMS:\s*06052b81040022/],
      ['-a ECX ed1', /EC_POINT:\s*0420/],
      ['-a ECX -b 456 ed2', /EC_POINT:\s*0439/],
      ['-a ed448 ed3', /EC_POINT:\s*0439/],
    ] as const) {
      it(`makes the key pair of ${args}`, async () => {
        assert.deepEqual(await on(token, 'keygen', args), COMPLETE);
        const label = args.split(' ').at(-1) as string;
        await assertPair(token, label);
        assert.match(judge(token, ['--list-objects', '--type', 'pubkey', '--label', label]), shown);
      });
    }

    it('makes keys that sign', async () => {
      await on(token, 'keygen', '-a RSASHA256 -b 2048 signer');
      const [line] = await listed(token, 'signer');
      const data = Buffer.from('signed by a key of pkcs11-keygen');
      writeFileSync(join(token.folder, 'data'), data);
      judge(token, ['--sign', '--id', idOf(line), '-m', 'SHA256-RSA-PKCS', '-i', 'data', '-o', 'signature']);
      const signature = readFileSync(join(token.folder, 'signature'));
      assert.ok(verify('sha256', data, publicKey(token, 'signer'), signature));
    });

    it('gives both halves the ID of -i: two bytes, four, or any', async () => {
      for (const [id, label, shown] of [
        ['7', 'id1', 'id[2] 7'],
        ['0x1234', 'id2', 'id[2] 4660'],
        ['65536', 'id3', 'id[4] 0x00010000'],
        ['hex:0a', 'id4', 'id[1] 0x0a'],
        ['hex:000102030405060708090A', 'id5', 'id[11] 0x0001020304050607...'],
      ] as const) {
        assert.deepEqual(await on(token, 'keygen', `-a ECC -i ${id} ${label}`), COMPLETE);
        const lines = await listed(token, label);
        assert.equal(lines.length, 2);
        for (const line of lines) assert.ok(line.includes(`'${label}' ${shown}`), line);
        const { stdout } = await on(token, 'list', `-i ${id}`);
        assert.equal(stdout.match(/^object/gm)?.length, 2);
        assert.ok(stdout.includes(`id ${id}\n`));
      }
    });

    it('makes a key that can leave the token with -P, and says nothing with -q', async () => {
      assert.deepEqual(await on(token, 'keygen', '-a ECC -P -q open'), { status: 0, stdout: '', stderr: '' });
      const lines = await listed(token, 'open');
      assert.match(lines.find((line) => line.includes('class 3')) ?? '', / E:true$/);
    });

    it('refuses a label and an ID that exist, and makes nothing', async () => {
      await on(token, 'keygen', '-a ECC -i 900 twice');
      const label = await on(token, 'keygen', '-a ECC twice');
      assert.equal(label.status, 1);
      assert.match(label.stderr, /^Key already exists\.\nChoose another label than 'twice'/);
      const id = await on(token, 'keygen', '-a ECC -i 900 another');
      assert.equal(id.status, 1);
      assert.match(id.stderr, /^Key already exists\.\nChoose another ID than 900/);
      assert.equal((await listed(token, 'twice')).length, 2);
      assert.deepEqual(await listed(token, 'another'), []);
    });

    it('says which sizes the token makes', async () => {
      const { status, stderr } = await on(token, 'keygen', '-b 65536 giant');
      assert.equal(status, 1);
      assert.match(stderr, /^Option -b: the token makes RSA keys of \d+ to \d+ bits\n$/);
    });

    it('says what is wrong with the PIN or the slot', async () => {
      const wrong = await on({ ...token, pin: 'not-the-pin' }, 'keygen', '-a ECC nothing');
      assert.equal(wrong.status, 1);
      assert.match(
        wrong.stderr,
        /Unrecoverable error initializing PKCS#11: C_Login: Error = 0x000000A0 \(CKR_PIN_INCORRECT\): the PIN is wrong\n$/,
      );
      const slot = await on({ ...token, slot: '77' }, 'keygen', '-a ECC nothing');
      assert.equal(slot.status, 1);
      assert.match(
        slot.stderr,
        new RegExp(`there is no token in slot 77; slots with tokens, for -s:.* ${token.slot}\\b`),
      );
      assert.deepEqual(await listed(token, 'nothing'), []);
    });
  });
}

describe('pkcs11-keygen -e', () => {
  before(buildTools);

  it('makes a key with the exponent 2^32 + 1 if the token does', async (t) => {
    const token = softHsmToken();
    t.after(() => token.stop());
    assert.deepEqual(await on(token, 'keygen', '-e -b 1024 large'), COMPLETE);
    assert.equal(publicKey(token, 'large').asymmetricKeyDetails?.publicExponent, 4_294_967_297n);
  });

  it('is refused by the appliance', async (t) => {
    const token = await applianceToken();
    t.after(() => token.stop());
    const { status, stderr } = await on(token, 'keygen', '-e -b 1024 large');
    assert.equal(status, 1);
    assert.match(
      stderr,
      /CKR_TEMPLATE_INCONSISTENT.*\nPerhaps the token makes only keys with the exponent 65537: try without -e\n/,
    );
    assert.deepEqual(await listed(token, 'large'), []);
  });
});
