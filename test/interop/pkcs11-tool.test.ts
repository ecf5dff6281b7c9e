/** What a newcomer does with OpenSC's pkcs11-tool, with openssl as the judge. */

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, describe, it } from 'node:test';

import { MODULE, Pkcs11Host } from './pkcs11-host.ts';

describe('pkcs11-tool', () => {
  let host: Pkcs11Host;
  const data = Buffer.from('Everything that is signed here has this text in common. '.repeat(20));

  before(async () => {
    host = await Pkcs11Host.start();
    host.write('data', data);
    for (const hash of ['sha1', 'sha224', 'sha256', 'sha384', 'sha512']) {
      host.write(hash, createHash(hash).update(data).digest());
    }
  });
  after(() => host.stop());

  it('finds one slot with one token that is set up', async () => {
    const slots = await host.p11('--list-slots');
    assert.equal(slots.match(/^Slot \d/gm)?.length, 1);
    assert.match(slots, /token label\s*: Cryptech Token\n/);
    assert.match(slots, /token flags\s*:.*login required.*token initialized.*PIN initialized/);
  });

  it('lists mechanisms with key sizes', async () => {
    const mechanisms = await host.p11('--list-mechanisms');
    assert.match(mechanisms, /RSA-PKCS-KEY-PAIR-GEN, keySize=\{1024,8192\}, (hw, )?generate_key_pair/);
    assert.match(mechanisms, /ECDSA, keySize=\{256,521\}, (hw, )?sign, verify/);
    assert.match(mechanisms, /EDDSA, keySize=\{25[56],\d+\}, (hw, )?sign, verify/);
  });

  it('generates an RSA key: its signatures verify, and it can be deleted', async () => {
    const generated = await host.p11LoggedIn('--keypairgen --key-type rsa:2048 --id 01 --label rsa --usage-sign');
    assert.match(generated, /Private Key Object; RSA/);
    assert.match(generated, /Access:\s*sensitive, always sensitive, never extractable, local/);
    assert.match(generated, /Public Key Object; RSA 2048 bits/);

    await host.p11('--read-object --type pubkey --id 01 -o rsa.der');
    await host.run('openssl', 'pkey -pubin -inform DER -in rsa.der -out rsa.pem'.split(' '));
    for (const hash of ['SHA1', 'SHA224', 'SHA256', 'SHA384', 'SHA512']) {
      await host.p11LoggedIn(`--sign --id 01 -m ${hash}-RSA-PKCS -i data -o signature`);
      const verdict = await host.run(
        'openssl',
        `dgst -${hash.toLowerCase()} -verify rsa.pem -signature signature data`.split(' '),
      );
      assert.match(verdict, /Verified OK/, hash);
      const own = await host.p11(`--verify --id 01 -m ${hash}-RSA-PKCS -i data --signature-file signature`);
      assert.match(own, /Signature is valid/, hash);
    }

    // The raw mechanism, as DNS signers use it: the caller has made the DigestInfo (RFC 8017 section 9.2).
    const prefix = Buffer.from('3031300d060960864801650304020105000420', 'hex');
    host.write('digest-info', Buffer.concat([prefix, createHash('sha256').update(data).digest()]));
    await host.p11LoggedIn('--sign --id 01 -m RSA-PKCS -i digest-info -o signature');
    await host.run(
      'openssl',
      'pkeyutl -verify -pubin -inkey rsa.pem -in sha256 -sigfile signature -pkeyopt digest:sha256'.split(' '),
    );

    await host.p11LoggedIn('--delete-object --type privkey --id 01');
    await host.p11LoggedIn('--delete-object --type pubkey --id 01');
    assert.doesNotMatch(await host.p11LoggedIn('--list-objects'), /Object/);
  });

  for (const [curve, name, id, hash, length] of [
    ['prime256v1', 'P-256', '02', 'sha256', 64],
    ['secp384r1', 'P-384', '03', 'sha384', 96],
    ['secp521r1', 'P-521', '04', 'sha512', 132],
  ] as const) {
    it(`generates an EC key on ${name}: its signatures verify`, async () => {
      await host.p11LoggedIn(`--keypairgen --key-type EC:${curve} --id ${id} --label ${curve} --usage-sign`);
      // The engine gives the public key: pkcs11-tool 0.23 cannot read all EC keys back.
      const key = `pkcs11:token=Cryptech%20Token;object=${curve};type=public`;
      await host.run('openssl', [
        'pkey',
        '-engine',
        'pkcs11',
        '-inform',
        'engine',
        '-pubin',
        '-in',
        key,
        '-out',
        'ec.pem',
      ]);

      await host.p11LoggedIn(`--sign --id ${id} -m ECDSA -i ${hash} -o signature`);
      assert.equal(host.read('signature').length, length);
      assert.match(
        await host.p11(`--verify --id ${id} -m ECDSA -i ${hash} --signature-file signature`),
        /Signature is valid/,
      );
      await host.p11LoggedIn(`--sign --id ${id} -m ECDSA -i ${hash} -o signature --signature-format openssl`);
      await host.run('openssl', `pkeyutl -verify -pubin -inkey ec.pem -in ${hash} -sigfile signature`.split(' '));
    });
  }

  it('generates an Ed25519 key: its signatures verify', async () => {
    await host.p11LoggedIn('--keypairgen --key-type EC:edwards25519 --id 05 --label ed25519 --usage-sign');
    await host.p11('--read-object --type pubkey --id 05 -o ed25519.pem');
    await host.p11LoggedIn('--sign --id 05 -m EDDSA -i data -o signature');
    await host.run(
      'openssl',
      'pkeyutl -verify -pubin -inkey ed25519.pem -rawin -in data -sigfile signature'.split(' '),
    );
  });

  it('does not accept a signature of something else', async () => {
    await host.p11LoggedIn('--keypairgen --key-type EC:prime256v1 --id 06 --label other --usage-sign');
    await host.p11LoggedIn('--sign --id 06 -m ECDSA -i sha256 -o signature');
    host.write('changed', createHash('sha256').update('something else').digest());
    const { stdout, stderr } = await host.attempt('pkcs11-tool', [
      '--module',
      MODULE,
      ...'--verify --id 06 -m ECDSA -i changed --signature-file signature'.split(' '),
    ]);
    assert.match(stdout + stderr, /Invalid signature/);
  });

  it('shows public keys to everybody, private keys only after login', async () => {
    const everybody = await host.p11('--list-objects');
    assert.match(everybody, /Public Key Object/);
    assert.doesNotMatch(everybody, /Private Key Object/);
    assert.match(await host.p11LoggedIn('--list-objects'), /Private Key Object/);
  });

  it('refuses a wrong PIN, and the right one still works', async () => {
    const wrong = await host.attempt('pkcs11-tool', ['--module', MODULE, '--login', '--pin', '99999', '-O']);
    assert.notEqual(wrong.status, 0);
    assert.match(wrong.stderr, /CKR_PIN_INCORRECT/);
    await host.p11LoggedIn('--list-objects');
  });

  it('gets random bytes', async () => {
    await host.p11('--generate-random 64 -o random');
    assert.equal(host.read('random').length, 64);
  });
});
