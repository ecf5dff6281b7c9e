/** OpenDNSSEC's enforcer and signer keep the zone example.com signed with keys of the HSM (manual section 7). */

import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { signWithOpenDnssec } from './opendnssec.ts';
import { MODULE, Pkcs11Host, TOKEN } from './pkcs11-host.ts';

describe('OpenDNSSEC', () => {
  let host: Pkcs11Host;

  before(async () => {
    host = await Pkcs11Host.start();
  });
  after(() => host.stop());

  for (const [name, skipPublicKey, algorithm, kskLength, zskLength, keyType] of [
    ['RSASHA256 with SkipPublicKey', true, 8, 2048, 1024, /RSA\/2048/],
    ['ECDSAP256SHA256', false, 13, 256, 256, /ECDSA\/256/],
  ] as const) {
    it(`signs with ${name}, rolls its keys, and the zone stays valid`, async () => {
      const folder = join(host.folder, `opendnssec-${algorithm}`);
      mkdirSync(folder);
      const result = await signWithOpenDnssec({
        folder,
        module: MODULE,
        tokenLabel: TOKEN,
        pin: host.userPin,
        skipPublicKey,
        algorithm,
        kskLength,
        zskLength,
        env: host.env,
      });

      assert.match(result.keysAtFirst, /example\.com\s+KSK\s+publish .* Cryptech /);
      assert.match(result.keysAtFirst, /example\.com\s+ZSK\s+ready .* Cryptech /);
      assert.match(result.keysAtLast, /example\.com\s+KSK\s+active .* Cryptech /);
      assert.match(result.hsmList, keyType);
      for (const zone of [result.zoneAtFirst, result.zoneAtLast]) {
        assert.match(await host.run('ldns-verify-zone', [zone]), /Zone is verified and complete/);
        await host.run('dnssec-verify', ['-o', 'example.com', zone]);
      }
      if (skipPublicKey) {
        const publicKeys = await host.p11('--list-objects --type pubkey');
        assert.doesNotMatch(publicKeys, /RSA/, 'the public halves were session objects');
      }
    });
  }
});
