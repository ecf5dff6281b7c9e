import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { connect, createServer } from 'node:tls';

import { createServerCertificate, spkiFingerprint } from '#src/crypto/certificate.ts';
import { Bug } from '#src/wire/status.ts';

const request = {
  commonName: 'dks-hsm',
  addresses: [
    '127.0.0.1',
    '192.0.2.200',
    '::1',
    'fe80::1:2%eth0',
    '::ffff:192.0.2.1',
    '2001:db8:1:2:3:4:5:6',
    '127.0.0.1',
  ],
  notBefore: new Date('2025-01-02T03:04:05.678Z'),
  days: 20 * 365,
};
const { keyPem, certPem, fingerprint } = createServerCertificate(request);
const certificate = new X509Certificate(certPem);

const folder = mkdtempSync(join(tmpdir(), 'certificate-'));
after(() => rmSync(folder, { recursive: true, force: true }));

function openssl(...args: string[]): string {
  return execFileSync('openssl', args, { encoding: 'utf8' });
}

test('node:crypto reads what was asked for', () => {
  assert.equal(certificate.subject, 'O=Diamond-HSM\nCN=dks-hsm');
  assert.equal(certificate.issuer, certificate.subject);
  assert.equal(certificate.ca, false);
  assert.equal(certificate.publicKey.asymmetricKeyType, 'rsa');
  assert.equal(certificate.publicKey.asymmetricKeyDetails?.modulusLength, 2048);
  assert.ok(certificate.verify(certificate.publicKey));
  assert.equal(certificate.validFrom, 'Jan  2 03:04:05 2025 GMT');
  assert.equal(certificate.validTo, 'Dec 28 03:04:05 2044 GMT');
  assert.equal(certificate.checkHost('dks-hsm'), 'dks-hsm');
  for (const address of ['127.0.0.1', '192.0.2.200', '::1', 'fe80::1:2', '2001:db8:1:2:3:4:5:6']) {
    assert.equal(certificate.checkIP(address), address);
  }
  assert.equal(certificate.checkIP('192.0.2.201'), undefined);
  assert.equal(
    certificate.subjectAltName,
    'DNS:dks-hsm, IP Address:127.0.0.1, IP Address:192.0.2.200, IP Address:0:0:0:0:0:0:0:1, IP Address:FE80:0:0:0:0:0:1:2, ' +
      'IP Address:0:0:0:0:0:FFFF:C000:201, IP Address:2001:DB8:1:2:3:4:5:6',
  );
});

test('the openssl program reads and verifies it', () => {
  const file = join(folder, 'cert.pem');
  writeFileSync(file, certPem);
  const text = openssl('x509', '-in', file, '-noout', '-text');
  assert.match(text, /Version: 3 \(0x2\)/);
  assert.match(text, /Signature Algorithm: sha256WithRSAEncryption/);
  assert.match(text, /Basic Constraints: critical\s+CA:FALSE/);
  assert.match(text, /Key Usage: critical\s+Digital Signature, Key Encipherment/);
  assert.match(text, /Extended Key Usage: \s+TLS Web Server Authentication/);
  assert.doesNotMatch(text, /\(Negative\)/);
  const verified = openssl('verify', '-x509_strict', '-purpose', 'sslserver', '-CAfile', file, file);
  assert.match(verified, /: OK/);
});

test('serial numbers are positive, of full length and never the same', () => {
  const serials = Array.from({ length: 20 }, () => {
    const { certPem: pem } = createServerCertificate({ ...request, keyPem });
    return new X509Certificate(pem).serialNumber;
  });
  assert.equal(new Set(serials).size, serials.length);
  for (const serial of serials) assert.match(serial, /^[4-7][0-9A-F]{31}$/);
});

test('the fingerprint is that of the key and survives a renewal', () => {
  const spki = certificate.publicKey.export({ format: 'der', type: 'spki' });
  assert.equal(fingerprint, createHash('sha256').update(spki).digest('hex'));
  assert.match(fingerprint, /^[0-9a-f]{64}$/);
  assert.equal(spkiFingerprint(certPem), fingerprint);
  assert.equal(spkiFingerprint(certificate.raw), fingerprint);
  const renewed = createServerCertificate({ ...request, addresses: [], keyPem });
  assert.equal(renewed.fingerprint, fingerprint);
  assert.equal(renewed.keyPem, keyPem);
  assert.notEqual(renewed.certPem, certPem);
  assert.notEqual(createServerCertificate(request).fingerprint, fingerprint);
});

test('dates from 2050 on are written as the standard demands', () => {
  const { certPem: pem } = createServerCertificate({
    ...request,
    notBefore: new Date('2049-12-31T00:00:00Z'),
    days: 1,
    keyPem,
  });
  const late = new X509Certificate(pem);
  assert.equal(late.validFrom, 'Dec 31 00:00:00 2049 GMT');
  assert.equal(late.validTo, 'Jan  1 00:00:00 2050 GMT');
  assert.ok(late.raw.includes('20500101000000Z'));
});

test('something that is not an address is refused', () => {
  for (const address of ['', 'dks-hsm', '1.2.3', '1.2.3.4.5', '::g', '1:2']) {
    assert.throws(() => createServerCertificate({ ...request, addresses: [address], keyPem }), Bug);
  }
});

test('a TLS server runs with it, checked by name and by address', async () => {
  const server = createServer({ key: keyPem, cert: certPem }, (socket) => socket.end('hello'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const now = certificate.validFromDate.getTime() < Date.now();
  assert.ok(now);
  for (const options of [{ servername: 'dks-hsm' }, {}]) {
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      const socket = connect({ port, host: '127.0.0.1', ca: certPem, maxVersion, ...options });
      await once(socket, 'secureConnect');
      assert.equal(socket.authorized, true);
      socket.destroy();
    }
  }
  server.close();
});
