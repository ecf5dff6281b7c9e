/** ldns-signzone signs the manual's example.net zone through OpenSSL's engine; two programs of others judge. */

import assert from 'node:assert/strict';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { Pkcs11Host } from './pkcs11-host.ts';

describe('ldns-signzone through the OpenSSL engine', () => {
  let host: Pkcs11Host;

  before(async () => {
    host = await Pkcs11Host.start();
    const zone = join(import.meta.dirname, '..', '..', 'scripts', 'quickstart', 'example.net');
    copyFileSync(zone, join(host.folder, 'example.net'));
  });
  after(() => host.stop());

  /** Signs with the keys of these labels, and lets both verifiers look. */
  async function signAndVerify(
    algorithm: number,
    ksk: string,
    zsk: string,
    env: Record<string, string> = {},
  ): Promise<void> {
    const key = (label: string): string =>
      `${algorithm},pkcs11:token=Cryptech%20Token;object=${label};type=private?pin-source=file:${host.folder}/pin`;
    const output = `${algorithm}.signed`;
    await host.run(
      'ldns-signzone',
      ['-E', 'pkcs11', '-K', key(ksk), '-k', key(zsk), '-o', 'example.net', '-f', output, 'example.net'],
      env,
    );
    const signed = host.read(output).toString();
    assert.equal(signed.match(/\sIN\s+DNSKEY\s/g)?.length, 2);
    assert.match(await host.run('ldns-verify-zone', [output]), /Zone is verified and complete/);
    await host.run('dnssec-verify', ['-o', 'example.net', output]);
  }

  it('signs with RSASHA256', async () => {
    await host.p11LoggedIn('--keypairgen --key-type rsa:2048 --id 01 --label ksk --usage-sign');
    await host.p11LoggedIn('--keypairgen --key-type rsa:1024 --id 02 --label zsk --usage-sign');
    await signAndVerify(8, 'ksk', 'zsk');
  });

  it('signs with ECDSAP256SHA256', async () => {
    await host.p11LoggedIn('--keypairgen --key-type EC:prime256v1 --id 03 --label eksk --usage-sign');
    await host.p11LoggedIn('--keypairgen --key-type EC:prime256v1 --id 04 --label ezsk --usage-sign');
    await signAndVerify(13, 'eksk', 'ezsk');
  });

  it('signs while the token also has an Ed25519 key, if that type is hidden from the engine', async () => {
    await host.p11LoggedIn('--keypairgen --key-type EC:edwards25519 --id 05 --label ed25519 --usage-sign');
    await signAndVerify(8, 'ksk', 'zsk', { DKS_PKCS11_HIDE_KEY_TYPES: 'EC_EDWARDS' });
  });
});
